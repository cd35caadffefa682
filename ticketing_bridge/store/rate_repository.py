"""Queries about what calls count for: kept a call, folded into cells, added up again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.call import Outcome
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.rate_columns import COLUMNS, counted, of_one
from ticketing_bridge.store.rate_facts import COUNT_VERSION, MISSED, RateFact
from ticketing_bridge.store.rate_pieces import Level, Piece, pieces

#: only one folds at a time
FOLD_LOCK: Final = 0x12345_10
_FACTS = (
    "arrived_at", "line", "queue", "outcome", "short", "placed", "excluded", "caller", "until_ms", "queue_ms",
    "talk_ms", "recovered_ms", "agents",
)  # fmt: skip
_LIST = ", ".join(_FACTS)
_MISSED = ", ".join(f"'{it.value}'" for it in sorted(MISSED))

#: what only the database knows of a fact: whether it is left out, and when its caller was called back
_BESIDE = f"""
  EXISTS (SELECT 1 FROM rate_exclusion x
          WHERE x.call = it.call AND x.confirmed_at IS NOT NULL AND x.ended_at IS NULL) AS excluded,
  CASE WHEN it.outcome IN ({_MISSED}) THEN (
    SELECT greatest(0, ceil(extract(epoch FROM tried.reached_at - it.arrived_at) * 1000)::int
                       - coalesce(it.until_ms, 0))
    FROM callback owed JOIN callback_attempt tried ON tried.callback = owed.id
    WHERE owed.kind <> 'follow_up' AND tried.reached_at > it.arrived_at
      AND tried.reached_at <= it.arrived_at + interval '24 hours'
      AND (owed.number = it.caller_number OR owed.call = it.call)
    ORDER BY tried.reached_at LIMIT 1
  ) END AS recovered_ms
"""
_GIVEN = f"""
  SELECT it.call, it.arrived_at, it.line, it.queue, it.outcome, it.short, it.placed, it.caller,
         it.until_ms, it.queue_ms, it.talk_ms, it.agents, {_BESIDE}
  FROM (
    SELECT fact.call, arrived_at, line, queue, outcome, short, placed, until_ms, queue_ms, talk_ms, agents,
           CASE WHEN number <> '' THEN number WHEN number = '' THEN
             (SELECT nullif(caller_number, '') FROM call WHERE key = fact.call) END AS caller_number,
           CASE WHEN number <> '' THEN keyed_caller(number) WHEN number = '' THEN
             (SELECT caller FROM rate_call WHERE call = fact.call) END AS caller
    FROM jsonb_to_recordset(CAST(:facts AS jsonb)) AS fact (
      call text, arrived_at timestamptz, line text, queue text, outcome text, short boolean, placed boolean,
      number text, until_ms int, queue_ms int, talk_ms int, agents jsonb)
  ) AS it
"""
_AGAIN = f"""
  SELECT it.call, it.arrived_at, it.line, it.queue, it.outcome, it.short, it.placed, it.caller,
         it.until_ms, it.queue_ms, it.talk_ms, it.agents, {_BESIDE}
  FROM (SELECT rate_call.*, nullif(call.caller_number, '') AS caller_number
        FROM rate_call JOIN call ON call.key = rate_call.call
        WHERE rate_call.call = ANY(CAST(:keys AS text[]))) AS it
"""


def _counting(given: str, *, may_go: bool) -> str:
    """Facts over what was counted before; each change as a delta, what was counted taken away first."""
    gone = "given.call IS NULL OR" if may_go else ""
    return f"""
