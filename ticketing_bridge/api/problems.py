"""Every error as ``application/problem+json`` (RFC 9457), with the same stable ids as everywhere."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from facts.errors import HotlineError
from ticketing_bridge.access import AccessRefused
from ticketing_bridge.store import DatabaseAway

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What is wrong, for the program that asked and for who reads its log."""

    type: str = Field(description="urn:hotline:<error_id>", examples=["urn:hotline:token-expired"])
    title: str
    status: int
    error_id: str
    detail: str | None = None
    #: of a request that does not fit: where, and what is wrong there
    errors: list[dict[str, str]] = []


class ApiProblem(HotlineError):
    """A request of a client that is not done."""

    def __init__(
        self, status: int, error_id: str, detail: str | None = None, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail or error_id)
        self.status, self.error_id, self.detail = status, error_id, detail
        self.headers = headers or {}


def problem_response(
    status: int,
    error_id: str,
    detail: str | None = None,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer."""
    body = Problem(
        type=f"urn:hotline:{error_id}",
        title=HTTPStatus(status).phrase,
        status=status,
        error_id=error_id,
        detail=detail,
        errors=errors or [],
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, media_type=MEDIA_TYPE, headers=headers)


#: what every route may answer, for its description
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "model": Problem,
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 405, 409, 411, 413, 415, 422, 429, 500, 503)
}


def install(app: FastAPI) -> None:
    """Let nothing leave this application that is not a problem of ours."""
    app.add_exception_handler(ApiProblem, _own)
    app.add_exception_handler(HotlineError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _own(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiProblem)
    return problem_response(problem.status, problem.error_id, problem.detail, headers=problem.headers)


async def _ours(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HotlineError)
    if isinstance(problem, DatabaseAway):
        log.warning("api not served", path=request.url.path, problem=str(problem))
        return problem_response(503, problem.error_id, headers={"Retry-After": "2"})
    status = 403 if isinstance(problem, AccessRefused) else 409 if problem.exit_code == 1 else 422
    return problem_response(status, problem.error_id, str(problem))


async def _invalid(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    errors = [
        {"where": ".".join(map(str, it["loc"])), "what": str(it["msg"])[:300]} for it in problem.errors()[:50]
    ]
    return problem_response(422, "request-invalid", errors=errors)


async def _http(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    names = {404: "not-found", 405: "method-not-allowed", 400: "request-unreadable"}
    headers = dict(problem.headers) if problem.headers else None
    return problem_response(
        problem.status_code, names.get(problem.status_code, "http-error"), headers=headers
    )


async def _fault(request: Request, problem: Exception) -> Response:
    """A fault of ours: its words go to the log, never to the client."""
    log.error("api fault", path=request.url.path, error=type(problem).__name__, exc_info=problem)
    return problem_response(500, "fault")
