"""Drafts of calls that are on: made again when somebody has finished a sentence, once for all who look."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from config.catalogue import CityData
from config.hotline import Hotline
from facts.call import Call
from facts.identity import CallKey
from facts.transcript import Transcript, Turn
from ticketing_bridge.desk.workplace.drafting_child import KEPT
from ticketing_bridge.desk.workplace.drafting_process import Drafter, NotDrafted
from ticketing_bridge.drafting import DraftInput, EarlierTicket
from ticketing_bridge.journeys.answers import dedicated_line
from ticketing_bridge.store.records import Json

LOCAL = ZoneInfo("Asia/Shanghai")


@dataclass(slots=True)
class _Growing:
    """One call's draft, and how many finished turns it rests on."""

    turns: int = -1
    content: Json = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveDrafts:
    """The drafts of one web process: of each call the newest state is drafted, one call at a time."""

    def __init__(self, hotline: Hotline, drafter: Drafter) -> None:
        self._hotline = hotline
        self._drafter = drafter
        self._calls: OrderedDict[str, _Growing] = OrderedDict()

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
                with suppress(NotDrafted):  # the page keeps what it has; the next sentence is another try
                    growing.content = await self._drafter.draft(self._input(call, turns, earlier), city)
                growing.turns = len(turns)
        return growing.content or None

    def at_hand(self, call: CallKey, turns: int) -> Json | None:
        """The draft of so many finished turns if it is made already; empty of none, else None."""
        growing = self._calls.get(str(call))
        if not turns:
            return {}
        return growing.content if growing is not None and growing.turns == turns else None

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
