"""One AMI connection, from login to loss: panoramisk with its traps fenced off.

panoramisk logs in, numbers actions and matches answers to them. What it is not left to do:
decode (we frame on bytes), call back (one ``*`` callback that only hands on), reconnect
(a connection is used once), send anything again (every action is forgotten at a loss).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from panoramisk import Manager
from panoramisk.actions import Action as WireAction
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from telephony.ami.actions import Action, ActionResult, AmiActionRefused, AmiNoAnswer, AmiUnreachable
from telephony.ami.codec import AmiMessage, MessageFramer, banner_version, event_name, parse_message
from telephony.gateway import clean_field

_log = structlog.get_logger(__name__)
_NOT_AMI = "see what answers at this address: it must be the PBX's manager interface"
#: panoramisk logs whole messages, and those carry citizens' numbers
_SILENT = logging.Logger("panoramisk", level=logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """Where a PBX's manager interface is, and who we are there.

    Raises:
        FieldRefused: user or secret hold a line break or NUL.
    """

    host: str
    port: int
    user: str
    secret: str = field(repr=False)
    pbx_id: str
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        clean_field(self.user, "the AMI user")
        clean_field(self.secret, "the AMI secret")

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(slots=True)
class WireCounts:
    """What one link has met on the wire since it was made."""

    messages: int = 0
    #: blocks that are neither event nor response
    malformed: int = 0
    #: messages over the size limit
    oversized: int = 0
    #: messages that panoramisk could not take
    rejected: int = 0


class _Everything:
    """panoramisk's ``forgetable_actions``: every action is. Nothing is ever sent twice for us."""

    def __contains__(self, action: object) -> bool:
        return True


class _PlainMessage(Message):  # type: ignore[misc]
    """panoramisk's message, with the headers as we have parsed them beside it."""

    def __init__(self, headers: dict[str, str], received_at: datetime) -> None:
        super().__init__(headers)
        self.plain = headers
        self.received_at = received_at


class _BytesProtocol(AMIProtocol):  # type: ignore[misc]
    """panoramisk's protocol, but framed on bytes, and no message can break the connection."""

    def __init__(self, owner: AmiConnection) -> None:
        self._owner = owner
        self._framer = MessageFramer()
        self.transport: asyncio.Transport | None = None
        self.version: str | None = None

    def data_received(self, data: bytes) -> None:
        owner = self._owner
        owner.last_received = time.monotonic()
        now = datetime.now(UTC)
        wanted = owner.wanted
        for block in self._framer.feed(data):
            if self.version is None:
                self.version = banner_version(block)
            if wanted is not None and (name := event_name(block)) is not None and name not in wanted:
                owner.counts.messages += 1
                continue
            headers = parse_message(block)
            if headers is None:
                if block.strip() and banner_version(block) is None:
                    owner.counts.malformed += 1
                    _log.warning("ami.malformed", count=owner.counts.malformed, fix=_NOT_AMI)
            elif _unasked(headers):
                owner.counts.messages += 1
                owner.on_message(AmiMessage(headers, now))
            else:
                self._hand_on(_PlainMessage(headers, now))
        if self._framer.oversized:
            owner.counts.oversized += self._framer.oversized
            self._framer.oversized = 0
            _log.warning("ami.oversized", count=owner.counts.oversized, fix=_NOT_AMI)

    def _hand_on(self, message: _PlainMessage) -> None:
        owner = self._owner
        owner.counts.messages += 1
        try:
            if message.plain.get("ActionID") in owner.streamed_actions and "Event" in message.plain:
                owner.on_message(AmiMessage(message.plain, message.received_at))
            self.handle_message(message)
        except Exception:  # noqa: BLE001 - whatever a message does to panoramisk, the next ones go on
            owner.counts.rejected += 1
            _log.exception("ami.message_rejected", ami_event=message.plain.get("Event", ""))

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost()
        if self.factory is not None:
            super().connection_lost(exc)


def _unasked(headers: Mapping[str, str]) -> bool:
    """An event that answers no action: panoramisk has nothing to do with it, and building its message costs.

    What a PBX says of its own end stays panoramisk's.
    """
    return "Event" in headers and "ActionID" not in headers and headers["Event"] != "Shutdown"


class _OneUseManager(Manager):  # type: ignore[misc]
    """panoramisk's manager without its own reconnecting and its own unwatched pings."""

    def connection_made(self, f: asyncio.Future[Any]) -> None:
        if not f.cancelled() and f.exception() is None:
            super().connection_made(f)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connected = False
        self.close()

    def ping(self) -> None:
        """Pinging is the link's: it looks whether anything comes back."""