WITH given AS ({given}),
old AS (SELECT * FROM rate_call WHERE call = ANY(CAST(:keys AS text[])) FOR UPDATE),
changed AS (
  SELECT given.* FROM given LEFT JOIN old USING (call)
  WHERE old.call IS NULL OR ({", ".join(f"old.{it}" for it in _FACTS)})
        IS DISTINCT FROM ({", ".join(f"given.{it}" for it in _FACTS)})
),
minus AS (
  INSERT INTO rate_delta (sign, {_LIST})
  SELECT -1, {", ".join(f"old.{it}" for it in _FACTS)} FROM old LEFT JOIN given USING (call)
  WHERE {gone} old.call IN (SELECT call FROM changed)
),
plus AS (INSERT INTO rate_delta (sign, {_LIST}) SELECT 1, {_LIST} FROM changed),
dropped AS (
  DELETE FROM rate_call WHERE {"true" if may_go else "false"}
    AND call IN (SELECT call FROM old EXCEPT SELECT call FROM given)
),
kept AS (
  INSERT INTO rate_call (call, {_LIST}) SELECT call, {_LIST} FROM changed
  ON CONFLICT (call) DO UPDATE SET {", ".join(f"{it} = excluded.{it}" for it in _FACTS)}
)
SELECT count(*) FROM changed
"""


_COUNT = text(_counting(_GIVEN, may_go=True))
_RECOUNT = text(_counting(_AGAIN, may_go=False))


def cells_from(table: str, source: str, at: str, values: str, *, over: bool = False) -> str:
    """Rows of a source added to the cells of a table. ``over``: all lines and queues together."""
    columns = ", ".join(COLUMNS)
    adds = ", ".join(f"{it} = cell.{it} + excluded.{it}" for it in COLUMNS)
    where = "'', ''" if over else "line, queue"
    return f"""
INSERT INTO {table} AS cell (at, line, queue, {columns})
SELECT {at}, {where}, {values} FROM {source} GROUP BY 1, 2, 3
ON CONFLICT (at, line, queue) DO UPDATE SET {adds}"""


def _levels(source: str) -> str:
    """Deltas into all cells, as parts of one statement."""
    values = ", ".join(counted(it) for it in COLUMNS)
    return ",\n".join(
        f"to_{level.table_of(over)} AS ("
        f"{cells_from(level.table_of(over), source, level.begin('arrived_at'), values, over=over)})"
        for level in Level
        for over in (False, True)
    )


def _agent_cells(source: str) -> str:
    return f"""
INSERT INTO rate_agent_day AS cell (at, agent, rings, answered, ring_ms, talk_ms)
SELECT {Level.DAY.begin("arrived_at")}, it.key, sum(sign * (it.value ->> 0)::int),
       sum(sign * (it.value ->> 1)::int), sum(sign * (it.value ->> 2)::bigint),
       sum(sign * (it.value ->> 3)::bigint)
