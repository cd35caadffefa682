"""What an answer about rates says: figures, each with its definition, and how fresh they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from facts.percent import percent_of
from ticketing_bridge.rate.book import DefinitionUnknown
from ticketing_bridge.rate.definitions import Rate
from ticketing_bridge.rate.rolling import Window
from ticketing_bridge.rate.waits import Waits
from ticketing_bridge.store.rate_records import CarrierSum
from ticketing_bridge.store.rate_row_repository import AgentSum, Callers

#: said where no carrier counts were imported
REFUSED_UNSEEN = "calls refused before the PBX are not visible: no carrier counts were imported for all days"


@dataclass(frozen=True, slots=True)
class Group:
    """Rates of one hour, day, month, line or queue. ``key`` "" of a queue: calls that never came to one."""

    key: str | datetime
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class CallerRate:
    """Of one definition: numbers of the base, and those that at least one call reached."""

    definition: str
    callers: Callers

    @property
    def percent(self) -> Decimal | None:
        return percent_of(self.callers.reached, self.callers.callers)


@dataclass(frozen=True, slots=True)
class RateReport:
    """Rates of calls that arrived in ``[begin, end)``, with how fresh they are. Times in UTC."""

    begin: datetime
    end: datetime
    line: str | None
    rates: tuple[Rate, ...]
    #: calls by outcome, those that are on under ``open``
    outcomes: Mapping[str, int]
    #: when the ledger was last written; None: never
    as_of: datetime | None
    queue: str | None = None
    by: str | None = None
    groups: tuple[Group, ...] = ()
    #: of definitions with a window: the least one; None: no window is over
    windows: Mapping[str, Window | None] = field(default_factory=dict)
    waits: Waits | None = None
    callers: CallerRate | None = None
    #: by agent: answered ÷ offered rings; never a connection rate
    agents: tuple[AgentSum, ...] = ()
    excluded_kinds: Mapping[str, int] = field(default_factory=dict)
    carrier: CarrierSum | None = None
    #: days on which a definition changes within the period
    changes: Mapping[str, Sequence[date]] = field(default_factory=dict)
    #: changes that the cells do not have yet; they are in the figures all the same
    took_ms: float = 0.0

    def rate(self, name: str) -> Rate:
        """One of the rates asked for.

        Raises:
            DefinitionUnknown: it was not.
        """
        found = next((rate for rate in self.rates if rate.definition == name), None)
        if found is None:
            known = ", ".join(rate.definition for rate in self.rates)
            raise DefinitionUnknown(f"no rate is named {name!r}", fix=f"take one of {known}")
        return found

    @property
    def carrier_complete(self) -> bool:
        """Whether the carrier's counts speak of every day."""
        return self.carrier is not None and self.carrier.days >= (self.end - self.begin).days > 0

    def to_json(self) -> dict[str, Any]:
        """As ``hotline rate --json`` prints it."""
        return {
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "line": self.line,
            "queue": self.queue,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "outcomes": dict(self.outcomes),
            "rates": [rate_json(rate) for rate in self.rates],
            "windows": {name: window_json(it) for name, it in self.windows.items()},
            "by": self.by,
            "groups": [
                {"key": _plain(it.key), "rates": [rate_json(rate) for rate in it.rates]} for it in self.groups
            ],
            "agents": [agent_json(it) for it in self.agents],
            "waits": self.waits.to_json() if self.waits else None,
            "callers": self._callers_json(),
            "excluded": dict(self.excluded_kinds),
            "carrier": self._carrier_json(),
            "definition_changes": {
                name: [day.isoformat() for day in days] for name, days in self.changes.items()
            },
            "took_ms": round(self.took_ms, 1),
        }

    def _callers_json(self) -> dict[str, Any] | None:
        if self.callers is None:
            return None
        found, percent = self.callers.callers, self.callers.percent
        return {
            "definition": self.callers.definition,
            "callers": found.callers,
            "reached": found.reached,
            "percent": None if percent is None else str(percent),
            "withheld_calls": found.withheld_calls,
        }

    def _carrier_json(self) -> dict[str, Any]:
        if self.carrier is None or not self.carrier.days:
            return {"days": 0, "offered": None, "refused": None, "note": REFUSED_UNSEEN}
        note = None if self.carrier_complete else REFUSED_UNSEEN
        it = self.carrier
        return {"days": it.days, "offered": it.offered, "refused": it.refused, "note": note}


def _plain(key: str | datetime) -> str:
    return key if isinstance(key, str) else key.isoformat()


def rate_json(rate: Rate) -> dict[str, Any]:
    """One figure with all that it rests on."""
    return {
        "definition": rate.definition,
        "title": rate.title,
        "formula": rate.formula,
        "percent": None if rate.percent is None else str(rate.percent),
        "n": rate.base,
        "reached": rate.reached,
        "misses": rate.misses,
        "unknown": rate.unknown,
        "unresolved": rate.unresolved,
        "excluded": rate.excluded,
        "open": rate.open,
        "from": "cells" if rate.from_cells else "calls",
    }


def window_json(window: Window | None) -> dict[str, Any] | None:
    """The least window; None: none is over yet."""
    if window is None:
        return None
    return {
        "percent": str(percent_of(window.reached, window.base)),
        "n": window.base,
        "reached": window.reached,
        "misses": window.misses,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
    }


def agent_json(agent: AgentSum) -> dict[str, Any]:
    """Offered rings and what became of them; no rate of connection."""
    percent = percent_of(agent.answered, agent.rings)
    return {
        "agent": agent.agent,
        "offered_rings": agent.rings,
        "answered": agent.answered,
        "answered_of_offered_percent": None if percent is None else str(percent),
        "ring_s": round(agent.ring_ms / 1000, 1),
        "talk_s": round(agent.talk_ms / 1000, 1),
    }
