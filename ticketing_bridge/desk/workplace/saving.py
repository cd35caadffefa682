"""Saving a sheet: what the agent saw is what is saved, whatever was drafted meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from facts.call import Call
from facts.identity import CallKey
from ticketing_bridge.access import Person
from ticketing_bridge.desk.call_page import live_text
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.words_view import live_turns
from ticketing_bridge.desk.workplace.matters import (
    Keeping,
    NothingToSay,
    answer_matter,
    dispatch_matter,
    drop_matter,
    merge_matter,
    submitted,
)
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.place import Drafting, load_workplace
from ticketing_bridge.desk.workplace.wording import workplace_words
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.saving_repository import SheetAtHand
from ticketing_bridge.store.workplace_records import Sheet
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.service import TicketExists
from ticketing_bridge.tickets.why import TicketRefused
from ticketing_bridge.workplace.form import form
from ticketing_bridge.workplace.sheets import (
    FieldConflict,
    FieldUnknown,
    Origin,
    SheetClosed,
    missing,
    type_in,
)

#: what an agent may want to become of a sheet; ``save`` is answer or dispatch by what is filled in
WISHES = ("save", "dispatch", "answer", "merge", "drop")


class Refused(Exception):
    """The sheet was not saved; ``facts`` say why, ``text`` says it in words."""

    def __init__(self, status: int, text: str, **facts: Any) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.facts = {"text": text, **facts}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the agent wants, and the fields as they stood on the page."""

    do: str
    fields: Mapping[str, str]
    #: of each field: the version that the page knew
    versions: Mapping[str, int] = field(default_factory=dict)
    into: str = ""
    entry: int | None = None

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> Self:
        """From a form. A flag that is not sent is not set."""
        do = sent.get("do", "save")
        if do not in WISHES:
            raise Refused(422, workplace_words().problems["refused"])
        flags = {name: "" for name, it in form().items() if it.kind == "flag"}
        fields = {name: value for name, value in sent.items() if name in form()}
        try:
            versions = {str(name): int(it) for name, it in json.loads(sent.get("versions") or "{}").items()}
            entry = int(sent["entry"]) if sent.get("entry") else None
        except (ValueError, AttributeError, TypeError):
            raise Refused(422, workplace_words().problems["refused"]) from None
        return cls(do, {**flags, **fields} if fields else {}, versions, sent.get("into", ""), entry)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the sheet: a key of the page's words, the ticket, the unit that has it."""

    what: str
    ticket: str | None = None
    unit: str = ""


class _NotDrafted(Exception):
    """What stood on the page is not drafted here yet."""


async def save_sheet(
    office: WorkplaceOffice, key: CallKey, matter: int, person: Person, wish: Wish
) -> Done | None:
    """Save in one transaction: the sheet, the ticket with its history, the ledger. None: no such call.

    Raises:
        Refused: nothing was saved; the page keeps what it has.
    """
    words = workplace_words().problems
    try:
        try:
            return await _in_one(office, key, matter, person, wish, None)
        except _NotDrafted:
            place = await load_workplace(office, key, matter, person, open_for=person.name)
            if place is None:
                return None
            return await _in_one(office, key, matter, person, wish, place.drafting)
    except FieldConflict as conflict:
        theirs = {
            "value": conflict.theirs.value,
            "by": conflict.theirs.by,
            "version": conflict.theirs.version,
        }
        raise Refused(409, words["conflict"], field=conflict.name, theirs=theirs) from None
    except _Closed as closed:
        raise Refused(423, words["closed"], ticket=closed.ticket) from None
    except TicketExists as there:
        raise Refused(423, words["closed"], ticket=there.number) from None
    except NothingToSay:
        raise Refused(422, words["no_answer"], missing=["answer"]) from None
    except TicketRefused as refused:
        text = words["refused"] + case_words().refusal(refused)
        raise Refused(409, text, why=refused.why.value) from None
    except FieldUnknown:
        raise Refused(422, words["refused"]) from None