FROM {source}, jsonb_each(agents) AS it WHERE NOT excluded GROUP BY 1, 2
ON CONFLICT (at, agent) DO UPDATE SET rings = cell.rings + excluded.rings,
  answered = cell.answered + excluded.answered, ring_ms = cell.ring_ms + excluded.ring_ms,
  talk_ms = cell.talk_ms + excluded.talk_ms"""


_FOLD = text(f"""
WITH gone AS (
  DELETE FROM rate_delta WHERE id IN (SELECT id FROM rate_delta ORDER BY id LIMIT :most) RETURNING *
),
{_levels("gone")},
agents AS ({_agent_cells("gone")})
SELECT count(*) FROM gone
""")


@dataclass(frozen=True, slots=True)
class Sums:
    """Added-up columns of one group; ``key`` None: of all."""

    key: str | datetime | None
    values: Mapping[str, int]


class RateRepository:
    """What calls count for."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    async def count(self, facts: Sequence[RateFact], others: Sequence[str] = ()) -> int:
        """``record``, and how many changed."""
        return int((await self.record(facts, others)).scalar_one())

    async def record(self, facts: Sequence[RateFact], others: Sequence[str] = ()) -> CursorResult[Any]:
        """Count these calls as their facts say, whatever was counted before.

        ``others``: calls that are on: whatever was counted of them is taken away.
        """
        tokens = await self._numbers.tokens(it.caller_number for it in facts if it.caller_number)
        rows = json.dumps([_fact_json(it, tokens) for it in facts], ensure_ascii=False)
        keys = [*(it.call for it in facts), *others]
        return await self._connection.execute(_COUNT, {"facts": rows, "keys": keys})

    async def recount(self, calls: Sequence[str]) -> int:
        """Look again at what only the database knows of these calls; returns how many changed."""
        if not calls:
            return 0
        # the order of locks is that of the ledger: the call's row first
        lock = text("SELECT 1 FROM call WHERE key = ANY(CAST(:keys AS text[])) ORDER BY key FOR UPDATE")
        await self._connection.execute(lock, {"keys": [*calls]})
        return int((await self._connection.execute(_RECOUNT, {"keys": [*calls]})).scalar_one())

    async def recount_caller(self, number: str, call: str | None, reached_at: datetime) -> int:
        """Somebody was reached by call-back: their misses of the day before are recovered."""
        query = text("""
            SELECT call FROM rate_call
            WHERE (caller = keyed_caller(:number) AND arrived_at > :since AND arrived_at <= :until)
               OR call = :call""")
        values = {
            "number": await self._numbers.token(number),
            "call": call,
            "since": reached_at - timedelta(days=1),
            "until": reached_at,
        }
        return await self.recount([*(await self._connection.execute(query, values)).scalars()])

    async def fold(self, most: int = 20_000) -> int | None:
        """Put waiting deltas into the cells; returns how many, None when another one folds now."""
        lock = text("SELECT pg_try_advisory_xact_lock(:key)")
        if not (await self._connection.execute(lock, {"key": FOLD_LOCK})).scalar_one():
            return None
        return int((await self._connection.execute(_FOLD, {"most": most})).scalar_one())

    async def plan_freshly(self) -> None:
        """For the rest of this transaction: plans for the very period that is asked for.

        The plan for any period that PostgreSQL keeps after some repeats may read a whole year for a day.
        """
        await self._connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))

    async def unfolded(self) -> int:
        """How many changes wait to be folded."""
        return int((await self._connection.execute(text("SELECT count(*) FROM rate_delta"))).scalar_one())

    async def count_version(self) -> int | None:
        """By which rules everything is counted; None: nothing was counted ever."""
        query = text("SELECT value FROM rate_state WHERE name = 'version'")
        found = (await self._connection.execute(query)).scalar()
        return None if found is None else int(found)

    async def counted(self) -> None:
        """Everything is counted by today's rules."""
        query = text("""
            INSERT INTO rate_state (name, value) VALUES ('version', :version)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value""")
        await self._connection.execute(query, {"version": COUNT_VERSION})

    async def sums(
        self,
        begin: datetime,
        end: datetime,
        wanted: Mapping[str, Sequence[str]],
        *,
        line: str | None = None,
        queue: str | None = None,
        by: str | None = None,
    ) -> list[Sums]:
        """Columns added up over ``[begin, end)``, to the minute, from the coarsest cells that fit.

        Deltas that are not folded yet are in it: one statement sees one state of all.

        Args:
            wanted: name → columns that are added (``-column``: taken away).
            by: hour, day, month (beginnings in Asia/Shanghai), line, queue, or every_15, _30, _60 minutes.
        """
        names = tuple(wanted)
        rows = await self.rows(begin, end, wanted, line=line, queue=queue, by=by)
        return [Sums(row[0], dict(zip(names, row[1:], strict=True))) for row in rows]

    async def rows(
        self,
        begin: datetime,
        end: datetime,
        wanted: Mapping[str, Sequence[str]],
        *,
        line: str | None = None,
        queue: str | None = None,
        by: str | None = None,
    ) -> list[Sequence[Any]]:
        """``sums`` as they come: a key, then ``wanted`` in its order. For thousands of groups."""
        query, values = _sums_query(
            pieces(begin, end, _COARSEST.get(by or "", Level.DAY)), wanted, line, queue, by
        )
        rows = (await self._connection.execute(text(query), values)).all()
        return [*rows] if by is None else _together(rows)


