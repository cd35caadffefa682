"""A city's own system behind a signed webhook, and an SMS gateway, as ``docs/delivery.md`` describes them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: a signature older than this is refused, seconds
FRESH_S = 300


@dataclass(slots=True)
class WebhookReceiver:
    """Takes signed messages, one of each key. ``careless``: it does not know a key again."""

    secret: str
    careless: bool = False
    items: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    def app(self) -> Starlette:
        """The endpoint."""
        return Starlette(
            routes=[
                Route("/hotline", self._take, methods=["POST"]),
                Route("/hotline/{key:path}", self._lookup),
            ]
        )

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if not self._signed(request, body):
            self.refused += 1
            return JSONResponse({"error": "signature"}, 401)
        message = json.loads(body)
        key = request.headers["idempotency-key"]
        if message["kind"] != "ticket":
            (self.updates if message["kind"] == "update" else self.others).append(message | {"key": key})
            return JSONResponse({"id": key})
        known = None if self.careless else self._of(key)
        if known is None:
            known = {"id": f"city-{len(self.items) + 1}", "key": key, "status": "received", **message}
            self.items.append(known)
        return JSONResponse({"id": known["id"], "key": key, "status": known["status"]}, 201)

    async def _lookup(self, request: Request) -> Response:
        if not self._signed(request, b""):
            self.refused += 1
            return JSONResponse({"error": "signature"}, 401)
        known = self._of(request.path_params["key"])
        if known is None:
            return JSONResponse({"error": "unknown"}, 404)
        shown = {name: known.get(name) for name in ("id", "key", "status", "note")}
        return JSONResponse(shown)

    def _of(self, key: str) -> dict[str, Any] | None:
        return next((it for it in self.items if it["key"] == key), None)

    def _signed(self, request: Request, body: bytes) -> bool:
        stamp = request.headers.get("hotline-timestamp", "")
        key = request.headers.get("idempotency-key", "")
        if not stamp.isdecimal() or abs(time.time() - int(stamp)) > FRESH_S:
            return False
        signed = b".".join((stamp.encode(), key.encode(), body))
        right = "v1=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, request.headers.get("hotline-signature", ""))


@dataclass(slots=True)
class SmsGateway:
    """Takes messages as JSON or as a form and says ``{"code": 0, "msgid": …}``, as many gateways do."""

    token: str
    messages: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        """The endpoint."""
        return Starlette(routes=[Route("/send", self._send, methods=["POST"])])

    async def _send(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"code": 401, "msg": "token"})
        if request.headers.get("content-type", "").startswith("application/json"):
            given = await request.json()
        else:
            given = {name: str(value) for name, value in (await request.form()).items()}
        if not str(given.get("mobile", "")).isdecimal():
            return JSONResponse({"code": 1002, "msg": "mobile"})
        self.messages.append(given)
        return JSONResponse({"code": 0, "msgid": f"m{len(self.messages)}"})
