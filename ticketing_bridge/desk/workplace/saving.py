"""Saving a sheet: what the agent saw is what is saved, whatever was drafted meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import structlog

from facts.errors import HotlineError
from facts.gathering import Gathering
from facts.identity import CallKey
from ticketing_bridge.access import Person
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.workplace.matters import (
    Becoming,
    Keeping,
    NothingToSay,
    answering,
    dispatching,
    drop_matter,
    kept,
    merge_matter,
)
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.place import Drafting, load_workplace
from ticketing_bridge.desk.workplace.wording import workplace_words
from ticketing_bridge.store import DatabaseAway
from ticketing_bridge.store.saving_repository import Place, SheetAtHand
from ticketing_bridge.store.workplace_records import Sheet, SheetState
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.taking import TicketExists
from ticketing_bridge.tickets.why import TicketRefused
from ticketing_bridge.workplace.form import form
from ticketing_bridge.workplace.sheets import (
    FieldConflict,
    FieldUnknown,
    SheetClosed,
    as_seen,
    missing,
)

log = structlog.get_logger(__name__)

#: sheets that are saved by one transaction, and transactions that are under way at the same time
TOGETHER: Final = 64
TURNS: Final = 2
#: sheets that are saved at the same time each in a transaction of its own
APART: Final = 4
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

    @property
    def alone(self) -> bool:
        """Whether it touches more than its own sheet: another ticket, or an entry that others answer with."""
        return self.do in ("merge", "drop") or self.entry is not None

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


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody has pressed *save* at one matter of a call."""

    key: CallKey
    matter: int
    person: Person
    wish: Wish

    @property
    def place(self) -> Place:
        return str(self.key), self.matter


class _Apart(Exception):
    """This one is saved in a transaction of its own: it has to wait for something, or does more."""


class Saver:
    """Saves sheets, those that are saved in the same moment in one transaction.

    Each is saved whole or refused by itself, and told when it is committed. An async context manager.
    """

    def __init__(self, office: WorkplaceOffice) -> None:
        self._office = office
        self._gathering: Gathering[Pressed, Done | None] = Gathering(self._turn, most=TOGETHER, turns=TURNS)
        #: more would only hold each other's connections up
        self._apart = asyncio.Semaphore(APART)

    async def __aenter__(self) -> Self:
        await self._gathering.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._gathering.__aexit__(kind, error, trace)

    async def save(self, pressed: Pressed) -> Done | None:
        """The sheet, the ticket with its history and the ledger. None: no such call.

        Raises:
            Refused: nothing was saved; the page keeps what it has.
        """
        try:
            if not pressed.wish.alone:
                try:
                    return await self._gathering(pressed)
                except _Apart:
                    pass
            async with self._apart:
                return await _by_itself(self._office, pressed)
        except HotlineError as problem:
            raise _refused(problem) from None

    async def _turn(self, pressed: Sequence[Pressed]) -> Sequence[Done | Exception | None]:
        first = {it.place: it for it in reversed(pressed)}  # of two pages of one sheet the first one
        try:
            told = await _together(self._office, [*first.values()])
        except DatabaseAway:  # whether they were kept nobody knows
            raise
        except Exception as void:  # noqa: BLE001 - whose it is is told to them alone
            log.warning("sheets are saved one by one", sheets=len(first), problem=repr(void))
            return [_Apart()] * len(pressed)
        outcomes = dict(zip(map(id, first.values()), told, strict=True))
        return [outcomes.get(id(it), _Apart()) for it in pressed]


def _refused(problem: HotlineError) -> Exception:
    """What the page is told of it."""
    words = workplace_words().problems
    match problem:
        case FieldConflict(theirs=it):
            theirs = {"value": it.value, "by": it.by, "version": it.version}
            return Refused(409, words["conflict"], field=problem.name, theirs=theirs)
        case SheetClosed(ticket=number) | TicketExists(number=number):
            return Refused(423, words["closed"], ticket=number)
        case NothingToSay():
            return Refused(422, words["no_answer"], missing=["answer"])
        case TicketRefused():
            return Refused(409, words["refused"] + case_words().refusal(problem), why=problem.why.value)
        case FieldUnknown():
            return Refused(422, words["refused"])
        case _:
            return problem


