"""Queries about how long things are kept, what is proposed and undertaken, and what was warned of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    RowMapping,
    delete,
    exists,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store import tables
from ticketing_bridge.store.desk_ticket_tables import data_key, ticket, ticket_warning, ticket_words
from ticketing_bridge.store.keeping_statements import (
    FORGET_NUMBERS,
    HELD_CALL,
    IN_NEED,
    IS_THERE,
    OF_PERSON,
    OWNERS,
    PURGE_DIALLED,
    RECORDED,
)
from ticketing_bridge.store.keeping_tables import dispatch_rule, legal_hold, purge_run, special_action
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.numbers import ERASED
from ticketing_bridge.store.records import Json
from ticketing_bridge.store.workplace_tables import work_sheet


@dataclass(frozen=True, slots=True)
class Hold:
    """That something must not be purged or erased while it lasts."""

    id: int
    subject: str
    reason: str
    by: str
    at: datetime
    released_at: datetime | None
    released_by: str | None


@dataclass(frozen=True, slots=True)
class PurgeRun:
    """What was purged: ``held`` were old enough, and are kept by a hold."""

    at: datetime
    by: str
    data_class: str
    before: datetime
    purged: int
    held: int


#: everything that has words of a call
_WORDS = (tables.transcript, tables.transcript_words, tables.live_segment, tables.draft, work_sheet)


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording: whose column names it, on which PBX, and whether a hold keeps it."""

    column: str
    pbx_id: str
    base: str
    held: bool


def _held(subject: Any) -> Any:
    return exists().where(legal_hold.c.subject == subject, legal_hold.c.released_at.is_(None))


def _held_call() -> ColumnElement[bool]:
    """Whether a row of calls is held."""
    return literal_column(HELD_CALL.format("call.key"), Boolean)