class _Closed(Exception):
    """The sheet is finished."""

    def __init__(self, ticket: str | None) -> None:
        super().__init__(ticket)
        self.ticket = ticket


async def _in_one(
    office: WorkplaceOffice,
    key: CallKey,
    matter: int,
    person: Person,
    wish: Wish,
    drafting: Drafting | None,
) -> Done | None:
    """The whole of it in one transaction. ``drafting`` None: what is at hand."""
    async with office.desk.database.unit_of_work() as uow:
        call = await uow.calls.get(key)
        if call is None:
            return None
        there = await uow.saving.at_hand(key, matter)
        sheet = there.sheet or await uow.sheets.opened(str(key), matter, person.name)
        drafting = drafting or await _at_hand(office, uow, call, matter, there)
        try:
            return await _saved(
                office, uow, call, _as_seen(sheet, drafting, person, wish), drafting, person, wish
            )
        except SheetClosed:
            raise _Closed(sheet.ticket) from None


async def _at_hand(
    office: WorkplaceOffice, uow: UnitOfWork, call: Call, matter: int, there: SheetAtHand
) -> Drafting:
    """What is drafted by now, without waiting for a draft.

    Raises:
        _NotDrafted: it has yet to be made.
    """
    off = await office.off(uow)
    if there.draft is not None and there.draft.version > 0 and call.ended_at is not None:
        return Drafting.of(there.draft.content, there.draft.version, matter, off)
    if call.ended_at is not None and there.transcribed:
        raise _NotDrafted
    turns = live_turns(map(live_text, there.segments), office.desk.feed.words(str(call.key)))
    content = office.drafts.at_hand(call.key, len(turns))
    if content is None:
        raise _NotDrafted
    return Drafting.of(content, None, matter, off)


async def _saved(
    office: WorkplaceOffice,
    uow: UnitOfWork,
    call: Call,
    sheet: Sheet,
    drafting: Drafting,
    person: Person,
    wish: Wish,
) -> Done:
    fields = drafting.shown(sheet)
    keeping = Keeping(
        call=call,
        fields=fields,
        rules=drafting.rules,
        draft_version=drafting.version,
        person=person,
        now=office.desk.now(),
    )
    if wish.do == "drop":
        await drop_matter(uow, sheet, keeping)
        return Done("dropped")
    service = await office.tickets()
    answers = wish.do == "answer" or (wish.do == "save" and bool(fields["answer"].value.strip()))
    lacks = [it for it in missing(fields) if not (it == "unit" and (answers or wish.do == "merge"))]
    if lacks:
        names = "、".join(form()[it].label for it in lacks)
        raise Refused(422, f"{workplace_words().problems['missing']}：{names}", missing=lacks)
    ticket: Ticket
    if wish.do == "merge":
        reason = f"{fields['title'].value}（{fields['places'].value}）"
        ticket = await merge_matter(uow, service, sheet, keeping, wish.into, reason)
        return Done("merged", wish.into)
    if answers:
        ticket = await answer_matter(uow, service, sheet, keeping, wish.entry)
        return Done("answered", ticket.number)
    ticket = await dispatch_matter(uow, service, sheet, keeping)
    return Done("dispatched", ticket.number, ticket.main.unit if ticket.main else "")


def _as_seen(sheet: Sheet, drafting: Drafting, person: Person, wish: Wish) -> Sheet:
    """The sheet with what stood on the page: typed where it differs, accepted where it is the draft's."""
    for name, text in submitted(sheet, drafting.shown(sheet), wish.fields):
        sheet = type_in(sheet, name, text, seen=wish.versions.get(name, 0), by=person.name)
    for name, it in drafting.shown(sheet).items():
        if it.origin is Origin.DRAFTED:
            sheet = type_in(sheet, name, it.value, seen=0, by=person.name, accepted=True)
    return sheet
