"""Hearing the answer to a spoken question: a tap of the caller's channel, and the live words of it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from facts.audio import LegTap, TapRequest
from facts.caller_session import Utterance
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg, LiveText
from ticketing_bridge.live.taps import Listener as SpeechRole
from ticketing_bridge.live.wire import from_line

log = structlog.get_logger(__name__)

#: a final text is waited for no longer than this for more of it (seconds)
AFTER_FINAL_S = 0.3
#: when nobody listens by then, the caller is asked by keys (seconds)
READY_S = 0.9
#: what a grammar calls anything that is not in it
ANYTHING_ELSE = "[unk]"
_LINE_LIMIT = 1 << 20
NOBODY = Utterance(heard=False)


class NobodyListens(HotlineError):
    """The caller's words cannot be heard now."""

    error_id = "nobody-listens"


@dataclass(slots=True)
class Answer:
    """What was said so far, and when that is the end of it. Times are seconds of one clock."""

    first_timeout_s: float
    most_s: float
    finals: list[LiveText] = field(default_factory=list)
    speaking: bool = False
    #: there is a voice that the recogniser has not understood yet
    unheard: bool = False
    over_at: float | None = None
    final_at: float | None = None

    def take(self, text: LiveText, now: float) -> None:
        """One partial or final text."""
        if text.final:
            self.finals.append(text)
            self.final_at = now
        self.speaking = not text.final and bool(text.text)
        self.unheard = text.unheard

    def ends_at(self) -> float | None:
        """When the answer is complete; None while the question is still being asked.

        A voice whose words are still to come is no silence: it is waited for as long as a flow reckons
        with at most (``ivr_flows.bounds``), however late the recogniser is.
        """
        if self.final_at is not None and not self.speaking:
            return self.final_at + AFTER_FINAL_S
        if self.over_at is None:
            return None
        if self.unheard:
            return self.over_at + self.first_timeout_s + self.most_s
        heard = self.speaking or self.final_at is not None
        return self.over_at + (self.most_s if heard else self.first_timeout_s)

    def utterance(self) -> Utterance:
        """What was said, without spaces."""
        words = [word for text in self.finals for word in text.words if word.text != ANYTHING_ELSE]
        said = "".join("".join(text.text.replace(ANYTHING_ELSE, "").split()) for text in self.finals)
        return Utterance(said, min((word.confidence for word in words), default=0.0) if said else 0.0)


class Ears:
    """The ``Listener`` of FastAGI sessions of one PBX.

    Args:
        speech: the speech role's control.
        tap: how a channel of this PBX is tapped.
        words: the socket on which live words are told.
        status: file in which the speech role says how much it can hear.
        may_hear: whether a channel's caller was told that words are transcribed.
        grammar_of: what the recogniser is to hear for these phrases; empty: anything. May block.
    """

    def __init__(
        self,
        speech: SpeechRole,
        tap: LegTap,
        words: Path,
        status: Path,
        may_hear: Callable[[str], Awaitable[bool]],
        grammar_of: Callable[[tuple[str, ...]], tuple[str, ...]],
    ) -> None:
        self._speech = speech
        self._tap = tap
        self._words = words
        self._status = status
        self._may_hear = may_hear
        self._grammar_of = grammar_of

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
        """What is said on this channel; ``heard=False`` within 1 s when nobody can listen."""
        grammar = await asyncio.to_thread(self._grammar_of, tuple(phrases)) if phrases else ()
        request = TapRequest(
            call, Leg.CALLER, channel, channel_uniqueid, str(uuid.uuid4()), 0.0, grammar, question=True
        )
        answer = Answer(first_timeout_ms / 1000, most_ms / 1000)
        try:
            async with self._tapped(request) as words:
                return await _complete(answer, words, request.stream, prompt_over, on_speech)
        except (HotlineError, OSError, TimeoutError) as away:
            log.warning("nobody listens", call=str(call), why=str(away) or type(away).__name__)
            return NOBODY

    @asynccontextmanager
    async def _tapped(self, request: TapRequest) -> AsyncIterator[asyncio.StreamReader]:
        """The stream of live words while the channel is tapped; the tap ends with it."""
        reader, writer = await asyncio.open_unix_connection(self._words, limit=_LINE_LIMIT)
        try:
            async with asyncio.timeout(READY_S):
                if not await self._may_hear(request.channel):
                    raise NobodyListens("the caller was not told that words are transcribed")
                if await asyncio.to_thread(_is_full, self._status):
                    raise NobodyListens("the speech role hears as many questions as it can")
                await self._speech.expect(request)
                await self._tap.start(request)
            yield reader
        finally:
            writer.close()
            await self._tap.stop(request.stream)


async def _complete(
    answer: Answer,
    words: asyncio.StreamReader,
    stream: str,
    prompt_over: asyncio.Event,
    on_speech: Callable[[], None],
) -> Utterance:
    """Hear until the answer is complete.

    Raises:
        NobodyListens: the live words ended.
    """
    clock = asyncio.get_running_loop().time
    line = asyncio.ensure_future(words.readline())
    over = asyncio.ensure_future(prompt_over.wait())
    try:
        while (ends_at := answer.ends_at()) is None or clock() < ends_at:
            waiting: set[asyncio.Future[Any]] = {line}
            if answer.over_at is None:
                waiting.add(over)
            left_s = None if ends_at is None else ends_at - clock()
            await asyncio.wait(waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if over.done() and answer.over_at is None:
                answer.over_at = clock()
            if line.done():
                text = _read(line.result())
                line = asyncio.ensure_future(words.readline())
                if text is not None and text.stream == stream:
                    answer.take(text, clock())
                    if text.text:
                        on_speech()
        return answer.utterance()
    finally:
        for task in (line, over):
            task.cancel()
        await asyncio.gather(line, over, return_exceptions=True)


def _read(line: bytes) -> LiveText | None:
    if not line:
        raise NobodyListens("the live words ended")
    try:
        return from_line(line)
    except (KeyError, TypeError, ValueError):
        return None


def _is_full(status: Path) -> bool:
    """Whether only open questions are heard, so that no talk can leave its place to a further one.

    When nobody says, it is tried.
    """
    try:
        facts: Mapping[str, int] = json.loads(status.read_text(encoding="utf-8"))
        return facts["questions"] >= facts["capacity"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
