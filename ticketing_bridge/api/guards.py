"""What a request must pass before any route sees it: its length, and characters that no text of ours has."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketing_bridge.api.problems import problem_response

#: no request of a client is longer, bytes
BODY_LIMIT = 1024 * 1024


#: so much of a body that is refused is read all the same, bytes and seconds
_READ_AWAY, _READ_AWAY_S = 64 * 1024 * 1024, 10.0


async def read_away(scope: Scope, receive: Receive) -> None:
    """Read what is refused, and keep nothing of it: who still sends sees no answer, but a broken line.

    Not from who waits to be told to go on (``Expect: 100-continue``): it is never sent.
    """
    if "expect" in Headers(scope=scope):
        return
    left, more = _READ_AWAY, True
    with suppress(TimeoutError):
        async with asyncio.timeout(_READ_AWAY_S):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


def unreadable(scope: Scope) -> bool:
    """Whether an address has NUL, which no text of ours has and the database does not take."""
    return "\0" in scope["path"] or b"%00" in scope.get("query_string", b"")


class Guards:
    """Refuses bodies that are too long, with or without a length, and NUL in addresses."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self.app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if unreadable(scope):
            await problem_response(400, "request-unreadable", "NUL in the address")(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length")
        if length is not None and (not length.isdecimal() or int(length) > self._limit):
            await read_away(scope, receive)
            await self._too_long()(scope, receive, send)
            return
        await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body, which has no length or a false one, before anybody works with it."""
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > self._limit:
                if more:
                    await read_away(scope, receive)
                await self._too_long()(scope, receive, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, again, send)

    def _too_long(self) -> ASGIApp:
        return problem_response(413, "body-too-long", f"no request is longer than {self._limit} bytes")