class KeepingRepository:
    """Holds, purges, and what there is to purge."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    async def hold(self, subject: str, reason: str, by: str) -> int:
        """Keep a subject from being purged or erased."""
        made = legal_hold.insert().values(subject=subject, reason=reason, by=by).returning(legal_hold.c.id)
        return int((await self._connection.execute(made)).scalar_one())

    async def is_there(self, subject: str) -> bool:
        """Whether there is a ticket, ours or an imported one, or a call of this name."""
        return bool((await self._connection.execute(IS_THERE, {"subject": subject})).scalar())

    async def release(self, hold: int, by: str) -> bool:
        """End a hold; False when there is none that lasts."""
        statement = (
            legal_hold.update()
            .where(legal_hold.c.id == hold, legal_hold.c.released_at.is_(None))
            .values(released_at=func.now(), released_by=by)
            .returning(legal_hold.c.id)
        )
        return (await self._connection.execute(statement)).scalar() is not None

    async def is_held(self, *subjects: str) -> bool:
        """Whether one of these is held."""
        query = select(func.count()).where(
            legal_hold.c.subject.in_(subjects), legal_hold.c.released_at.is_(None)
        )
        return bool((await self._connection.execute(query)).scalar())

    async def holds(self) -> list[Hold]:
        """Those that last, oldest first."""
        query = select(legal_hold).where(legal_hold.c.released_at.is_(None)).order_by(legal_hold.c.id)
        return [Hold(**row) for row in (await self._connection.execute(query)).mappings()]

    async def recordings_in_need(self, pbx_id: str, bases: Collection[str]) -> dict[str, bool]:
        """Of the recordings that are known: whether the PBX, or a hearing that is owed, needs the file."""
        rows = await self._connection.execute(IN_NEED, {"pbx_id": pbx_id, "bases": [*bases]})
        return {row[0]: row[1] for row in rows}

    async def recordings_before(
        self, before: datetime, limit: int, skip: Collection[tuple[str, str]] = ()
    ) -> list[KeptRecording]:
        """Recordings of what ended before: calls, messages, call-backs, follow-ups; ``skip``: left out."""
        values = {"before": before, "limit": limit, "skip": [f"{pbx}:{base}" for pbx, base in skip]}
        return [KeptRecording(*row) for row in await self._connection.execute(RECORDED, values)]

    async def recordings_of(self, calls: Sequence[str], numbers: Sequence[str]) -> list[KeptRecording]:
        """All recordings of these calls, and of what was dialled to these numbers."""
        values = {"calls": [*calls], "numbers": await self._numbers.known(numbers)}
        return [KeptRecording(*row) for row in await self._connection.execute(OF_PERSON, values)]

    async def forget_recordings(self, recordings: Sequence[KeptRecording]) -> None:
        """There are none of these any more."""
        for column, owners in OWNERS.items():
            bases = [it.base for it in recordings if it.column == column]
            if bases:
                await self._connection.execute(owners, {"bases": bases})

    async def calls_of(self, numbers: Sequence[str]) -> list[str]:
        """Keys of calls from one of these numbers."""
        column = tables.call.c
        query = select(column.key).where(column.caller_number.in_(await self._numbers.known(numbers)))
        return [*(await self._connection.execute(query)).scalars()]

    async def forget_numbers(self, numbers: Sequence[str], by: str) -> int:
        """Calls, call-backs, follow-ups and events forget these numbers; nothing is dialled for them.

        Their tokens stay and are nobody's: calls of one caller are known as such. Returns of how many numbers
        the key was destroyed.
        """
        known = await self._numbers.known(numbers)
        for statement in FORGET_NUMBERS:
            await self._connection.execute(statement, {"numbers": known})
        return await self._numbers.forget(numbers, by)

    async def forget_phone(self, lookup: str) -> None:
        """Nothing of a person's number stays with their tickets: nobody finds them by it or by words."""
        await self._forget(ticket.c.person_lookup == lookup, "phone_last4", "phone_salt", "phone_hash")

    async def put_person(self, number: str, sealed: bytes) -> None:
        """Who called in a ticket, sealed anew."""
        await self._connection.execute(update(ticket).where(ticket.c.number == number).values(person=sealed))

    async def words_before(self, before: datetime) -> list[tuple[str, bool]]:
        """Calls that ended before, and of which words or drafts are kept: (call, held)."""
        column = tables.call.c
        old = select(column.key).where(column.ended_at < before)
        with_words = old.where(
            exists().where(tables.transcript.c.call == column.key)
            | exists().where(tables.draft.c.call == column.key)
            | exists().where(tables.live_segment.c.call == column.key)
            | exists().where(work_sheet.c.call == column.key)
        )
        found = await self._connection.execute(with_words.add_columns(_held_call()))
        return [(row[0], row[1]) for row in found]

    async def forget_words(self, calls: Sequence[str]) -> None:
        """Delete what was heard, drafted and typed of these calls, and what finds them."""
        for table in _WORDS:
            await self._connection.execute(delete(table).where(table.c.call.in_(calls)))

    async def purge_numbers(self, before: datetime, by: str) -> tuple[int, int]:
        """Forget the numbers of calls that ended before, and of what was dialled; (calls purged, held).

        The key of a number goes with the last row that is about it.
        """
        column = tables.call.c
        old = (column.ended_at < before, column.caller_number != ERASED)
        held = (await self._connection.execute(select(func.count()).where(*old, _held_call()))).scalar_one()
        statement = update(tables.call).where(*old, ~_held_call()).values(caller_number=ERASED)
        done = await self._connection.execute(statement.returning(column.key))
        for purged in PURGE_DIALLED:
            await self._connection.execute(purged, {"before": before})
        await self._numbers.forget_unkept(before.date(), by)
        return len(done.all()), int(held)

    async def persons_before(self, before: datetime) -> list[tuple[str, bool]]:
        """Keys of persons all of whose tickets were closed before: (subject, held)."""
        column = ticket.c
        subject = text("'person:' || ticket.person_lookup")
        query = (
            select(subject, func.bool_or(_held(column.number) | _held(subject)))
            .select_from(ticket)
            .where(column.person_lookup.is_not(None))
            .group_by(column.person_lookup)
            .having(func.bool_and(func.coalesce(column.closed_at < before, False)))
        )
        alive = exists().where(
            data_key.c.subject == text("'person:' || ticket.person_lookup"), data_key.c.wrapped.is_not(None)
        )
        return [(row[0], row[1]) for row in await self._connection.execute(query.where(alive))]

    async def numberless_before(self, before: datetime) -> list[tuple[str, bool]]:
        """Tickets closed before, of people who left no telephone number: (number, held)."""
        column = ticket.c
        old = (column.person.is_not(None), column.person_lookup.is_(None), column.closed_at < before)
        found = await self._connection.execute(select(column.number, _held(column.number)).where(*old))
        return [(row[0], row[1]) for row in found]

    async def forget_persons(self, numbers: Sequence[str]) -> None:
        """These tickets have nobody any more, and are not found by their words."""
        await self._forget(ticket.c.number.in_(numbers), "person")

    async def _forget(self, theirs: ColumnElement[bool], *columns: str) -> None:
        await self._connection.execute(update(ticket).where(theirs).values(dict.fromkeys(columns)))
        numbers = select(ticket.c.number).where(theirs)
        await self._connection.execute(
            update(ticket_words).where(ticket_words.c.ticket.in_(numbers)).values(keys=None)
        )

    async def add_run(self, by: str, data_class: str, before: datetime, purged: int, held: int) -> None:
        """Put a purge on record."""
        values = {"by": by, "data_class": data_class, "before": before, "purged": purged, "held": held}
        await self._connection.execute(purge_run.insert().values(values))

    async def runs(self, limit: int = 50) -> list[PurgeRun]:
        """The newest first."""
        columns = [purge_run.c[name] for name in PurgeRun.__dataclass_fields__]
        query = select(*columns).order_by(purge_run.c.id.desc()).limit(limit)
        return [PurgeRun(**row) for row in (await self._connection.execute(query)).mappings()]


@dataclass(frozen=True, slots=True)
class DispatchRule:
    """With these words it belongs to ``to_unit``. ``state``: proposed, adopted, rejected."""

    id: int
    words: tuple[str, ...]
    appeal: str
    from_unit: str
    to_unit: str
    ticket: str
    origin: str
    proposed_at: datetime
    state: str
    decided_by: str | None
    decided_at: datetime | None
    replay: Json | None


