"""What every request must pass, and what every response carries."""

from __future__ import annotations

import ipaddress
import socket

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketing_bridge.api.guards import read_away, unreadable
from ticketing_bridge.api.problems import problem_response

#: no form of ours is longer, bytes
BODY_LIMIT = 64 * 1024
#: a file of the city's data, bytes
FILE_LIMIT = 4 * 1024 * 1024

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "media-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
#: as they are sent
_SAID = [
    (name.lower().encode(), it.encode()) for name, it in (HEADERS | {"Cache-Control": "no-store"}).items()
]


class SecurityHeaders:
    """Adds the headers; pages with people's data are not kept by any cache."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message["headers"]
                names = {name for name, _ in said}
                message["headers"] = [*said, *(it for it in _SAID if it[0] not in names)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def is_loopback(host: str | None) -> bool:
    """Whether an address is of this machine."""
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class KnownHost:
    """Refuses a Host header that is not ours, so that no foreign name can be bound to this service.

    Bound to one address: that address and loopback. Bound to all addresses: any
    literal address (which cannot be rebound by name) and this machine's own name.
    """

    def __init__(self, app: ASGIApp, bind_host: str) -> None:
        self.app = app
        self._any_address = bind_host in {"0.0.0.0", "::", ""}
        self._names = {"localhost", "127.0.0.1", "::1", bind_host.lower()}
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or self._known(Headers(scope=scope).get("host", "")):
            await self.app(scope, receive, send)
        else:
            api = scope["path"].startswith("/api/")
            refused = problem_response(400, "host-unknown") if api else PlainTextResponse("unknown host", 400)
            await refused(scope, receive, send)

    def _known(self, header: str) -> bool:
        name = header.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name in self._names:
            return True
        try:
            return self._any_address and bool(ipaddress.ip_address(name))
        except ValueError:
            return False


class ReadableAddress:
    """Refuses an address with NUL (400), which no text of ours has and the database does not take."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # the API has guards of its own, which answer as it does
        if scope["type"] == "http" and not scope["path"].startswith("/api/") and unreadable(scope):
            await PlainTextResponse("NUL", 400)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class BodyLimit:
    """Refuses bodies without a length (411) or longer than ours ever are (413)."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self.app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        api = scope.get("path", "").startswith("/api/")  # the lifespan has no path
        if scope["type"] == "http" and not api and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
            length = Headers(scope=scope).get("content-length")
            if length is None or not length.isdecimal():
                await PlainTextResponse("length required", status_code=411)(scope, receive, send)
                return
            if int(length) > self._most(scope["path"]):
                await read_away(scope, receive)
                await PlainTextResponse("too long", status_code=413)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _most(self, path: str) -> int:
        return FILE_LIMIT if path.startswith("/catalogue/") else self._limit
