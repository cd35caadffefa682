"""Queries about work sheets, the draft ledger and marks of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, null, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Batch
from ticketing_bridge.store.mapping import own_values
from ticketing_bridge.store.seals import WordSeals, sheet_place
from ticketing_bridge.store.workplace_records import (
    CallMark,
    FieldCounts,
    FieldSwitch,
    MarkKind,
    Sheet,
    SheetState,
    SheetVerdicts,
    Typed,
    Verdict,
)
from ticketing_bridge.store.workplace_tables import (
    call_mark,
    draft_switch,
    draft_verdict,
    work_sheet,
)

_KEPT = ("call", "matter", "version", "state", "login", "ticket", "entry", "saved_at")
_KEEP = """
UPDATE work_sheet SET version = it.version, typed = it.typed, sealed = it.sealed, state = it.state,
  login = it.login, ticket = it.ticket, entry = it.entry, saved_at = it.saved_at, changed_at = now()
FROM jsonb_populate_recordset(NULL::work_sheet, %(rows)s) AS it
WHERE work_sheet.call = it.call AND work_sheet.matter = it.matter
"""


class SheetRepository:
    """Work sheets: one a matter of a call."""

    def __init__(self, connection: AsyncConnection, seals: WordSeals) -> None:
        self._connection = connection
        self._seals = seals

    async def opened(self, call: str, matter: int, login: str) -> Sheet:
        """The sheet of this matter, made when it is first wanted."""
        found = await self.get(call, matter)
        if found is None:
            values = {
                "call": call,
                "matter": matter,
                "version": 1,
                "state": SheetState.OPEN,
                "login": login,
                **await self._closed(call, matter, {}),
            }
            await self._connection.execute(insert(work_sheet).values(values).on_conflict_do_nothing())
            found = await self.get(call, matter)
        assert found is not None
        return found

    async def _closed(self, call: str, matter: int, typed: Mapping[str, Any]) -> dict[str, Any]:
        """What was typed, as its columns."""
        plain, sealed = await self._seals.closed(call, typed, sheet_place(call, matter))
        return {"typed": null() if plain is None else plain, "sealed": sealed}

    async def get(self, call: str, matter: int, *, lock: bool = False) -> Sheet | None:
        """One sheet; locked, nobody else changes it before this transaction ends."""
        table = work_sheet.c
        query = select(work_sheet).where(table.call == call, table.matter == matter)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).mappings().first()
        return await opened_sheet(self._seals, row) if row else None

    async def of_call(self, call: str) -> list[Sheet]:
        """All matters of a call, in order."""
        table = work_sheet.c
        query = select(work_sheet).where(table.call == call).order_by(table.matter)
        return [
            await opened_sheet(self._seals, row)
            for row in (await self._connection.execute(query)).mappings().all()
        ]

    async def left_open(self, login: str, limit: int = 20) -> list[Sheet]:
        """What somebody has not finished, the newest first."""
        table = work_sheet.c
        query = select(work_sheet).where(table.login == login, table.state == SheetState.OPEN)
        found = await self._connection.execute(query.order_by(table.opened_at.desc()).limit(limit))
        rows = found.mappings().all()
        await self._seals.fetch_keys(row["sealed"] for row in rows)
        return [await opened_sheet(self._seals, row) for row in rows]

    async def save(self, sheet: Sheet) -> None:
        """Keep a sheet that is locked by this transaction."""
        batch = Batch(self._connection)
        await self.put(batch, sheet)
        await batch.send()

    async def put(self, batch: Batch, sheet: Sheet) -> None:
        """The same together with what came of it."""
        typed = {name: own_values(it) for name, it in sheet.typed.items()}
        plain, sealed = await self._seals.closed(sheet.call, typed, sheet_place(sheet.call, sheet.matter))
        values = {name: getattr(sheet, name) for name in _KEPT}
        batch.rows(_KEEP, [values | {"typed": plain, "sealed": sealed, "state": sheet.state.value}])

    async def mark(self, call: str, kind: MarkKind, login: str, *, warned: bool, ended: bool) -> CallMark:
        """Say what a call is; steps of the script that were done stay done."""
        table = call_mark
        values = {"call": call, "kind": kind, "login": login}
        now = func.now()
        insertion = insert(table).values(
            **values, warned_at=now if warned else None, ended_at=now if ended else None
        )
        changed: dict[str, Any] = dict(values)
        if warned:
            changed["warned_at"] = func.coalesce(table.c.warned_at, now)
        if ended:
            changed["ended_at"] = func.coalesce(table.c.ended_at, now)
        await self._connection.execute(insertion.on_conflict_do_update(index_elements=["call"], set_=changed))
        found = await self.mark_of(call)
        assert found is not None
        return found

    async def unmark(self, call: str) -> None:
        """It was none of these."""
        await self._connection.execute(call_mark.delete().where(call_mark.c.call == call))

    async def mark_of(self, call: str) -> CallMark | None:
        """What was said of a call."""
        row = (await self._connection.execute(select(call_mark).where(call_mark.c.call == call))).mappings()
        found = row.first()
        return CallMark(**{**found, "kind": MarkKind(found["kind"])}) if found else None


#: verdicts on what was drafted
DRAFTED = (Verdict.KEPT, Verdict.MENDED, Verdict.CHANGED)
RIGHT = (Verdict.KEPT, Verdict.MENDED)

_COUNTS = """
SELECT field, verdict, count(*) AS times FROM draft_verdict WHERE rules = %(rules)s GROUP BY field, verdict
"""
_RECENT = """
SELECT wanted.field, count(newest.verdict) AS recent,
  count(newest.verdict) FILTER (WHERE newest.verdict = ANY(%(right)s)) AS recent_right
