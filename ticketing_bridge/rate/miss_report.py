"""Misses of a period with their causes, and the callers who are still owed something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from config.hotline import Hotline
from facts.masking import mask_number
from ticketing_bridge.rate.misses import Miss, Ranked, Stretch, Surroundings, explain, rank
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_row_repository import MissedRow

#: what lasted longer than this before a miss says nothing about it
AROUND = timedelta(hours=3)
#: misses that are explained one by one, newest first; rate and ranking say when there were more
MOST = 20_000


@dataclass(frozen=True, slots=True)
class MissReport:
    """Why calls that arrived in ``[begin, end)`` were missed; excluded ones are left out."""

    begin: datetime
    end: datetime
    line: str | None
    misses: tuple[Miss, ...]
    ranked: tuple[Ranked, ...]
    #: whether agents' states were known, or only their talks
    states_known: bool
    as_of: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As ``hotline rate misses --json`` prints it."""
        return {
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "line": self.line,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "agents_states_known": self.states_known,
            "ranked": [
                {
                    "cause": it.cause.value,
                    "would_have_saved": it.remedy.value,
                    "misses": it.count,
                    "rang": dict(it.rang),
                }
                for it in self.ranked
            ],
            "misses": [miss_json(it) for it in self.misses],
        }


def miss_json(miss: Miss) -> dict[str, Any]:
    """One miss."""
    return {
        "call": miss.call,
        "arrived_at": miss.arrived_at.isoformat(),
        "line": miss.line,
        "outcome": miss.outcome.value,
        "cause": miss.cause.value,
        "would_have_saved": miss.remedy.value,
        "lasted_s": _rounded(miss.lasted_s),
        "queue": miss.queue or None,
        "waited_s": _rounded(miss.waited_s),
        "ahead": miss.ahead,
        "busy": miss.busy,
        "rang": list(miss.rang),
        "place": miss.place or None,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


async def miss_report(
    uow: UnitOfWork,
    hotline: Hotline,
    begin: datetime,
    end: datetime,
    *,
    line: str | None = None,
) -> MissReport:
    """Every miss of the period with its cause, newest first."""
    await uow.rates.plan_freshly()
    missed = await uow.rate_rows.missed_calls(begin, end, line, MOST)
    talks, waits = await uow.rate_rows.around(begin - AROUND, end)
    queues = {
        queue.id: [agent.id for agent in hotline.agents if queue.id in agent.queues]
        for queue in hotline.queues
    }
    around = Surroundings(
        queues,
        [(agent, Stretch(first, last)) for agent, first, last in talks],
        [(queue, Stretch(first, last)) for queue, first, last in waits],
        await uow.agents.spans(begin - AROUND, end),
    )
    misses = tuple(it for call in missed if (it := explain(call, around)) is not None)
    as_of = await uow.calls.changed_at()
    return MissReport(begin, end, line, misses, rank(misses), around.states_known, as_of)


@dataclass(frozen=True, slots=True)
class MissedCaller:
    """A number with a miss and no answered call or successful call-back within the next 24 h."""

    row: MissedRow
    #: until when reaching the caller still counts
    until: datetime

    def to_json(self, now: datetime) -> dict[str, Any]:
        """The number is masked."""
        return {
            "caller": mask_number(self.row.caller_number),
            "call": self.row.call,
            "line": self.row.line,
            "outcome": self.row.outcome.value,
            "misses": self.row.misses,
            "first_at": self.row.first_at.isoformat(),
            "last_at": self.row.last_at.isoformat(),
            "can_be_reached_until": self.until.isoformat() if self.until > now else None,
            "callback": self.row.callback_state,
        }


@dataclass(frozen=True, slots=True)
class MissedList:
    """Who was missed in ``[begin, end)`` and not reached since; misses of withheld numbers apart."""

    begin: datetime
    end: datetime
    callers: tuple[MissedCaller, ...]
    withheld_misses: int
    as_of: datetime | None

    def to_json(self, now: datetime) -> dict[str, Any]:
        """As ``hotline rate missed --json`` prints it."""
        return {
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "missed_callers": len(self.callers),
            "withheld_misses": self.withheld_misses,
            "callers": [it.to_json(now) for it in self.callers],
        }


async def missed_list(
    uow: UnitOfWork, begin: datetime, end: datetime, *, line: str | None = None, limit: int = 500
) -> MissedList:
    """The longest missed first."""
    await uow.rates.plan_freshly()
    rows = await uow.rate_rows.missed(begin, end, line, limit)
    withheld = await uow.rate_rows.withheld_misses(begin, end, line)
    callers = tuple(MissedCaller(row, row.last_at + timedelta(days=1)) for row in rows)
    return MissedList(begin, end, callers, withheld, await uow.calls.changed_at())
