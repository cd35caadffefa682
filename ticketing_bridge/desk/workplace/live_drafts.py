"""Drafts of calls that are on: made again when somebody has finished a sentence, once for all who look."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from config.catalogue import CityData
from config.hotline import Hotline
from facts.call import Call
from facts.transcript import Transcript, Turn
from ticketing_bridge.drafting import DraftInput, EarlierTicket, OngoingDraft, begin, hear_more
from ticketing_bridge.drafting.content import draft_content
from ticketing_bridge.journeys.answers import dedicated_line
from ticketing_bridge.store.records import Json

LOCAL = ZoneInfo("Asia/Shanghai")
#: calls whose drafts are kept; the oldest go first and are made anew when wanted
KEPT = 300


@dataclass(slots=True)
class _Growing:
    """One call's draft, and how many finished turns it rests on."""

    turns: int = -1
    ongoing: OngoingDraft | None = None
    content: Json = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveDrafts:
    """The drafts of one web process. Drafting itself is done in a thread, one call at a time."""

    def __init__(self, hotline: Hotline) -> None:
        self._hotline = hotline
        self._calls: OrderedDict[str, _Growing] = OrderedDict()
        self._thread = asyncio.Lock()

    async def content(
        self, call: Call, turns: Sequence[Turn], city: CityData, earlier: Sequence[EarlierTicket] = ()
    ) -> Json | None:
        """The draft of what was said so far, None while nobody has said anything.

        Spans point into ``turns``. The same turns are drafted once, whoever asks.
        """
        if not turns:
            return None
        growing = self._calls.setdefault(str(call.key), _Growing())
        self._calls.move_to_end(str(call.key))
        while len(self._calls) > KEPT:
            self._calls.popitem(last=False)
        async with growing.lock:
            if growing.turns != len(turns):
                heard = self._input(call, turns, earlier)
                async with self._thread:
                    growing.ongoing = await asyncio.to_thread(_step, growing.ongoing, heard, city)
                growing.turns = len(turns)
                growing.content = draft_content(growing.ongoing.draft)
        return growing.content

    def _input(self, call: Call, turns: Sequence[Turn], earlier: Sequence[EarlierTicket]) -> DraftInput:
        words = DraftInput.from_transcript(
            str(call.key),
            call.arrived_at.astimezone(LOCAL),
            call.caller_number,
            Transcript(tuple(turns), "live"),
            dedicated_line=dedicated_line(call, self._hotline),
        )
        return DraftInput(
            words.id,
            words.call_start,
            words.caller_number,
            words.turns,
            words.dedicated_line,
            answers=call.answers,
            earlier=tuple(earlier),
        )


def _step(ongoing: OngoingDraft | None, heard: DraftInput, city: CityData) -> OngoingDraft:
    if ongoing is None or len(heard.turns) < len(ongoing.call.turns):
        return begin(heard, city)
    return hear_more(ongoing, heard, city)