async def _together(office: WorkplaceOffice, pressed: Sequence[Pressed]) -> Sequence[Done | Exception | None]:
    """Dispatch or answer all of these in one transaction.

    Raises:
        Exception: whatever it is, the transaction is void.
    """
    now, service = office.desk.now(), await office.tickets()
    outcomes: dict[int, Done | Exception | None] = {}
    async with office.desk.database.unit_of_work() as uow:
        found = await uow.saving.at_hand([it.place for it in pressed])
        off = await office.off(uow)
        matters: list[tuple[int, Becoming]] = []
        for number, it in enumerate(pressed):
            there = found.get(it.place)
            if there is None:
                outcomes[number] = None
                continue
            try:
                matters.append((number, _becoming(*_seen(office, it, there, off), it.wish)))
            except (HotlineError, Refused, _Apart) as problem:
                outcomes[number] = problem
        tickets = await kept(uow, service, [it for _, it in matters], now) if matters else ()
    outcomes |= {number: _done(it) for (number, _), it in zip(matters, tickets, strict=True)}
    return [outcomes[number] for number in range(len(pressed))]


def _done(ticket: Ticket | HotlineError) -> Done | HotlineError:
    if isinstance(ticket, HotlineError):
        return ticket
    if ticket.main is not None:
        return Done("dispatched", ticket.number, ticket.main.unit)
    return Done("answered", ticket.number)


async def _by_itself(office: WorkplaceOffice, pressed: Pressed) -> Done | None:
    try:
        return await _alone(office, pressed, None)
    except _Apart:
        key, matter, person = pressed.key, pressed.matter, pressed.person
        place = await load_workplace(office, key, matter, person, open_for=person.name)
        return await _alone(office, pressed, place.drafting) if place is not None else None


async def _alone(office: WorkplaceOffice, pressed: Pressed, drafting: Drafting | None) -> Done | None:
    """One in a transaction of its own. ``drafting`` None: what is at hand."""
    wish, now, service = pressed.wish, office.desk.now(), await office.tickets()
    async with office.desk.database.unit_of_work() as uow:
        there = (await uow.saving.at_hand([pressed.place])).get(pressed.place)
        if there is None:
            return None
        sheet, keeping = _seen(office, pressed, there, await office.off(uow), drafting)
        if wish.do == "drop":
            await drop_matter(uow, sheet, now)
            return Done("dropped")
        if wish.do == "merge":
            _refuse_lacks(keeping, "unit")
            await merge_matter(uow, service, sheet, keeping, wish.into, now)
            return Done("merged", wish.into)
        (ticket,) = await kept(uow, service, [_becoming(sheet, keeping, wish)], now)
        done = _done(ticket)
        if isinstance(done, HotlineError):
            raise done
        return done


def _seen(
    office: WorkplaceOffice,
    pressed: Pressed,
    there: SheetAtHand,
    off: frozenset[str],
    drafting: Drafting | None = None,
) -> tuple[Sheet, Keeping]:
    """The sheet as it stood on the page.

    Raises:
        SheetClosed: it is a ticket already.
        FieldConflict: somebody else has written something else into it.
        _Apart: there is no sheet yet, or what stood on the page is not drafted here yet.
    """
    if there.sheet is None:
        raise _Apart
    if there.sheet.state is not SheetState.OPEN:
        raise SheetClosed(there.sheet.ticket)
    drafting = drafting or _at_hand(office, pressed, there, off)
    shown, wish = drafting.shown(there.sheet), pressed.wish
    sheet, fields = as_seen(there.sheet, shown, wish.fields, wish.versions, pressed.person.name)
    return sheet, Keeping(there.caller_number, fields, drafting.rules, drafting.version, pressed.person)


def _at_hand(office: WorkplaceOffice, pressed: Pressed, there: SheetAtHand, off: frozenset[str]) -> Drafting:
    """What is drafted by now, without waiting for a draft.

    Raises:
        _Apart: it has yet to be made.
    """
    if there.draft is not None and there.draft.version > 0 and there.call_ended:
        return Drafting.of(there.draft.content, there.draft.version, pressed.matter, off)
    if there.call_ended and there.transcribed:
        raise _Apart
    turns = there.finals.union(office.desk.feed.words(str(pressed.key)).finals)
    content = office.drafts.at_hand(pressed.key, len(turns))
    if content is None:
        raise _Apart
    return Drafting.of(content, None, pressed.matter, off)


def _becoming(sheet: Sheet, keeping: Keeping, wish: Wish) -> Becoming:
    """What is to become of it: answer or dispatch."""
    answers = wish.do == "answer" or (wish.do == "save" and bool(keeping.fields["answer"].value.strip()))
    _refuse_lacks(keeping, "unit" if answers else "")
    return answering(sheet, keeping, wish.entry) if answers else dispatching(sheet, keeping)


def _refuse_lacks(keeping: Keeping, spared: str) -> None:
    if lacks := [it for it in missing(keeping.fields) if it != spared]:
        names = "、".join(form()[it].label for it in lacks)
        raise Refused(422, f"{workplace_words().problems['missing']}：{names}", missing=lacks)
