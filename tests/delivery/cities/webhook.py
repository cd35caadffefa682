"""A city's own system that takes the signed webhook as docs/delivery.md describes it to receivers."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from tests.delivery.cities.base import Asked, City, Refused, Reply

KINDS = ("ticket", "update", "warning")


def signature(secret: str, timestamp: str, key: str, body: bytes) -> str:
    """``v1=HMAC-SHA256(secret, TIMESTAMP "." KEY "." BODY)`` in hex."""
    signed = b".".join((timestamp.encode(), key.encode(), body))
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signed_headers(secret: str, key: str, body: bytes, *, at: float | None = None) -> dict[str, str]:
    """The headers of what this city tells the hotline."""
    timestamp = str(int(time.time() if at is None else at))
    return {
        "Idempotency-Key": key,
        "Hotline-Timestamp": timestamp,
        "Hotline-Signature": signature(secret, timestamp, key, body),
        "Content-Type": "application/json",
    }


@dataclass(frozen=True, slots=True)
class Held:
    """What came under one key, and the state that the city gave it."""

    id: str
    kind: str
    body: bytes
    document: dict[str, Any]
    status: str | None = None
    note: str | None = None


class WebhookCity(City):
    SECRET = "webhook-secret"

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        super().__init__()

    # the city's side

    def set_state(self, key: str, status: str, note: str | None = None) -> None:
        with self.lock:
            self.held[key] = replace(self.held[key], status=status, note=note)

    def remove(self, key: str) -> None:
        with self.lock:
            del self.held[key]

    def holding(self, words: str) -> list[Held]:
        with self.lock:
            return [it for it in self.held.values() if words in it.body.decode()]

    def of_kind(self, kind: str) -> list[Held]:
        with self.lock:
            return [it for it in self.held.values() if it.kind == kind]

    # HTTP

    def step(self, asked: Asked) -> str:
        if asked.method == "POST" and asked.path == "/hotline":
            return "create"
        return "search" if asked.method == "GET" and asked.path.startswith("/hotline/") else "unknown"

    def do(self, step: str, asked: Asked) -> Reply:
        if step == "create":
            return self._take(asked)
        if step == "search":
            return self._look(asked)
        raise Refused(404, f"{asked.method} {asked.path}")

    def _take(self, asked: Asked) -> Reply:
        if asked.media_type != "application/json":
            raise Refused(415, f"{asked.media_type or 'nothing'} instead of application/json")
        key = self._signed(asked, asked.body)
        document = self._document(asked)
        held = self.held.get(key)
        if held is None:
            number = f"W-{len(self.held) + 1:04d}"
            held = self.held[key] = Held(number, document["kind"], asked.body, document)
        elif held.kind != document["kind"]:
            raise Refused(422, f"key {key} was used for a {held.kind}")
        return Reply(200, _shown(held))

    def _look(self, asked: Asked) -> Reply:
        key = self._signed(asked, b"")
        if unquote(asked.path) != f"/hotline/{key}":
            raise Refused(401, "the key that was signed is not the one of the address")
        if key not in self.held:
            return Reply(404, {"error": "not known"})
        return Reply(200, _shown(self.held[key]))

    def _signed(self, asked: Asked, body: bytes) -> str:
        key = asked.headers.get("idempotency-key", "")
        timestamp = asked.headers.get("hotline-timestamp", "")
        if not re.fullmatch(r"[\x21-\x7e]{8,255}", key):
            raise Refused(400, f"Idempotency-Key {key!r}")
        if not timestamp.isdecimal() or abs(int(timestamp) - time.time()) > 300:
            raise Refused(401, f"Hotline-Timestamp {timestamp!r} is more than 300 s away")
        given = asked.headers.get("hotline-signature", "")
        if not hmac.compare_digest(given, signature(self.SECRET, timestamp, key, body)):
            raise Refused(401, "Hotline-Signature does not fit")
        return key

    def _document(self, asked: Asked) -> dict[str, Any]:
        try:
            document = json.loads(asked.body.decode("utf-8"))
        except ValueError as error:
            raise Refused(400, f"no JSON: {error}") from error
        if not isinstance(document, dict) or set(document) - {"kind", "ticket", "id", "warning"}:
            raise Refused(422, f"fields {', '.join(document)}")
        ticket = document.get("ticket")
        if document.get("kind") not in KINDS or not isinstance(ticket, dict) or not ticket.get("number"):
            raise Refused(422, "kind and ticket are needed")
        return document

    # troubles

    def other(self, step: str, reply: Reply) -> Reply:
        return replace(reply, document={**reply.document, "id": "W-9999"})

    def two(self, step: str, reply: Reply) -> Reply:
        return replace(reply, document=[reply.document, {**reply.document, "id": "W-9999"}])


def _shown(held: Held) -> dict[str, Any]:
    shown = {"id": held.id, "status": held.status, "note": held.note}
    return {name: value for name, value in shown.items() if value is not None}
