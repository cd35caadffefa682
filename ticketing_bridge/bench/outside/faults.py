"""Everything that can go wrong between two systems, on purpose.

A fault *before* leaves the other system untouched; one *after* has let it do its work first.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Fault(StrEnum):
    """What goes wrong with a request."""

    ERROR_BEFORE = "500, nothing done"
    ERROR_AFTER = "500, but done"
    HANG_BEFORE = "no answer, nothing done"
    HANG_AFTER = "no answer, but done"
    CUT_AFTER = "done, then cut within the answer"
    GARBAGE = "done, the answer is no answer"
    TWICE = "done, answered twice"
    OTHER_ID = "done, answered with another id"


#: which fault the next request meets, if any
Plan = Callable[[str, str], Fault | None]


def by_chance(rate: float, seed: int, kinds: Sequence[Fault] = tuple(Fault)) -> Plan:
    """A share of all requests fails, in all the ways in turn."""
    drawn = random.Random(seed)
    return lambda _method, _path: drawn.choice(kinds) if drawn.random() < rate else None


def in_turn(faults: Sequence[Fault | None], method: str) -> Plan:
    """These, one after the other, for requests of this method; then none."""
    left = list(faults)
    return lambda given, _path: left.pop(0) if left and given == method else None


class Faulty:
    """An application that goes wrong as planned."""

    def __init__(self, app: ASGIApp, plan: Plan, *, hang_s: float = 3600.0) -> None:
        self.app = app
        self.plan = plan
        self.hang_s = hang_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.plan(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        if fault in {Fault.ERROR_BEFORE, Fault.HANG_BEFORE}:
            await self._drained(receive)
            answer = _Answer(500, b'{"error":"before"}')
        else:
            answer = await _answered(self.app, scope, receive)
        if fault in {Fault.HANG_BEFORE, Fault.HANG_AFTER}:
            await asyncio.sleep(self.hang_s)
        await _WAYS.get(fault, _as_it_is)(answer, send)

    @staticmethod
    async def _drained(receive: Receive) -> None:
        while (await receive()).get("more_body"):
            pass


class _Answer:
    def __init__(self, status: int, body: bytes, kind: bytes = b"application/json") -> None:
        self.status, self.body, self.kind = status, body, kind

    async def sent(self, send: Send, *, length: int | None = None) -> None:
        size = str(len(self.body) if length is None else length).encode()
        headers = [(b"content-type", self.kind), (b"content-length", size)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": length is not None})


async def _answered(app: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    parts: list[bytes] = []
    status, kind = 500, b"application/json"

    async def keep(message: Message) -> None:
        nonlocal status, kind
        if message["type"] == "http.response.start":
            status = message["status"]
            kind = dict(message["headers"]).get(b"content-type", kind)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return _Answer(status, b"".join(parts), kind)


async def _as_it_is(answer: _Answer, send: Send) -> None:
    await answer.sent(send)


async def _error(answer: _Answer, send: Send) -> None:
    await _Answer(500, b"<h1>Internal Server Error</h1>", b"text/html").sent(send)


async def _cut(answer: _Answer, send: Send) -> None:
    answer.body = answer.body[: len(answer.body) // 2]
    await answer.sent(send, length=len(answer.body) * 2 + 64)
    raise ConnectionAbortedError


async def _garbage(answer: _Answer, send: Send) -> None:
    await _Answer(answer.status, b"\xff\xfe{not json", answer.kind).sent(send)


async def _twice(answer: _Answer, send: Send) -> None:
    content = _content(answer)
    rows = content if isinstance(content, list) else [content]
    doubled = [*rows, *({**row, **_other(row)} for row in rows)]
    await _Answer(answer.status, json.dumps(doubled).encode(), answer.kind).sent(send)


async def _other_id(answer: _Answer, send: Send) -> None:
    content = _content(answer)
    if isinstance(content, list):
        content = [{**it, **_other(it)} for it in content]
    elif isinstance(content, dict):
        content = {**content, **_other(content)}
    await _Answer(answer.status, json.dumps(content).encode(), answer.kind).sent(send)


def _other(row: dict[str, Any]) -> dict[str, Any]:
    """The same with ids that are not its own."""
    ids = {
        name: value for name, value in row.items() if name in {"id", "service_request_id", "token"} and value
    }
    return {name: value + 7 if isinstance(value, int) else f"{value}7" for name, value in ids.items()}


def _content(answer: _Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return {}


_WAYS: dict[Fault, Callable[[_Answer, Send], Awaitable[None]]] = {
    Fault.ERROR_AFTER: _error,
    Fault.CUT_AFTER: _cut,
    Fault.GARBAGE: _garbage,
    Fault.TWICE: _twice,
    Fault.OTHER_ID: _other_id,
}
