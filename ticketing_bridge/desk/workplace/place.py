"""One workplace: a call, its sheet, and what is offered beside it, as of one reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from facts.call import Call, CallState
from facts.call_control import DeskCall
from facts.identity import CallKey
from facts.transcript import Leg, Turn
from ticketing_bridge.access import Person
from ticketing_bridge.desk.call_page import CallPage, load_call_page
from ticketing_bridge.desk.feed import merged_finals
from ticketing_bridge.desk.views import call_url, line_name
from ticketing_bridge.desk.words_view import live_turns
from ticketing_bridge.desk.workplace.matters import CallersTicket, callers_tickets
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.drafting import EarlierTicket
from ticketing_bridge.store.records import DraftRecord, Json
from ticketing_bridge.store.workplace_records import CallMark, Sheet
from ticketing_bridge.workplace.proposals import Proposal, matter_content, proposals_of, rules_of
from ticketing_bridge.workplace.sheets import ShownField, shown_fields

#: earlier calls shown beside a call
CALLS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class PastCall:
    """An earlier call of the same number."""

    url: str
    at: datetime
    line: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Drafting:
    """What is drafted for one matter of a call, and which fields' drafts are not shown."""

    proposals: Mapping[str, Proposal]
    #: the version of what drafted
    rules: str
    #: of the stored draft; None: it is not the stored one
    version: int | None
    off: frozenset[str]

    @classmethod
    def of(cls, content: Json, version: int | None, matter: int, off: frozenset[str]) -> Self:
        """Read a draft's content."""
        return cls(proposals_of(matter_content(content, matter)), rules_of(content), version, off)

    def shown(self, sheet: Sheet) -> dict[str, ShownField]:
        """The sheet's fields as they are to be shown."""
        return shown_fields(sheet, self.proposals, self.off)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the database and the live words know, for one matter of a call."""

    page: CallPage
    sheet: Sheet
    matters: tuple[Sheet, ...]
    past: tuple[PastCall, ...]
    tickets: tuple[CallersTicket, ...]
    mark: CallMark | None
    off: frozenset[str]
    standing: DeskCall | None
    #: the draft as it is now; None while there is none
    content: Json | None = None

    @property
    def call(self) -> Call:
        return self.page.call

    @property
    def drafting(self) -> Drafting:
        """What is drafted for this matter."""
        stored = self.page.draft
        version = stored.version if stored and stored.version else None
        return Drafting.of(self.content or {}, version, self.sheet.matter, self.off)

    def fields(self) -> dict[str, ShownField]:
        """The sheet's fields as they are to be shown."""
        return self.drafting.shown(self.sheet)

    def second_title(self) -> str:
        """The title of another matter that the caller seems to have and that has no sheet yet."""
        second = (self.content or {}).get("second_matter")
        if not second or len(self.matters) > 1:
            return ""
        return proposals_of(second)["title"].value or proposals_of(second)["content"].value


async def load_workplace(
    office: WorkplaceOffice, key: CallKey, matter: int, person: Person, *, open_for: str | None = None
) -> Workplace | None:
    """Read a call for work. None when the ledger does not know it.

    Args:
        office: what workplaces share.
        key: the call.
        matter: which of the call's matters.
        person: who looks, for what may be seen of tickets.
        open_for: the login for which a sheet is made when there is none; None makes none.
    """
    desk = office.desk
    page = await load_call_page(desk, key)
    if page is None:
        return None
    call = page.call
    service = await office.tickets()
    async with desk.database.unit_of_work() as uow:
        sheet = (
            await uow.sheets.opened(str(key), matter, open_for)
            if open_for
            else await uow.sheets.get(str(key), matter)
        )
        if sheet is None:
            return None
        matters = await uow.sheets.of_call(str(key))
        mark = await uow.sheets.mark_of(str(key))
        off = await office.off(uow)
        past = await uow.calls.of_number(call.caller_number, CALLS_SHOWN + 1) if call.caller_number else []
        tickets = await callers_tickets(uow, service, call.caller_number, person)
    standing = await office.standing(key) if call.state is CallState.TALKING else None
    place = Workplace(
        page=page,
        sheet=sheet,
        matters=tuple(matters),
        past=tuple(
            PastCall(
                call_url(str(it.key)),
                it.arrived_at,
                line_name(desk.hotline, it.line),
                it.answered_at is not None,
            )
            for it in past
            if it.key != key
        )[:CALLS_SHOWN],
        tickets=tuple(tickets),
        mark=mark,
        off=off,
        standing=standing,
    )
    return await drafted(office, place)


async def drafted(office: WorkplaceOffice, place: Workplace) -> Workplace:
    """The same with the draft of what has been said by now; once the call is over, the stored one."""
    page = place.page
    stored = page.draft if page.draft is not None and page.draft.version > 0 else None
    if stored is not None and page.call.ended_at is not None:
        return replace(place, content=stored.content)
    turns = finished_turns(office, page)
    city = await office.desk.city()
    content = await office.drafts.content(page.call, turns, city.data, _earlier(place))
    if content is None:
        return place
    record = DraftRecord(page.key, 0, "live", content, office.desk.now())
    return replace(place, content=content, page=replace(page, draft=record))


def finished_turns(office: WorkplaceOffice, page: CallPage) -> Sequence[Turn]:
    """What was said to its end so far; the page's own transcript once there is one."""
    if page.call.ended_at is not None and page.live is not None:
        return page.live.transcript.turns
    return live_turns(page.stored, office.desk.feed.words(page.key))


def count_of_finals(office: WorkplaceOffice, page: CallPage) -> int:
    """How many sentences are finished: another number means another draft."""
    return len(merged_finals(page.stored, office.desk.feed.words(page.key).finals.values()))


def caller_said(turns: Sequence[Turn]) -> list[str]:
    """The caller's turns, the newest first."""
    return [turn.text for turn in reversed(turns) if turn.leg is Leg.CALLER]


def _earlier(place: Workplace) -> list[EarlierTicket]:
    """What the draft may know: of a confidential ticket nothing, and none that came of this call."""
    return [
        EarlierTicket(it.number, it.received_at, it.title, it.place or None, it.unit or None, it.is_open)
        for it in place.tickets
        if not it.confidential and it.received_at < place.call.arrived_at
    ]


def fields_event(place: Workplace) -> Mapping[str, Any]:
    """The sheet as the page's script takes it."""
    return {
        "version": place.sheet.version,
        "state": place.sheet.state.value,
        "fields": {
            name: {
                "value": it.value,
                "origin": it.origin.value,
                "version": it.version,
                "confidence": it.proposal.confidence if not it.off else None,
                "reason": "" if it.off else it.proposal.reason,
                "candidates": [*it.candidates][:3],
                "resolved": "" if it.off else it.proposal.resolved,
                "otherwise": "" if it.off else it.proposal.otherwise,
                "off": it.off,
            }
            for name, it in place.fields().items()
        },
        "ask": [*((place.content or {}).get("ask") or ())],
        "second": place.second_title(),
        "about": (place.content or {}).get("state", ""),
    }
