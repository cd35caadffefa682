"""A GeoReport v2 server (open311.org/GeoReport/v2): JSON and XML, tokens for services of type batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: no query spans more, or returns more
LONGEST = timedelta(days=90)
MOST = 1000
LONGEST_DESCRIPTION = 4000

Entry = dict[str, Any]


@dataclass(slots=True)
class GeoReport:
    """The city's requests in memory. ``batch``: service codes that answer with a token first."""

    api_key: str
    jurisdiction: str = "city.example"
    services: tuple[str, ...] = ("001", "002")
    batch: frozenset[str] = frozenset()
    requests: list[Entry] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    #: how often a token is asked for before its request has an id
    patience: int = 1
    _asked: dict[str, int] = field(default_factory=dict)

    def app(self) -> Starlette:
        """The endpoint."""
        return Starlette(
            routes=[
                Route("/services.{form}", self._services),
                Route("/requests.{form}", self._post, methods=["POST"]),
                Route("/requests.{form}", self._query),
                Route("/requests/{id}.{form}", self._one),
                Route("/tokens/{token}.{form}", self._token),
            ]
        )

    def close(self, request_id: str, notes: str) -> None:
        """The city has settled a request."""
        entry = next(it for it in self.requests if it["service_request_id"] == request_id)
        entry |= {"status": "closed", "status_notes": notes, "updated_datetime": _w3(datetime.now(UTC))}

    async def _services(self, request: Request) -> Response:
        rows = [
            {"service_code": code, "service_name": code, "metadata": False, "type": self._type(code)}
            for code in self.services
        ]
        return _answer(request, "services", "service", rows)

    def _type(self, code: str) -> str:
        return "batch" if code in self.batch else "realtime"

    async def _post(self, request: Request) -> Response:
        form = await request.form()
        given = {name: str(value) for name, value in form.items()}
        if (wrong := self._wrong(given)) is not None:
            return _refused(request, *wrong)
        code = given["service_code"]
        entry = self._kept(code, given)
        if code in self.batch:
            token = f"t-{entry['service_request_id']}"
            self.tokens[token] = entry["service_request_id"]
            return _answer(request, "service_requests", "request", [{"token": token}])
        row = {"service_request_id": entry["service_request_id"], "service_notice": None, "account_id": None}
        return _answer(request, "service_requests", "request", [row])

    def _wrong(self, given: dict[str, str]) -> tuple[int, str] | None:
        """The first thing that the standard does not allow."""
        code = given.get("service_code")
        located = ("lat" in given and "long" in given) or given.get("address_string") or "address_id" in given
        checks = (
            (given.get("api_key") == self.api_key, 403, "Missing or invalid api_key"),
            (
                given.get("jurisdiction_id", self.jurisdiction) == self.jurisdiction,
                404,
                "jurisdiction_id was not found",
            ),
            (bool(code), 400, "service_code was not provided"),
            (code in self.services, 404, "service_code was not found"),
            (bool(located), 400, "a location is required"),
            (
                len(given.get("description", "")) <= LONGEST_DESCRIPTION,
                400,
                "description is too long",
            ),
        )
        return next(((status, why) for right, status, why in checks if not right), None)

    def _kept(self, code: str, given: dict[str, str]) -> Entry:
        now = _w3(datetime.now(UTC))
        entry: Entry = {
            "service_request_id": str(293_944 + len(self.requests)),
            "status": "open",
            "status_notes": None,
            "service_name": code,
            "service_code": code,
            "description": given.get("description"),
            "agency_responsible": None,
            "requested_datetime": now,
            "updated_datetime": now,
            "address": given.get("address_string"),
            "lat": given.get("lat"),
            "long": given.get("long"),
        }
        self.requests.append(entry)
        return entry

    async def _query(self, request: Request) -> Response:
        asked = request.query_params
        if "service_request_id" in asked:
            ids = asked["service_request_id"].split(",")
            rows = [it for it in self.requests if it["service_request_id"] in ids]
            return _answer(request, "service_requests", "request", rows)
        end = _moment(asked.get("end_date")) or datetime.now(UTC)
        start = _moment(asked.get("start_date")) or end - LONGEST
        if end - start > LONGEST:
            return _refused(request, 400, "the range spans more than 90 days")
        codes = asked["service_code"].split(",") if "service_code" in asked else self.services
        states = asked["status"].split(",") if "status" in asked else ("open", "closed")
        rows = [
            it
            for it in self.requests
            if start <= datetime.fromisoformat(it["requested_datetime"]) <= end
            and it["service_code"] in codes
            and it["status"] in states
        ]
        return _answer(request, "service_requests", "request", rows[:MOST])

    async def _one(self, request: Request) -> Response:
        rows = [it for it in self.requests if it["service_request_id"] == request.path_params["id"]]
        if not rows:
            return _refused(request, 404, "service_request_id was not found")
        return _answer(request, "service_requests", "request", rows)

    async def _token(self, request: Request) -> Response:
        token = request.path_params["token"]
        if token not in self.tokens:
            return _refused(request, 404, "token was not found")
        self._asked[token] = self._asked.get(token, 0) + 1
        ready = self._asked[token] > self.patience
        row = {"service_request_id": self.tokens[token] if ready else "", "token": token}
        return _answer(request, "service_requests", "request", [row])


def _w3(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _refused(request: Request, status: int, why: str) -> Response:
    row = {"code": str(status), "description": why}
    return _answer(request, "errors", "error", [row], status)


def _answer(request: Request, many: str, one: str, rows: list[Entry], status: int = 200) -> Response:
    if request.path_params["form"] == "json":
        return JSONResponse(rows, status)
    body = "".join(
        f"<{one}>" + "".join(f"<{k}>{escape(str(v or ''))}</{k}>" for k, v in row.items()) + f"</{one}>"
        for row in rows
    )
    text = f'<?xml version="1.0" encoding="utf-8"?><{many}>{body}</{many}>'
    return Response(text, status, media_type="text/xml")