def _together(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """One row a key, in order. Nearly all keys are there once: quicker than grouping them in SQL again."""
    found: dict[Any, Sequence[Any]] = {}
    for row in rows:
        key = row[0]
        known = found.get(key)
        if known is None:
            found[key] = row
        else:
            found[key] = (key, *(one + other for one, other in zip(known[1:], row[1:], strict=True)))
    return [found[key] for key in sorted(found) if any(found[key][1:])]


def _fact_json(fact: RateFact, tokens: Mapping[str, str]) -> dict[str, Any]:
    return {
        "call": fact.call,
        "arrived_at": fact.arrived_at.isoformat(),
        "line": fact.line,
        "queue": fact.queue,
        "outcome": fact.outcome.value,
        "short": fact.short,
        "placed": fact.placed,
        "number": tokens[fact.caller_number] if fact.caller_number else fact.caller_number,
        "until_ms": fact.until_ms,
        "queue_ms": fact.queue_ms,
        "talk_ms": fact.talk_ms,
        "agents": {it.agent: [it.rings, it.answered, it.ring_ms, it.talk_ms] for it in fact.agents},
    }


KEYS: Final[Mapping[str, str]] = {
    "hour": "date_trunc('hour', at, 'Asia/Shanghai')",
    "day": "date_trunc('day', at, 'Asia/Shanghai')",
    "month": "date_trunc('month', at, 'Asia/Shanghai')",
    "line": "line",
    "queue": "queue",
    # staffing's intervals
    "every_15": "date_bin('15 minutes', at, timestamptz '2000-01-01 00:00+08')",
    "every_30": "date_bin('30 minutes', at, timestamptz '2000-01-01 00:00+08')",
    "every_60": "date_bin('60 minutes', at, timestamptz '2000-01-01 00:00+08')",
}
#: groups that coarser cells cannot tell apart
_COARSEST: Final[Mapping[str, Level]] = {
    "hour": Level.HOUR,
    "every_60": Level.HOUR,
    "every_30": Level.MINUTE,
    "every_15": Level.MINUTE,
}


def quoted(outcomes: Iterable[Outcome]) -> str:
    """A list of outcomes for SQL's IN."""
    return ", ".join(f"'{it.value}'" for it in sorted(outcomes))


def narrowed(line: str | None, queue: str | None) -> tuple[str, dict[str, Any]]:
    """SQL that narrows to a line and a queue, with its values."""
    values = {name: value for name, value in (("line", line), ("queue", queue)) if value is not None}
    return "".join(f" AND {name} = :{name}" for name in values), values


def signed(columns: Sequence[str], *, of_delta: bool = False) -> str:
    """``a + b - c`` of a cell, or of what one delta adds to it."""
    value = of_one if of_delta else str
    parts = [f"{'-' if it.startswith('-') else '+'} ({value(it.lstrip('-'))})" for it in columns]
    return " ".join(parts) or "0"


def _sums_query(
    found: Sequence[Piece],
    wanted: Mapping[str, Sequence[str]],
    line: str | None,
    queue: str | None,
    by: str | None,
) -> tuple[str, dict[str, Any]]:
    narrow, values = narrowed(line, queue)
    over = not values and by not in ("line", "queue")
    group = " GROUP BY 1" if by else ""
    cells = ", ".join(f"({signed(columns)})::bigint AS {name}" for name, columns in wanted.items())
    added = ", ".join(f"sum({signed(columns)})::bigint AS {name}" for name, columns in wanted.items())
    deltas = ", ".join(
        f"sum({signed(columns, of_delta=True)})::bigint AS {name}" for name, columns in wanted.items()
    )
    parts = []
    for at, piece in enumerate(found):
        values |= {f"b{at}": piece.begin, f"e{at}": piece.end}
        table, key = piece.level.table_of(over), _key(by, piece.level)
        where = f"FROM {table} WHERE at >= :b{at} AND at < :e{at}{narrow}"
        # a cell of the group's own level is a group: only the others are added up
        single = over and key == "at"
        parts.append(f"SELECT {key} AS key, {cells if single else added} {where}{'' if single else group}")
    begin, end = (found[0].begin, found[-1].end) if found else (datetime.max, datetime.max)
    values |= {"begin": begin, "end": end}
    parts.append(
        f"SELECT {_key(by, None)} AS key, {deltas} FROM rate_delta "
        f"WHERE arrived_at >= :begin AND arrived_at < :end{narrow}{group}"
    )
    every = " UNION ALL ".join(parts)
    if by:
        return every, values
    totals = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in wanted)
    return f"SELECT NULL, {totals} FROM ({every}) AS cell", values


def _key(by: str | None, level: Level | None) -> str:
    """SQL of what is grouped by, from cells of a level or from deltas; such cells need no rounding."""
    if by is None:
        return "NULL"
    if level is None:
        return KEYS[by].replace("at,", "arrived_at,")
    return "at" if by == level.name.lower() else KEYS[by]
