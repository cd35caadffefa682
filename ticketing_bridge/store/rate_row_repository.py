"""Queries over what each call counts for: what cells cannot answer, callers, agents, the longest wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.rates import Clock, RateDefinition
from facts.call import Call, Outcome
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.number_rows import CallRows
from ticketing_bridge.store.numbers import ERASED
from ticketing_bridge.store.rate_facts import MISSED, REACHED
from ticketing_bridge.store.rate_pieces import Level
from ticketing_bridge.store.rate_repository import KEYS, Sums, narrowed, quoted, signed

#: after this time a missed caller who was not reached stays one
_WITHIN: Final = "interval '24 hours'"
_MISSED, _REACHED = quoted(MISSED), quoted(REACHED)
#: the same as "outcome IN missed", in the words of the index of missed calls
_NOT_MISSED: Final = "'answered', 'transferred_emergency', 'self_service', 'unresolved'"
if {*_NOT_MISSED.replace("'", "").split(", ")} != {*Outcome} - MISSED:
    raise AssertionError("the index of missed calls speaks of others")
#: a miss after which the caller was not reached within a day, by a call or a call-back; rates.md says why
_LOST: Final = f"""
  FROM rate_call miss
  WHERE miss.arrived_at >= :begin AND miss.arrived_at < :end AND miss.outcome NOT IN ({_NOT_MISSED})
    AND NOT miss.excluded AND miss.recovered_ms IS NULL AND miss.caller IS NOT NULL
    AND (CAST(:line AS text) IS NULL OR miss.line = :line)
    AND NOT EXISTS (
      SELECT 1 FROM rate_call later
      WHERE later.caller = miss.caller AND later.outcome IN ({_REACHED})
        AND later.arrived_at > miss.arrived_at AND later.arrived_at <= miss.arrived_at + {_WITHIN})
"""


#: who or where, from, to
Stay = tuple[str, datetime, datetime | None]


@dataclass(frozen=True, slots=True)
class Callers:
    """Numbers in a period; withheld ones cannot be told apart and are counted by call."""

    callers: int
    reached: int
    withheld_calls: int


@dataclass(frozen=True, slots=True)
class Patience:
    """Answered calls and talk; those in a queue, who gave up, how long all waited; misses before any."""

    answered: int
    talk_ms: int
    queued: int
    gave_up: int
    waited_ms: int
    lost_before: int


@dataclass(frozen=True, slots=True)
class AgentSum:
    """One agent's rings and talk in a period."""

    agent: str
    rings: int
    answered: int
    ring_ms: int
    talk_ms: int


@dataclass(frozen=True, slots=True)
class MissedRow:
    """A caller who was missed and not reached within a day; ``call``: the last miss."""

    call: str
    caller_number: str
    line: str
    outcome: Outcome
    misses: int
    first_at: datetime
    last_at: datetime
    callback_id: int | None
    callback_state: str | None


def _predicates(definition: RateDefinition) -> tuple[str, str, str]:
    """SQL over ``rate_call``: in the base, reached, not known."""
    base = [
        "NOT excluded",
        f"outcome NOT IN ({quoted([*definition.left_out, Outcome.UNRESOLVED])})",
        *(["NOT short"] if definition.without_short else []),
        *(["placed"] if definition.queued_only else []),
    ]
    person = f"outcome IN ({quoted(definition.reached)})"
    done, unknown = person, "false"
    if definition.within_s is not None:
        wait = "queue_ms" if definition.clock is Clock.QUEUE else "until_ms"
        done = f"{person} AND {wait} <= {definition.within_s * 1000}"
        unknown = f"{person} AND {wait} IS NULL"
    if definition.recovered_min is not None:
        recovered = f"outcome IN ({_MISSED}) AND recovered_ms <= {definition.recovered_min * 60_000}"
        done = f"({done}) OR (outcome NOT IN ({quoted(definition.reached)}) AND {recovered})"
    return " AND ".join(base), done, unknown