class AmiConnection:
    """One connection. ``on_message`` gets every event, in the order of the wire, and must only enqueue.

    ``wanted``: names of the events that it gets; others that nobody asked for are counted and not read.
    """

    def __init__(
        self,
        address: AmiAddress,
        on_message: Callable[[AmiMessage], None],
        counts: WireCounts,
        wanted: frozenset[bytes] | None = None,
    ) -> None:
        self.on_message = on_message
        self.counts = counts
        # how a PBX comes and goes concerns the link itself
        self.wanted = None if wanted is None else wanted | {b"FullyBooted", b"Shutdown"}
        self.last_received = time.monotonic()
        #: ActionIDs of lists whose items go into the stream as they come
        self.streamed_actions: set[str] = set()
        self.closed = asyncio.Event()
        self._address = address
        self._protocol: _BytesProtocol | None = None
        self._waiters: set[asyncio.Future[Any]] = set()
        self._manager = _OneUseManager(
            loop=asyncio.get_running_loop(),
            host=address.host,
            port=address.port,
            ssl=address.tls or False,
            username=address.user,
            secret=address.secret,
            events="on",
            encoding="utf-8",
            protocol_factory=self._make_protocol,
            forgetable_actions=_Everything(),
            log=_SILENT,
        )
        self._manager.patterns.clear()
        self._manager.callbacks.clear()
        self._manager.register_event("*", self._received)

    def _make_protocol(self) -> _BytesProtocol:
        self._protocol = _BytesProtocol(self)
        return self._protocol

    def _received(self, _manager: Manager, message: _PlainMessage) -> None:
        self.on_message(AmiMessage(message.plain, message.received_at))

    def lost(self) -> None:
        """The socket is gone: everybody who waits is told."""
        self.closed.set()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(AmiUnreachable(f"{self._address} closed the connection"))

    async def open(self, deadline_s: float) -> bool:
        """Connect and log in; False when the PBX refuses the login.

        Raises:
            AmiUnreachable: no connection, or it was lost before the answer.
            AmiNoAnswer: nothing came within ``deadline_s``.
        """
        try:
            async with asyncio.timeout(deadline_s):
                await self._manager.connect()
                response = await self._answer(self._manager.authenticated_future)
        except TimeoutError:
            raise AmiNoAnswer(f"{self._address} did not answer the login within {deadline_s:g} s") from None
        except OSError as unreachable:
            raise AmiUnreachable(f"{self._address}: {unreachable.strerror or unreachable}") from None
        return bool(response.success)

    async def _answer(self, answer: asyncio.Future[Any]) -> Any:
        """What panoramisk's future gives, unless the connection is lost first."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def hand_over(done: asyncio.Future[Any]) -> None:
            if not waiter.done():
                waiter.set_result(done.result())

        answer.add_done_callback(hand_over)
        self._waiters.add(waiter)
        try:
            if self.closed.is_set():
                raise AmiUnreachable(f"{self._address} closed the connection")
            return await waiter
        finally:
            self._waiters.discard(waiter)

    @property
    def protocol_version(self) -> str:
        """AMI's version as the greeting says it."""
        return (self._protocol.version or "") if self._protocol else ""

    async def action(self, action: Action, timeout_s: float, *, stream: bool = False) -> ActionResult:
        """Send once and await the answer; ``stream``: a list's items also go to ``on_message``.

        Raises:
            AmiUnreachable: not connected, or lost before the answer. Whether the PBX has
                done it is unknown; it is not sent again.
            AmiNoAnswer: no answer within ``timeout_s``.
            AmiActionRefused: the PBX says no.
        """
        protocol = self._protocol
        if protocol is None or self.closed.is_set():
            raise AmiUnreachable(f"{self._address} is not connected")
        wire = WireAction(action.headers())
        as_list = False if action.accepted_is_enough else None
        if stream:
            self.streamed_actions.add(wire.id)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._answer(protocol.send(wire, as_list=as_list))
        except TimeoutError:
            raise AmiNoAnswer(
                f"{self._address} did not answer {action.name} within {timeout_s:g} s"
            ) from None
        finally:
            protocol.responses.pop(wire.id, None)
            self.streamed_actions.discard(wire.id)
        return self._result(action, answer)

    def _result(self, action: Action, answer: _PlainMessage | list[_PlainMessage]) -> ActionResult:
        messages = answer if isinstance(answer, list) else [answer]
        for message in (messages[0].plain, messages[-1].plain):
            if message.get("Response", "").lower() in ("error", "fail", "failure"):
                why = message.get("Message") or f"reason {message.get('Reason', 'not given')}"
                raise AmiActionRefused(f"{self._address} refused {action.name}: {why}")
        return ActionResult(messages[0].plain, tuple(one.plain for one in messages[1:]))

    def close(self) -> None:
        """End it now; nothing of it runs on."""
        self._manager.close()
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.abort()
        self.lost()
