"""Which definition holds on which day: shipped ones, and the versions that were made since. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from config.rates import RateDefinition, Rates, built_in_rates
from facts.errors import HotlineError
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_records import DefinitionVersion

LOCAL = ZoneInfo("Asia/Shanghai")
_EVER = date(1, 1, 1)


class DefinitionUnknown(HotlineError):
    """There is no rate of this name."""

    error_id = "rate-definition-unknown"


class DefinitionRefused(HotlineError):
    """A definition cannot be changed like this."""

    error_id = "rate-definition-refused"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a period in which no definition changes."""

    begin: datetime
    end: datetime
    definitions: tuple[RateDefinition, ...]


@dataclass(frozen=True, slots=True)
class DefinitionBook:
    """All versions. A version holds from its day until the next of its name; the later made one wins."""

    rates: Rates
    made: tuple[DefinitionVersion, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Shipped ones first, then those of the city's own."""
        shipped = [it.name for it in self.rates.definitions]
        return tuple(dict.fromkeys([*shipped, *(it.definition.name for it in self.made)]))

    def versions(self, name: str) -> list[DefinitionVersion]:
        """All versions of a name, in the order of their days; one that was replaced before its day is gone.

        Raises:
            DefinitionUnknown: naming those that there are.
        """
        shipped = [DefinitionVersion(it, _EVER) for it in self.rates.definitions if it.name == name]
        by_day = {it.effective_from: it for it in [*shipped, *self.made] if it.definition.name == name}
        if not by_day:
            raise DefinitionUnknown(f"no rate is named {name!r}", fix=f"take one of {', '.join(self.names)}")
        return [by_day[day] for day in sorted(by_day)]

    def on(self, name: str, day: date) -> RateDefinition | None:
        """The definition as it holds on a day; None: it did not exist yet."""
        holds = [it for it in self.versions(name) if it.effective_from <= day]
        return holds[-1].definition if holds else None

    def stretches(self, names: Sequence[str], begin: datetime, end: datetime) -> list[Stretch]:
        """The period, cut where a definition changes."""
        days = {it.effective_from for name in names for it in self.versions(name)} - {_EVER}
        cuts = sorted(datetime.combine(day, time(), LOCAL) for day in days)
        edges = [begin, *(it for it in cuts if begin < it < end), end]
        found = []
        for first, last in itertools.pairwise(edges):
            held = (self.on(name, first.astimezone(LOCAL).date()) for name in names)
            found.append(Stretch(first, last, tuple(it for it in held if it is not None)))
        return found


async def definition_book(uow: UnitOfWork, rates: Rates | None = None) -> DefinitionBook:
    """The installation's book; ``rates``: those of the city's folder, else the shipped ones."""
    return DefinitionBook(rates or built_in_rates(), tuple(await uow.rate_books.versions()))


async def change_definition(
    uow: UnitOfWork, definition: RateDefinition, from_: date, reason: str, who: str, today: date
) -> None:
    """Let a definition be so from a day on that has not begun: what was published stays as it was.

    Raises:
        DefinitionRefused: the day has begun, or nobody says why.
    """
    if from_ <= today:
        raise DefinitionRefused(
            f"{from_} has begun", fix="take a day from tomorrow on: published figures stay"
        )
    if not reason.strip():
        raise DefinitionRefused("nobody says why", fix="give the reason; it is kept beside the definition")
    await uow.rate_books.add_version(definition, from_, reason.strip(), who)
    await uow.audit.add(
        who,
        "rate-definition-changed",
        subject=definition.name,
        fields=[from_.isoformat()],
        reason=reason.strip(),
    )
