"""Saving a sheet: what the agent saw is what is saved, whatever was drafted meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ticketing_bridge.access import Person
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.desk import SHEET_CHANNEL
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
from ticketing_bridge.desk.workplace.place import Workplace
from ticketing_bridge.desk.workplace.wording import workplace_words
from ticketing_bridge.store import UnitOfWork
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
    shown_fields,
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


async def save_sheet(office: WorkplaceOffice, place: Workplace, person: Person, wish: Wish) -> Done:
    """Save in one transaction: the sheet, the ticket with its history, the ledger.

    Raises:
        Refused: nothing was saved; the page keeps what it has.
    """
    words = workplace_words().problems
    try:
        async with office.desk.database.unit_of_work() as uow:
            done = await _saved(office, uow, place, person, wish)
            await uow.notify(SHEET_CHANNEL, place.page.key)
            return done
    except FieldConflict as conflict:
        theirs = {
            "value": conflict.theirs.value,
            "by": conflict.theirs.by,
            "version": conflict.theirs.version,
        }
        raise Refused(409, words["conflict"], field=conflict.name, theirs=theirs) from None
    except (SheetClosed, TicketExists) as there:
        ticket = there.number if isinstance(there, TicketExists) else place.sheet.ticket
        raise Refused(423, words["closed"], ticket=ticket) from None
    except NothingToSay:
        raise Refused(422, words["no_answer"], missing=["answer"]) from None
    except TicketRefused as refused:
        text = words["refused"] + case_words().refusal(refused)
        raise Refused(409, text, why=refused.why.value) from None
    except FieldUnknown:
        raise Refused(422, words["refused"]) from None


async def _saved(
    office: WorkplaceOffice, uow: UnitOfWork, place: Workplace, person: Person, wish: Wish
) -> Done:
    sheet = await uow.sheets.get(place.sheet.call, place.sheet.matter, lock=True)
    if sheet is None:
        raise SheetClosed
    sheet = _as_seen(sheet, place, person, wish)
    fields = shown_fields(sheet, place.proposals(), place.off)
    stored = place.page.draft
    keeping = Keeping(
        call=place.call,
        fields=fields,
        rules=place.rules,
        draft_version=stored.version if stored and stored.version else None,
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


def _as_seen(sheet: Sheet, place: Workplace, person: Person, wish: Wish) -> Sheet:
    """The sheet with what stood on the page: typed where it differs, accepted where it is the draft's."""
    known = shown_fields(sheet, place.proposals(), place.off)
    for name, text in submitted(sheet, known, wish.fields):
        sheet = type_in(sheet, name, text, seen=wish.versions.get(name, 0), by=person.name)
    for name, it in shown_fields(sheet, place.proposals(), place.off).items():
        if it.origin is Origin.DRAFTED:
            sheet = type_in(sheet, name, it.value, seen=0, by=person.name, accepted=True)
    return sheet
