"""Hearing what a caller says to an open question, while keys and hang-ups are noticed as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from facts.caller_session import Utterance
from facts.errors import HotlineError
from facts.identity import CallKey

_log = structlog.get_logger(__name__)
#: how long one wait for a key lasts: what was said is acted on no later than this
SLICE_MS = 200
#: beyond its own limits a listener has no time
_GRACE_S = 2.0


class Listener(Protocol):
    """Whoever can hear one channel: asked anew for every question."""

    async def hear(
        self,
        call: CallKey,
        channel: str,
        channel_uniqueid: str,
        *,
        phrases: Sequence[str],
        first_timeout_ms: int,
        most_ms: int,
        prompt_over: asyncio.Event,
        on_speech: Callable[[], None],
    ) -> Utterance:
        """What is said on this channel.

        It is asked when the question begins. Silence and ``most_ms`` count from ``prompt_over``;
        ``on_speech`` is called (any number of times) when the caller is heard to speak, and ends
        the question. ``heard=False`` when nobody can listen, within 1 s.
        """


class Asking(Protocol):
    """What of a caller's session it takes to ask an open question."""

    @property
    def call(self) -> CallKey: ...

    @property
    def channel(self) -> str: ...

    async def play(self, prompts: Sequence[str], stopped: asyncio.Event) -> str | None:
        """Play until the end, a key (returned), or ``stopped``."""

    async def key_within(self, ms: int) -> str | None:
        """A key pressed within this time."""


async def ask(
    session: Asking,
    listener: Listener,
    prompts: Sequence[str],
    *,
    phrases: Sequence[str],
    first_timeout_ms: int,
    most_ms: int,
    interrupt: Callable[[str], Awaitable[None]] | None = None,
) -> Utterance:
    """Ask and hear; ``interrupt`` ends what is being played on a channel (barge-in by voice).

    Raises:
        CallerGone: the caller hung up meanwhile.
    """
    over, speaks = asyncio.Event(), asyncio.Event()
    hearing = asyncio.create_task(
        _hear(session, listener, phrases, first_timeout_ms, most_ms, over, speaks.set), name="agi ears"
    )
    stopping = asyncio.create_task(_stop(session.channel, speaks, interrupt), name="agi barge-in")
    try:
        key = await session.play(prompts, speaks)
        over.set()
        while key is None and not hearing.done():
            key = await session.key_within(SLICE_MS)
        return Utterance(key=key) if key is not None else hearing.result()
    finally:
        hearing.cancel()
        stopping.cancel()
        await asyncio.gather(hearing, stopping, return_exceptions=True)


async def _hear(
    session: Asking,
    listener: Listener,
    phrases: Sequence[str],
    first_timeout_ms: int,
    most_ms: int,
    over: asyncio.Event,
    on_speech: Callable[[], None],
) -> Utterance:
    """What the listener heard; one that fails or forgets the time could not listen."""
    try:
        heard = asyncio.ensure_future(
            listener.hear(
                session.call,
                session.channel,
                session.call.uniqueid,
                phrases=phrases,
                first_timeout_ms=first_timeout_ms,
                most_ms=most_ms,
                prompt_over=over,
                on_speech=on_speech,
            )
        )
        late = asyncio.ensure_future(_late(over, (first_timeout_ms + most_ms) / 1000 + _GRACE_S))
        try:
            await asyncio.wait({heard, late}, return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                return heard.result()
            _log.error("agi.listener_late", call=str(session.call))
        finally:
            heard.cancel()
            late.cancel()
            await asyncio.gather(heard, late, return_exceptions=True)
    except HotlineError as away:
        _log.warning("agi.nobody_listens", call=str(session.call), problem=str(away))
    except Exception:  # noqa: BLE001 - whatever happens to the ears, the caller is asked by keys
        _log.exception("agi.listener_failed", call=str(session.call))
    return Utterance(heard=False)


async def _late(over: asyncio.Event, seconds: float) -> None:
    await over.wait()
    await asyncio.sleep(seconds)


async def _stop(
    channel: str, speaks: asyncio.Event, interrupt: Callable[[str], Awaitable[None]] | None
) -> None:
    await speaks.wait()
    if interrupt is not None:
        try:
            await interrupt(channel)
        except HotlineError as away:
            _log.debug("agi.not_interrupted", problem=str(away))