@dataclass(frozen=True, slots=True)
class SpecialAction:
    """专项行动 as it is kept; ``measures`` are JSON of ``tickets.undertakings.Measure``."""

    id: int
    version: int
    title: str
    aim: str
    responsible: str
    begins_on: date
    ends_on: date
    measures: tuple[Json, ...]
    tickets: tuple[str, ...]
    result: str | None
    made_by: str
    made_at: datetime
    ended_at: datetime | None


class UndertakingRepository:
    """Dispatch rules that verdicts propose, and special actions."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def propose(
        self, words: Sequence[str], appeal: str, from_unit: str, to_unit: str, number: str, origin: str
    ) -> int:
        """Keep a proposal."""
        values = {
            "words": [*words],
            "appeal": appeal,
            "from_unit": from_unit,
            "to_unit": to_unit,
            "ticket": number,
            "origin": origin,
            "state": "proposed",
        }
        made = dispatch_rule.insert().values(values).returning(dispatch_rule.c.id)
        return int((await self._connection.execute(made)).scalar_one())

    async def rules(self, *states: str) -> list[DispatchRule]:
        """Rules in these states, newest first; all when none is named."""
        query = select(dispatch_rule).order_by(dispatch_rule.c.id.desc())
        if states:
            query = query.where(dispatch_rule.c.state.in_(states))
        return [_rule(row) for row in (await self._connection.execute(query)).mappings()]

    async def decide_rule(self, rule: int, state: str, by: str, replay: Json) -> bool:
        """Adopt or reject a proposal; False when it is decided already."""
        statement = (
            dispatch_rule.update()
            .where(dispatch_rule.c.id == rule, dispatch_rule.c.state == "proposed")
            .values(state=state, decided_by=by, decided_at=func.now(), replay=dict(replay))
            .returning(dispatch_rule.c.id)
        )
        return (await self._connection.execute(statement)).scalar() is not None

    async def add_action(self, values: Json) -> int:
        """Keep a new special action."""
        made = special_action.insert().values(version=1, **values).returning(special_action.c.id)
        return int((await self._connection.execute(made)).scalar_one())

    async def save_action(self, action: SpecialAction) -> bool:
        """The action's next version; False when it is not the next one any more."""
        values = {
            **asdict(action),
            "measures": [*action.measures],
            "tickets": [*action.tickets],
        }
        for name in ("id", "made_at", "made_by"):
            values.pop(name)
        statement = (
            special_action.update()
            .where(special_action.c.id == action.id, special_action.c.version == action.version - 1)
            .values(values)
            .returning(special_action.c.id)
        )
        return (await self._connection.execute(statement)).scalar() is not None

    async def action(self, action: int) -> SpecialAction | None:
        """One of them."""
        query = select(special_action).where(special_action.c.id == action)
        row = (await self._connection.execute(query)).mappings().first()
        return _action(row) if row else None

    async def actions(self) -> list[SpecialAction]:
        """All, those that go on first, then by their end."""
        query = select(special_action).order_by(
            special_action.c.ended_at.is_not(None), special_action.c.ends_on, special_action.c.id
        )
        return [_action(row) for row in (await self._connection.execute(query)).mappings()]


def _rule(row: RowMapping) -> DispatchRule:
    return DispatchRule(**{**row, "words": tuple(row["words"])})


def _action(row: RowMapping) -> SpecialAction:
    return SpecialAction(**{**row, "measures": tuple(row["measures"]), "tickets": tuple(row["tickets"])})


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that was given."""

    id: int
    ticket: str
    kind: str
    stage: str
    unit: str | None
    at: datetime
    seen_at: datetime | None
    seen_by: str | None


class WarningRepository:
    """Warnings, each given once."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, number: str, kind: str, stage: str, unit: str | None) -> bool:
        """Give a warning; False when it was given before."""
        statement = (
            insert(ticket_warning)
            .values(ticket=number, kind=kind, stage=stage, unit=unit)
            .on_conflict_do_nothing()
            .returning(ticket_warning.c.id)
        )
        return (await self._connection.execute(statement)).scalar() is not None

    async def newest(
        self, *, unit: str | None = None, unseen: bool = False, limit: int = 200
    ) -> list[Warned]:
        """Newest first; of one unit's, or of all."""
        query = select(ticket_warning).order_by(ticket_warning.c.id.desc()).limit(limit)
        if unit is not None:
            query = query.where(ticket_warning.c.unit == unit)
        if unseen:
            query = query.where(ticket_warning.c.seen_at.is_(None))
        return [Warned(**row) for row in (await self._connection.execute(query)).mappings()]

    async def seen(self, warning: int, by: str) -> bool:
        """Somebody has seen to it."""
        statement = (
            ticket_warning.update()
            .where(ticket_warning.c.id == warning, ticket_warning.c.seen_at.is_(None))
            .values(seen_at=func.now(), seen_by=by)
            .returning(ticket_warning.c.id)
        )
        return (await self._connection.execute(statement)).scalar() is not None