class RateRows:
    """What each call counts for, looked at call by call."""

    def __init__(self, connection: AsyncConnection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    async def exact(
        self,
        definition: RateDefinition,
        begin: datetime,
        end: datetime,
        *,
        line: str | None = None,
        queue: str | None = None,
        by: str | None = None,
    ) -> list[Sums]:
        """Base (``b``), reached (``r``), unknown (``u``) of any definition; reads every call of the period.

        To the minute, as cells are.
        """
        base, done, unknown = _predicates(definition)
        narrow, values = narrowed(line, queue)
        key = KEYS[by].replace("at,", "arrived_at,") if by else "NULL"
        query = f"""
            SELECT {key} AS key, count(*) AS b, count(*) FILTER (WHERE {done}) AS r,
                   count(*) FILTER (WHERE {unknown}) AS u
            FROM rate_call WHERE arrived_at >= :begin AND arrived_at < :end AND {base}{narrow}
            {"GROUP BY 1 ORDER BY 1" if by else ""}"""
        values |= {"begin": Level.MINUTE.floor(begin), "end": Level.MINUTE.ceil(end)}
        rows = (await self._connection.execute(text(query), values)).mappings()
        return [Sums(row["key"], {name: row[name] for name in "bru"}) for row in rows]

    async def callers(
        self, definition: RateDefinition, begin: datetime, end: datetime, line: str | None = None
    ) -> Callers:
        """Numbers of the base, and those of whom at least one call reached."""
        base, done, _ = _predicates(definition)
        narrow, values = narrowed(line, None)
        query = f"""
            SELECT count(caller), count(caller) FILTER (WHERE reached),
                   coalesce(sum(calls) FILTER (WHERE caller IS NULL), 0)
            FROM (SELECT caller, bool_or(coalesce({done}, false)) AS reached, count(*) AS calls
                  FROM rate_call WHERE arrived_at >= :begin AND arrived_at < :end AND {base}{narrow}
                  GROUP BY caller) AS it"""
        row = (await self._connection.execute(text(query), values | {"begin": begin, "end": end})).one()
        return Callers(row[0], row[1], int(row[2]))

    async def agents(self, begin: datetime, end: datetime) -> list[AgentSum]:
        """Offered and answered rings by agent over whole local days, by name."""
        one = "FROM rate_delta, jsonb_each(agents) AS part WHERE NOT excluded"
        parts = [f"sign * (part.value ->> {at})::bigint" for at in range(4)]
        query = f"""
            SELECT agent, sum(rings), sum(answered), sum(ring_ms), sum(talk_ms) FROM (
              SELECT agent, sum(rings), sum(answered), sum(ring_ms), sum(talk_ms) FROM rate_agent_day
              WHERE at >= :begin AND at < :end GROUP BY agent
              UNION ALL SELECT part.key, {", ".join(parts)} {one}
                AND arrived_at >= :begin AND arrived_at < :end
            ) AS it (agent, rings, answered, ring_ms, talk_ms)
            GROUP BY agent HAVING sum(rings) > 0 OR sum(talk_ms) > 0 ORDER BY agent"""
        values = {"begin": Level.DAY.floor(begin), "end": Level.DAY.ceil(end)}
        rows = await self._connection.execute(text(query), values)
        return [AgentSum(row[0], *map(int, row[1:])) for row in rows]

    async def longest_ms(
        self,
        outcomes: Sequence[Outcome],
        begin: datetime,
        end: datetime,
        *,
        at_least_ms: int,
        line: str | None = None,
    ) -> int | None:
        """The longest time from arrival to the person or the end; ``at_least_ms`` is known of it already."""
        narrow, values = narrowed(line, None)
        query = f"""
            SELECT max(until_ms) FROM rate_call WHERE until_ms >= :least AND arrived_at >= :begin
              AND arrived_at < :end AND NOT excluded AND outcome IN ({quoted(outcomes)}){narrow}"""
        values |= {"begin": begin, "end": end, "least": at_least_ms}
        found: int | None = (await self._connection.execute(text(query), values)).scalar()
        return found

    async def open_calls(self, begin: datetime, end: datetime, line: str | None = None) -> int:
        """Calls of the period that are on."""
        query = text("""SELECT count(*) FROM call WHERE outcome IS NULL AND arrived_at >= :begin
                        AND arrived_at < :end AND (CAST(:line AS text) IS NULL OR line = :line)""")
        found = await self._connection.execute(query, {"begin": begin, "end": end, "line": line})
        return int(found.scalar_one())

    async def lost_callers(self, begin: datetime, end: datetime, line: str | None = None) -> int:
        """How many callers were missed and not reached since, of misses in this time."""
        query = text(f"SELECT count(DISTINCT miss.caller) {_LOST}")
        found = await self._connection.execute(query, {"begin": begin, "end": end, "line": line})
        return int(found.scalar_one())

    async def withheld_misses(self, begin: datetime, end: datetime, line: str | None = None) -> int:
        """Misses of callers whose number is withheld: nobody can be called back."""
        query = text(f"""
            SELECT count(*) FROM rate_call WHERE arrived_at >= :begin AND arrived_at < :end AND caller IS NULL
              AND outcome NOT IN ({_NOT_MISSED}) AND NOT excluded
              AND (CAST(:line AS text) IS NULL OR line = :line)""")
        found = await self._connection.execute(query, {"begin": begin, "end": end, "line": line})
        return int(found.scalar_one())

    async def missed(
        self, begin: datetime, end: datetime, line: str | None = None, limit: int = 500
    ) -> list[MissedRow]:
        """Who was missed and not reached since: the longest missed first, with what is owed to them."""
        query = text(f"""
            WITH lost AS (SELECT miss.* {_LOST}),
            caller AS (
              SELECT caller, count(*) AS misses, min(arrived_at) AS first_at, max(arrived_at) AS last_at,
                     (array_agg(call ORDER BY arrived_at DESC, call))[1] AS call
              FROM lost GROUP BY caller ORDER BY 3, 5 LIMIT :limit
            )
            SELECT it.call, call.caller_number, call.line, call.outcome, it.misses, it.first_at, it.last_at,
                   owed.id AS callback_id, owed.state AS callback_state
            FROM caller it JOIN call ON call.key = it.call
            LEFT JOIN LATERAL (
              SELECT id, state FROM callback WHERE callback.number = nullif(call.caller_number, '')
                AND callback.arrived_at >= it.first_at AND callback.kind <> 'follow_up'
              ORDER BY id DESC LIMIT 1
            ) owed ON true
            ORDER BY it.first_at, it.call""")
        values = {"begin": begin, "end": end, "line": line, "limit": limit}
        rows = (await self._connection.execute(query, values)).mappings().all()
        numbers = await self._numbers.opened(row["caller_number"] or ERASED for row in rows)
        return [
            MissedRow(
                **{
                    **row,
                    "caller_number": numbers[row["caller_number"] or ERASED],
                    "outcome": Outcome(row["outcome"]),
                }
            )
            for row in rows
        ]

    async def patience(self, begin: datetime, end: datetime) -> Patience:
        """What waiting and talking were like; reads every call of the period."""
        before = quoted([Outcome.ABANDONED_IVR, Outcome.CLOSED, Outcome.SYSTEM_ERROR])
        query = text(f"""
            SELECT count(*) FILTER (WHERE outcome = 'answered'),
                   coalesce(sum(talk_ms) FILTER (WHERE outcome = 'answered'), 0),
                   count(*) FILTER (WHERE placed),
                   count(*) FILTER (WHERE outcome = 'abandoned_queue' AND placed),
                   coalesce(sum(queue_ms) FILTER (WHERE placed
                     AND outcome IN ('answered', 'abandoned_queue', 'timeout', 'leave_empty')), 0),
                   count(*) FILTER (WHERE NOT placed AND outcome IN ({before}))
            FROM rate_call WHERE arrived_at >= :begin AND arrived_at < :end AND NOT excluded
              AND outcome <> 'unresolved'""")
        row = (await self._connection.execute(query, {"begin": begin, "end": end})).one()
        return Patience(*map(int, row))

    async def missed_calls(
        self, begin: datetime, end: datetime, line: str | None = None, limit: int = 20_000
    ) -> list[Call]:
        """The missed calls themselves, newest first, without excluded ones."""
        query = text(f"""
            SELECT call.* FROM rate_call it JOIN call ON call.key = it.call
            WHERE it.arrived_at >= :begin AND it.arrived_at < :end AND it.outcome NOT IN ({_NOT_MISSED})
              AND NOT it.excluded AND (CAST(:line AS text) IS NULL OR it.line = :line)
            ORDER BY it.arrived_at DESC, it.call LIMIT :limit""")
        values = {"begin": begin, "end": end, "line": line, "limit": limit}
        rows = (await self._connection.execute(query, values)).mappings()
        return await CallRows(self._numbers).calls(rows)

    async def around(self, begin: datetime, end: datetime) -> tuple[list[Stay], list[Stay]]:
        """Talks by agent, and stays by queue, of all calls that arrived in this time; ``None``: goes on."""
        found = []
        for column, who, first, last in (
            ("agent_legs", "agent", "bridged_at", "left_at"),
            ("queue_legs", "queue", "joined_at", "left_at"),
        ):
            query = text(f"""
                SELECT leg ->> '{who}', (leg ->> '{first}')::timestamptz,
                       coalesce((leg ->> '{last}')::timestamptz, call.ended_at)
                FROM call, jsonb_array_elements(call.{column}) AS leg
                WHERE arrived_at >= :begin AND arrived_at < :end""")
            rows = await self._connection.execute(query, {"begin": begin, "end": end})
            found.append([(str(row[0]), row[1], row[2]) for row in rows])
        return found[0], found[1]

    async def minutes(
        self,
        hours: Sequence[datetime],
        wanted: Mapping[str, Sequence[str]],
        line: str | None = None,
        queue: str | None = None,
    ) -> dict[datetime, Mapping[str, int]]:
        """Columns of every minute of these hours in which anything was counted."""
        narrow, values = narrowed(line, queue)
        of_hours = (
            "JOIN unnest(CAST(:hours AS timestamptz[])) AS hour (h) "
            "ON {at} >= h AND {at} < h + interval '1 hour'"
        )
        cells = ", ".join(f"{signed(columns)} AS {name}" for name, columns in wanted.items())
        deltas = ", ".join(f"{signed(columns, of_delta=True)} AS {name}" for name, columns in wanted.items())
        sums = ", ".join(f"sum({name}) AS {name}" for name in wanted)
        where = narrow.replace(" AND", "WHERE", 1)
        table = Level.MINUTE.table_of(not values)
        query = f"""
            SELECT at, {sums} FROM (
              SELECT at, {cells} FROM {table} {of_hours.format(at="at")} {where}
              UNION ALL
              SELECT {Level.MINUTE.begin("arrived_at")}, {deltas} FROM rate_delta
              {of_hours.format(at="arrived_at")} {where}
            ) AS it GROUP BY at"""
        rows: Any = (await self._connection.execute(text(query), values | {"hours": [*hours]})).mappings()
        return {row["at"]: {name: int(row[name]) for name in wanted} for row in rows}
