"""The FastAGI server. Whatever connects, the callers already on the line do not notice.

A connection that does not send whole headers in time, or comes from elsewhere, or is one too
many, is closed with one log event. When a handler fails, its connection is closed and Asterisk
goes on in the dialplan, which leads to the queue: no caller is left in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import structlog

from facts.caller_session import CallerGone
from facts.errors import HotlineError
from facts.identity import CallKey
from telephony.agi.listening import Listener
from telephony.agi.presses import KeyWitness
from telephony.agi.protocol import AgiProtocolError, parse_handshake
from telephony.agi.session import AgiSession
from telephony.keepalive import keep_alive

__all__ = ["AgiServer", "AgiSession"]

_log = structlog.get_logger(__name__)
_MAX_HEADER_BYTES = 16_384
#: told to the dialplan when the handler failed
FAILED_VARIABLE = "HOTLINE_AGI_FAILED"
#: told to the dialplan when the handler came to its end: a server that dies looks like one that ends
DONE_VARIABLE = "HOTLINE_AGI_DONE"
#: what was sent and not acknowledged for so long: the other machine is gone
_UNANSWERED_MS = 2000


class AgiPortTaken(HotlineError):
    """The FastAGI port cannot be opened."""

    error_id = "agi-port-taken"


class AgiServer:
    """``async with AgiServer(…)``: every caller gets a task of his own that runs ``handler``.

    Args:
        listener: hears what callers say (``session.listen``); None: nobody can.
        interrupt: ends what is being played on a channel, by name.
        witness: tells keys that were pressed from those that the PBX counts twice.
        on_lost: awaited with channel and call when a connection died without a hang-up: the caller
            may still be there, in silence.
        reuse_port: several processes listen on the same port, and the kernel gives each its share.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: Callable[[AgiSession], Awaitable[None]],
        *,
        pbx_id: str,
        allowed_peers: Sequence[str] = ("127.0.0.0/8", "::1"),
        max_sessions: int = 1000,
        handshake_s: float = 2.0,
        listener: Listener | None = None,
        interrupt: Callable[[str], Awaitable[None]] | None = None,
        witness: KeyWitness | None = None,
        on_lost: Callable[[str, CallKey], Awaitable[None]] | None = None,
        reuse_port: bool = False,
    ) -> None:
        self.port = port
        self._host = host
        self._handler = handler
        self._pbx_id = pbx_id
        self._allowed = [ipaddress.ip_network(peer) for peer in allowed_peers]
        self._max_sessions = max_sessions
        self._handshake_s = handshake_s
        self._listener = listener
        self._interrupt = interrupt
        self._witness = witness
        self._on_lost = on_lost
        self._reuse_port = reuse_port
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        #: connections that were not a caller's, since the start
        self.refused = 0

    @property
    def sessions(self) -> int:
        """Connections that are open now."""
        return len(self._sessions)

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(
                self._connected,
                self._host,
                self.port,
                limit=_MAX_HEADER_BYTES,
                reuse_port=self._reuse_port or None,
                backlog=1024,
            )
        except OSError as taken:
            raise AgiPortTaken(
                f"FastAGI cannot listen on {self._host}:{self.port}: {taken.strerror}",
                fix="end what uses it, or set HOTLINE_AGI_PORT",
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept or close at once; the task is ours to end."""
        peer = writer.get_extra_info("peername") or ("?", 0)
        if not self._may_connect(str(peer[0])):
            return self._refuse(writer, "the peer is not in allowed_peers", str(peer[0]))
        if len(self._sessions) >= self._max_sessions:
            return self._refuse(writer, f"{self._max_sessions} sessions are the most", str(peer[0]))
        task = asyncio.create_task(self._serve(reader, writer, str(peer[0])), name="agi session")
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)
        return None

    def _may_connect(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._allowed)

    def _refuse(self, writer: asyncio.StreamWriter, why: str, peer: str) -> None:
        self.refused += 1
        _log.warning("agi.refused", peer=peer, why=why)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        try:
            session = await self._handshake(reader, writer)
        except (AgiProtocolError, TimeoutError, EOFError, OSError, asyncio.LimitOverrunError) as wrong:
            self._refuse(writer, f"no FastAGI handshake ({type(wrong).__name__}: {wrong})"[:200], peer)
            return
        try:
            await self._run(session)
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()
            writer.transport.abort()

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AgiSession:
        keep_alive(
            writer.get_extra_info("socket"), idle_s=1, every_s=1, probes=2, unanswered_ms=_UNANSWERED_MS
        )
        async with asyncio.timeout(self._handshake_s):
            block = await reader.readuntil(b"\n\n")
        return AgiSession(
            parse_handshake(block[:-2]),
            reader,
            writer,
            self._pbx_id,
            listener=self._listener,
            interrupt=self._interrupt,
            witness=self._witness,
        )

    async def _run(self, session: AgiSession) -> None:
        log = _log.bind(call=str(session.call), path=session.path)
        try:
            await self._handler(session)
            if not session.gone:
                await session.command("SET VARIABLE", DONE_VARIABLE, "1", timeout_s=1.0)
        except CallerGone:
            log.info("agi.caller_gone")
        except Exception:  # a flow's bug must not leave its caller in silence
            log.exception("agi.handler_failed")
            with contextlib.suppress(HotlineError):
                await session.command("SET VARIABLE", FAILED_VARIABLE, "1", timeout_s=1.0)
        if session.lost and self._on_lost is not None:
            try:
                await self._on_lost(session.channel, session.call)
            except HotlineError as problem:
                log.error("agi.not_rescued", problem=str(problem))
