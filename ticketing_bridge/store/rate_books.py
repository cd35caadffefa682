"""Queries about the books beside the rate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from config.rates import RateDefinition
from ticketing_bridge.store.rate_records import (
    AlertRow,
    CarrierCount,
    CarrierSum,
    DefinitionVersion,
    Exclusion,
)
from ticketing_bridge.store.rate_tables import carrier_count, rate_alert, rate_definition, rate_exclusion


class RateBooks:
    """Versions of definitions, exclusions, carrier counts, alerts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    # -- definitions

    async def versions(self) -> list[DefinitionVersion]:
        """All versions that were made here, in the order of making."""
        rows = (
            await self._connection.execute(select(rate_definition).order_by(rate_definition.c.id))
        ).mappings()
        return [
            DefinitionVersion(
                RateDefinition.model_validate(row["spec"]),
                **{name: row[name] for name in ("effective_from", "reason", "made_by", "made_at", "id")},
            )
            for row in rows
        ]

    async def add_version(self, definition: RateDefinition, from_: date, reason: str, made_by: str) -> None:
        """From this day on the definition is so."""
        await self._connection.execute(
            rate_definition.insert().values(
                name=definition.name,
                spec=definition.model_dump(mode="json"),
                effective_from=from_,
                reason=reason,
                made_by=made_by,
            )
        )

    # -- exclusions

    async def ask_exclusion(self, call: str, kind: str, reason: str, asked_by: str) -> Exclusion | None:
        """Ask for a call to be left out; None when it is asked for, or out, already."""
        values = {"call": call, "kind": kind, "reason": reason, "asked_by": asked_by}
        made = (
            insert(rate_exclusion).values(values).on_conflict_do_nothing().returning(*rate_exclusion.columns)
        )
        row = (await self._connection.execute(made)).mappings().first()
        return Exclusion(**row) if row else None

    async def exclusion(self, exclusion_id: int) -> Exclusion | None:
        """One of them, locked."""
        query = select(rate_exclusion).where(rate_exclusion.c.id == exclusion_id).with_for_update()
        row = (await self._connection.execute(query)).mappings().first()
        return Exclusion(**row) if row else None

    async def confirm_exclusion(self, exclusion_id: int, who: str) -> None:
        """The second person agrees."""
        await self._change(exclusion_id, confirmed_by=who, confirmed_at=func.now())

    async def end_exclusion(self, exclusion_id: int, who: str) -> None:
        """Refused, or taken back: the call counts."""
        await self._change(exclusion_id, ended_by=who, ended_at=func.now())

    async def _change(self, exclusion_id: int, **values: Any) -> None:
        change = rate_exclusion.update().where(rate_exclusion.c.id == exclusion_id).values(**values)
        await self._connection.execute(change)

    async def exclusions(self, limit: int = 200) -> list[Exclusion]:
        """Those that stand first, then the newest."""
        table = rate_exclusion
        query = select(table).order_by(table.c.ended_at.is_not(None), table.c.id.desc()).limit(limit)
        return [Exclusion(**row) for row in (await self._connection.execute(query)).mappings()]

    async def excluded_kinds(self, begin: datetime, end: datetime, line: str | None = None) -> dict[str, int]:
        """How many calls of the period are out, by kind."""
        query = text("""
            SELECT kind, count(*) FROM rate_exclusion x JOIN rate_call it ON it.call = x.call
            WHERE x.confirmed_at IS NOT NULL AND x.ended_at IS NULL
              AND it.arrived_at >= :begin AND it.arrived_at < :end
              AND (CAST(:line AS text) IS NULL OR it.line = :line) GROUP BY kind ORDER BY kind""")
        rows = await self._connection.execute(query, {"begin": begin, "end": end, "line": line})
        return {row[0]: row[1] for row in rows}

    # -- the carrier's counts

    async def put_carrier(self, counts: Sequence[CarrierCount]) -> None:
        """Write these over what is there."""
        if not counts:
            return
        insertion = insert(carrier_count)
        changed = {name: insertion.excluded[name] for name in ("offered", "refused", "source")}
        statement = insertion.on_conflict_do_update(
            index_elements=["day", "number"], set_={**changed, "imported_at": func.now()}
        )
        names = ("day", "number", "offered", "refused", "source")
        await self._connection.execute(statement, [{it: getattr(one, it) for it in names} for one in counts])

    async def carrier(self, first: date, last: date, numbers: Sequence[str] | None = None) -> CarrierSum:
        """Sums over the days from ``first`` to ``last``; ``numbers``: only these."""
        table = carrier_count
        query = select(
            func.count(func.distinct(table.c.day)),
            func.coalesce(func.sum(table.c.offered), 0),
            func.coalesce(func.sum(table.c.refused), 0),
        ).where(table.c.day >= first, table.c.day <= last)
        if numbers is not None:
            query = query.where(table.c.number.in_(numbers))
        return CarrierSum(*(await self._connection.execute(query)).one())

    # -- alerts

    async def open_alerts(self) -> list[AlertRow]:
        """Those that stand, oldest first."""
        return await self._alerts(rate_alert.c.cleared_at.is_(None))

    async def recent_alerts(self, since: datetime) -> list[AlertRow]:
        """Those that were raised since then, oldest first."""
        return await self._alerts(rate_alert.c.raised_at >= since)

    async def untold_alerts(self) -> list[AlertRow]:
        """Those of which the webhook does not know yet how they stand, and that may be tried now."""
        state = text("told IS DISTINCT FROM CASE WHEN cleared_at IS NULL THEN 'raised' ELSE 'cleared' END")
        return await self._alerts(state, rate_alert.c.next_try_at <= func.now(), rate_alert.c.tries < 100)

    async def _alerts(self, *where: Any) -> list[AlertRow]:
        names = ("id", "kind", "facts", "raised_at", "cleared_at", "told", "tries")
        query = select(*(rate_alert.c[name] for name in names)).where(*where).order_by(rate_alert.c.id)
        return [AlertRow(**row) for row in (await self._connection.execute(query)).mappings()]

    async def raise_alert(self, kind: str, facts: Mapping[str, Any]) -> bool:
        """Raise one, or tell how it stands now; False when it stood already."""
        query = text("""
            INSERT INTO rate_alert (kind, facts) VALUES (:kind, CAST(:facts AS jsonb))
            ON CONFLICT (kind) WHERE cleared_at IS NULL DO UPDATE SET facts = excluded.facts
            RETURNING (xmax = 0)""")
        values = {"kind": kind, "facts": json.dumps(dict(facts), ensure_ascii=False)}
        return bool((await self._connection.execute(query, values)).scalar_one())

    async def clear_alert(self, alert_id: int) -> None:
        """It is over."""
        change = rate_alert.update().where(rate_alert.c.id == alert_id)
        await self._connection.execute(change.values(cleared_at=func.now(), next_try_at=func.now(), tries=0))

    async def alert_told(self, alert_id: int, told: str | None, wait_s: float = 0) -> None:
        """The webhook knows (``told``), or could not be told and is tried again after ``wait_s``."""
        values: dict[str, Any] = {"told": told, "tries": 0}
        if told is None:
            again = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, wait_s)
            values = {"tries": rate_alert.c.tries + 1, "next_try_at": again}
        await self._connection.execute(
            rate_alert.update().where(rate_alert.c.id == alert_id).values(**values)
        )
