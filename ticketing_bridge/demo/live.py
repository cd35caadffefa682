"""How long after it was said a word was on its way to the page.

The demo listens where the page listens, and knows from the simulated people when every turn ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from facts.call import Call
from facts.transcript import Leg, LiveText, Word
from telephony.simulation.play import SaidTurn
from telephony.simulation.scenario import Who
from ticketing_bridge.live.wire import from_line

_AGAIN_S = 0.3
#: the recogniser's word ends and our own differ by so much at most
_SLACK_S = 0.6
#: characters by which words before it may still grow or shrink
_SHIFT = 2
_LEGS = {Who.CITIZEN: Leg.CALLER, Who.AGENT: Leg.AGENT}


@dataclass(frozen=True, slots=True)
class Heard:
    """A live text and when it came (UTC)."""

    at: datetime
    text: LiveText


class LiveListener:
    """Keeps every live text that comes; connects again when the speech role was away."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._task: asyncio.Task[None] | None = None
        self.heard: list[Heard] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=1 << 20)
                try:
                    await self._read(reader)
                finally:
                    writer.close()
            await asyncio.sleep(_AGAIN_S)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self.heard.append(Heard(datetime.now(UTC), from_line(line)))


def latencies_s(call: Call, said: Sequence[SaidTurn], heard: Sequence[Heard]) -> list[float]:
    """For every turn of the call whose end was heard: seconds until its last word was there to be seen."""
    mine = [one for one in heard if one.text.call == str(call.key)]
    found: list[float] = []
    for turn in said:
        latency_s = _latency_s(call, turn, [one for one in mine if one.text.leg is _LEGS[turn.who]])
        if latency_s is not None:
            found.append(latency_s)
    return found


def _latency_s(call: Call, turn: SaidTurn, heard: Sequence[Heard]) -> float | None:
    last = _last_word(call, turn, heard)
    if last is None:
        return None
    final, place, word_at = last
    segment = (final.text.stream, final.text.segment)
    first = next(
        one
        for one in heard
        if one is final
        or ((one.text.stream, one.text.segment) == segment and _shows(one.text.text, final.text.words, place))
    )
    return max(0.0, (first.at - min(turn.end_at, word_at)).total_seconds())


def _shows(text: str, words: Sequence[Word], place: int) -> bool:
    """Whether a partial text has the word of this place, about where the final text has it.

    Words before it may still change: the last word is what the page's reader waits for.
    """
    before = len("".join(word.text for word in words[:place]))
    return words[place].text in text.replace(" ", "")[max(0, before - _SHIFT) :]


def _last_word(call: Call, turn: SaidTurn, heard: Sequence[Heard]) -> tuple[Heard, int, datetime] | None:
    """The last recognised word that lies within the turn: its final text, its place, its end."""
    slack = timedelta(seconds=_SLACK_S)
    best: tuple[Heard, int, datetime] | None = None
    for one in heard:
        if not one.text.final:
            continue
        for place, word in enumerate(one.text.words):
            end_at = call.arrived_at + timedelta(seconds=word.end_s)
            if turn.start_at < end_at <= turn.end_at + slack and (best is None or end_at > best[2]):
                best = one, place, end_at
    return best
