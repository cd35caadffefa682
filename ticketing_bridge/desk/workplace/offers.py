"""What is offered beside a call: numbers, answers, tickets that may be the same matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.lookup.knowledge_page import EntryView, entry_view, found_entries, today_of
from ticketing_bridge.desk.lookup.phone_page import matching
from ticketing_bridge.desk.workplace.matters import SimilarTicket
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.place import Workplace, caller_said, finished_turns
from ticketing_bridge.knowledge.entries import is_offered, spoken_question
from ticketing_bridge.knowledge.phone_book import FoundNumber, find_numbers, spoken_groups
from ticketing_bridge.store import DatabaseAway
from ticketing_bridge.store.knowledge_records import PhoneEntry
from ticketing_bridge.store.workplace_records import SheetState

MOST = 4
#: turns of the caller in which numbers and answers are looked for
NEWEST_TURNS = 4


@dataclass(frozen=True, slots=True)
class NumberView:
    """One number as it is offered."""

    entry: PhoneEntry
    spoken: tuple[str, ...]
    because: tuple[str, ...]

    @property
    def can_be_given(self) -> bool:
        return not self.entry.text.closed


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything that is offered, as of one moment."""

    numbers: tuple[NumberView, ...] = ()
    entries: tuple[EntryView, ...] = ()
    similar: tuple[SimilarTicket, ...] = ()

    def context(self, desk: Desk) -> dict[str, Any]:
        """For the templates."""
        return {
            "numbers": self.numbers,
            "entries": self.entries,
            "similar": self.similar,
            "searched": "",
            "now_day": today_of(desk),
        }


def number_view(found: FoundNumber | PhoneEntry) -> NumberView:
    """A number with how it is read out."""
    entry, because = (found.entry, found.because) if isinstance(found, FoundNumber) else (found, ())
    return NumberView(entry, spoken_groups(entry.text.number), because)


async def offers_for(office: WorkplaceOffice, place: Workplace) -> Offers:
    """What fits what has been said and filled in by now; nothing when the database is away."""
    if place.sheet.state is not SheetState.OPEN:
        return Offers()
    desk, fields = office.desk, place.fields()
    said = caller_said(finished_turns(office, place.page))[:NEWEST_TURNS]
    today = today_of(desk)
    try:
        async with desk.database.unit_of_work() as uow:
            book = await office.book(uow)
            asked = spoken_question([fields["title"].value, *said]) if said else None
            entries = await uow.knowledge.find(asked.some, today=today, limit=10) if asked else []
            similar = await office.matters.like(uow, await office.tickets(), fields, desk.now())
    except DatabaseAway:
        return Offers()
    suggested = _units(fields["unit"].value, fields["unit"].candidates)
    numbers = find_numbers(book, said, suggested=suggested, most=MOST)
    similar = [*_own_repeat(place), *similar]
    own = {it.ticket for it in place.matters}
    return Offers(
        numbers=tuple(map(number_view, numbers)),
        entries=tuple(
            entry_view(it, today) for it in entries if asked is not None and is_offered(asked, it.text)
        )[:MOST],
        similar=tuple(
            {it.ticket.number: it for it in reversed(similar) if it.ticket.number not in own}.values()
        )[::-1],
    )


def _own_repeat(place: Workplace) -> list[SimilarTicket]:
    """The caller's own open ticket that the draft takes this call for a repeat of."""
    number = ((place.content or {}).get("repeat_of") or {}).get("value")
    return [SimilarTicket(it, 1.0) for it in place.tickets if it.number == number and it.is_open]


def _units(unit: str, candidates: Sequence[str]) -> list[str]:
    return [it for it in (unit, *candidates) if it]


async def searched_numbers(office: WorkplaceOffice, q: str) -> tuple[NumberView, ...]:
    """Numbers for what the agent types."""
    async with office.desk.database.unit_of_work() as uow:
        book = await office.book(uow)
    return tuple(map(number_view, matching(book, q)[:MOST]))


async def searched_entries(office: WorkplaceOffice, q: str) -> tuple[EntryView, ...]:
    """Entries for what the agent types; those that may not be given are left out."""
    today = today_of(office.desk)
    async with office.desk.database.unit_of_work() as uow:
        found = await found_entries(uow, q, today=today, limit=MOST)
    return tuple(entry_view(it, today) for it in found)
