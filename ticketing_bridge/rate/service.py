"""Rates of a stretch of time, from the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from facts.call import Outcome
from facts.errors import HotlineError
from ticketing_bridge.rate.definitions import DEFINITIONS, Definition, Rate, measure
from ticketing_bridge.store.database import UnitOfWork

#: the day of a city's hotline
LOCAL = ZoneInfo("Asia/Shanghai")


class DefinitionUnknown(HotlineError):
    """There is no rate of this name."""

    error_id = "rate-definition-unknown"


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

    def rate(self, name: str) -> Rate:
        """One of the rates asked for.

        Raises:
            DefinitionUnknown: it was not.
        """
        found = next((rate for rate in self.rates if rate.definition == name), None)
        if found is None:
            raise _unknown(name)
        return found

    def to_json(self) -> dict[str, Any]:
        """As ``hotline rate --json`` prints it."""
        return {
            "from": self.begin.isoformat(),
            "to": self.end.isoformat(),
            "line": self.line,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "outcomes": dict(self.outcomes),
            "rates": [
                {
                    "definition": rate.definition,
                    "formula": rate.formula,
                    "percent": None if rate.percent is None else str(rate.percent),
                    "n": rate.base,
                    "reached": rate.reached,
                    "misses": rate.misses,
                    "unknown": rate.unknown,
                    "unresolved": rate.unresolved,
                    "open": rate.open,
                }
                for rate in self.rates
            ],
        }


def day_of(now: datetime) -> tuple[datetime, datetime]:
    """Begin and end (UTC) of the day in Asia/Shanghai that holds ``now``."""
    begin = datetime.combine(now.astimezone(LOCAL).date(), time(), LOCAL)
    return begin.astimezone(UTC), (begin + timedelta(days=1)).astimezone(UTC)


async def today(uow: UnitOfWork, now: datetime, *names: str, line: str | None = None) -> RateReport:
    """Rates of the local day that holds ``now``; without names ``person`` alone."""
    begin, end = day_of(now)
    return await rate_between(uow, begin, end, *(names or ("person",)), line=line)


async def rate_between(
    uow: UnitOfWork, begin: datetime, end: datetime, *names: str, line: str | None = None
) -> RateReport:
    """Rates of the calls that arrived in ``[begin, end)``; without names all definitions.

    Raises:
        DefinitionUnknown: naming those that there are.
    """
    definitions = [_definition(name) for name in names] or [*DEFINITIONS.values()]
    calls = await uow.calls.list(from_=begin, to=end, line=line)
    outcomes = {outcome.value: sum(call.outcome is outcome for call in calls) for outcome in Outcome}
    outcomes["open"] = sum(call.outcome is None for call in calls)
    return RateReport(
        begin=begin,
        end=end,
        line=line,
        rates=tuple(measure(definition, calls) for definition in definitions),
        outcomes={name: count for name, count in outcomes.items() if count},
        as_of=await uow.calls.changed_at(),
    )


def _definition(name: str) -> Definition:
    try:
        return DEFINITIONS[name]
    except KeyError:
        raise _unknown(name) from None


def _unknown(name: str) -> DefinitionUnknown:
    return DefinitionUnknown(f"no rate is named {name!r}", fix=f"take one of {', '.join(DEFINITIONS)}")
