"""The thin edge to other systems: one request, one answer, and what is known when there is none."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from ticketing_bridge.delivery.problems import InDoubt, NotArrived, Refused

#: an answer that is longer is none of ours, bytes
MOST_ANSWER = 4 * 1024 * 1024
#: about us, not about what was sent: worth another try
_LATER = frozenset({401, 403, 407, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer with a status of 200 to 299."""

    status: int
    body: bytes


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that connectors trust; read once, for that takes a while."""
    return httpx.create_ssl_context(trust_env=False)


class Wire:
    """Requests to one system. ``async with Wire(15.0) as wire``; nothing is followed to another address."""

    def __init__(self, timeout_s: float, *, connections: int = 4) -> None:
        self._timeout_s = timeout_s
        # a connection for each request: on one that is kept, who answers twice answers the next one, too
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            verify=_trusted(), timeout=timeout_s, limits=limits, follow_redirects=False, trust_env=False
        )

    async def close(self) -> None:
        """Give all connections back."""
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str | Sequence[str]] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, answered within the timeout as a whole.

        Raises:
            NotArrived: no connection, or they want us later or with other credentials.
            InDoubt: sent, and no full answer, or one that says nothing, or one that points elsewhere.
            Refused: they do not take it, and will not.
        """
        request = self._client.build_request(
            method, url, params=params, data=form, json=json, content=body, headers=headers
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return _judged(*await self._sent(request))
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as problem:
            raise NotArrived(f"no connection: {type(problem).__name__}") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as problem:
            raise InDoubt(f"no full answer: {type(problem).__name__}") from None
        except TimeoutError:
            raise InDoubt(f"no answer within {self._timeout_s:g} s") from None

    async def _sent(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        answer = await self._client.send(request, stream=True)
        try:
            parts: list[bytes] = []
            size = 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > MOST_ANSWER:
                    raise InDoubt("the answer is too long")
                parts.append(part)
            return answer, b"".join(parts)
        finally:
            await answer.aclose()


def _judged(answer: httpx.Response, body: bytes) -> Answer:
    status = answer.status_code
    if 200 <= status < 300:
        return Answer(status, body)
    if status in _LATER:
        raise NotArrived(f"answered {status}", retry_after_s=_seconds(answer.headers.get("retry-after")))
    # a redirect is not about what was sent: a proxy in between, or a form that has been taken
    if status >= 500 or 300 <= status < 400:
        raise InDoubt(f"answered {status}", retry_after_s=_seconds(answer.headers.get("retry-after")))
    raise Refused(f"answered {status}", status=status)


def _seconds(given: str | None) -> float | None:
    """Of a Retry-After, which is in seconds or a date (RFC 9110, 10.2.3)."""
    if not given or not given.isascii():
        return None
    if given.isdecimal():
        return float(given) if len(given) < 7 else None
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