FROM unnest(%(fields)s::text[], %(after)s::bigint[]) AS wanted (field, after)
LEFT JOIN LATERAL (
  SELECT verdict FROM draft_verdict
  WHERE rules = %(rules)s AND field = wanted.field AND id > wanted.after AND verdict = ANY(%(drafted)s)
  ORDER BY id DESC LIMIT %(window)s
) newest ON true
GROUP BY wanted.field
"""


#: a row each of a sheet's verdicts
_JUDGE = """
INSERT INTO draft_verdict (call, matter, rules, login, field, verdict, confidence, shown)
SELECT it.call, it.matter, it.rules, it.login, judged.*
FROM jsonb_to_recordset(%(rows)s) AS it (
  call text, matter int, rules text, login text,
  field text[], verdict text[], confidence float8[], shown bool[]
), unnest(it.field, it.verdict, it.confidence, it.shown) AS judged
ON CONFLICT DO NOTHING
"""


class DraftLedgerRepository:
    """How the fields of drafts fared with agents, by what drafted them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, verdicts: SheetVerdicts) -> None:
        """Keep the verdicts of one sheet; a field of a matter is judged once."""
        batch = Batch(self._connection)
        self.put(batch, verdicts)
        await batch.send()

    def put(self, batch: Batch, verdicts: SheetVerdicts) -> None:
        """The same together with the sheet."""
        fields = verdicts.fields
        row = {
            "call": verdicts.call,
            "matter": verdicts.matter,
            "rules": verdicts.rules,
            "login": verdicts.login,
            "field": [it.field for it in fields],
            "verdict": [str(it.verdict) for it in fields],
            "confidence": [it.confidence for it in fields],
            "shown": [it.shown for it in fields],
        }
        batch.rows(_JUDGE, [row])

    async def rules(self) -> list[str]:
        """Drafting versions that there are verdicts on, the newest first."""
        table = draft_verdict.c
        query = select(table.rules).group_by(table.rules).order_by(func.max(table.id).desc())
        return [*(await self._connection.execute(query)).scalars()]

    async def counts(
        self, rules: str, fields: Sequence[str], *, after: Mapping[str, int], window: int
    ) -> list[FieldCounts]:
        """Each field's verdicts under one drafting version.

        Args:
            rules: the drafting version.
            fields: which fields, in this order.
            after: verdicts up to this id do not count any more in ``recent``, by field.
            window: how many of the newest drafted ones are ``recent``.
        """
        batch = Batch(self._connection)
        values = {
            "rules": rules,
            "fields": [*fields],
            "after": [after.get(field, 0) for field in fields],
            "window": window,
            "drafted": [*DRAFTED],
            "right": [*RIGHT],
        }
        counted, newest = batch.ask(_COUNTS, values), batch.ask(_RECENT, values)
        await batch.send()
        all_: dict[str, dict[Verdict, int]] = {}
        for row in counted.rows:
            all_.setdefault(row["field"], {})[Verdict(row["verdict"])] = row["times"]
        recent = {row["field"]: (row["recent"], row["recent_right"]) for row in newest.rows}
        return [FieldCounts(it, rules, all_.get(it, {}), *recent[it]) for it in fields]

    async def switches(self, rules: str) -> dict[str, FieldSwitch]:
        """The newest decision about each field."""
        table = draft_switch
        columns = [getattr(table.c, name) for name in FieldSwitch.__dataclass_fields__]
        query = (
            select(*columns)
            .ext(distinct_on(table.c.field))
            .where(table.c.rules == rules)
            .order_by(table.c.field, table.c.id.desc())
        )
        rows = (await self._connection.execute(query)).mappings()
        return {row["field"]: FieldSwitch(**row) for row in rows}

    async def switch(self, field: str, rules: str, *, on: bool, login: str, reason: str) -> None:
        """A person decides; counting begins anew."""
        newest = select(func.coalesce(func.max(draft_verdict.c.id), 0)).scalar_subquery()
        values = {"field": field, "rules": rules, "on": on, "login": login, "reason": reason}
        await self._connection.execute(draft_switch.insert().values(**values, after=newest))


async def opened_sheet(seals: WordSeals, row: Mapping[Any, Any]) -> Sheet:
    """A row of table ``work_sheet``; nothing is typed in it when its key is destroyed."""
    said = await seals.opened(row["typed"], row["sealed"], sheet_place(row["call"], row["matter"])) or {}
    typed = {name: Typed(**it) for name, it in said.items()}
    kept = {name: value for name, value in row.items() if name != "sealed"}
    return Sheet(**{**kept, "typed": typed, "state": SheetState(row["state"])})
