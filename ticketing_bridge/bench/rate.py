"""A year of calls counted, and every kind of question about it, in the warm process that answers them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import text

from config.rates import RateDefinition, Rates, built_in_rates
from config.settings import load_settings
from facts.call import Outcome
from ticketing_bridge.bench.figures import Figure, Size
from ticketing_bridge.demo.likeness import percentile
from ticketing_bridge.memory import look_seldom
from ticketing_bridge.rate.live import rate_now
from ticketing_bridge.rate.rolling import least_window
from ticketing_bridge.rate.service import LOCAL, RateQuery, rate_report
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.rate_columns import COLUMNS, counted
from ticketing_bridge.store.rate_facts import RateFact
from ticketing_bridge.store.rate_pieces import Level
from ticketing_bridge.store.rate_repository import cells_from

FIRST = datetime(2025, 1, 1, tzinfo=LOCAL)
DAYS = 365
#: generated in so many steps
STEPS = 10
GROUPINGS = ("hour", "day", "month", "line", "queue", "agent")
ODD = RateDefinition(
    name="within_17s",
    title="17秒",
    reached=(Outcome.ANSWERED,),
    within_s=17,
    window_h=None,
    recovered_min=None,
)

#: calls by the hour of the day, of a hundred
_HOURS = (
    [0] * 1 + [1] * 1 + [3] * 1 + [5] * 1 + [6] * 1 + [7] * 3 + [8] * 8 + [9] * 12 + [10] * 12 + [11] * 9
    + [12] * 4 + [13] * 4 + [14] * 7 + [15] * 9 + [16] * 9 + [17] * 7 + [18] * 4 + [19] * 3 + [20] * 2
    + [21] * 1 + [22] * 1
)  # fmt: skip
_LINES = ["main"] * 80 + ["business"] * 6 + ["environment"] * 6 + ["safety"] * 4 + ["stuck"] * 4
#: what becomes of a call that is not answered, of twenty
_MISSES = (
    ["abandoned_queue"] * 9 + ["abandoned_ivr"] * 4 + ["timeout"] + ["voicemail"] * 2 + ["callback_requested"]
    + ["join_empty"] + ["system_error"] + ["unresolved"]
)  # fmt: skip

#: every 97th hour is a bad one: one call of seven is missed in it, else one of fifty
_CALLS = text("""
INSERT INTO rate_call (call, arrived_at, line, queue, outcome, short, placed, excluded, caller, until_ms,
                       queue_ms, talk_ms, recovered_ms, agents)
SELECT 'city:' || n, at, line,
       CASE WHEN outcome = 'abandoned_ivr' THEN '' WHEN n % 20 = 0 THEN 'main' ELSE line END,
       outcome, outcome IN ('abandoned_ivr', 'abandoned_queue') AND until_ms < 5000,
       outcome NOT IN ('abandoned_ivr', 'join_empty', 'system_error'), n % 5000 = 0, hashint8(n % 300007),
       until_ms, CASE WHEN outcome NOT IN ('abandoned_ivr', 'join_empty', 'system_error')
                      THEN greatest(0, until_ms - 3500) END,
       CASE WHEN outcome = 'answered' THEN 60000 + (n * 7919) % 240000 ELSE 0 END,
       CASE WHEN outcome IN ('abandoned_queue', 'voicemail') AND n % 3 = 0 THEN (n * 31) % 7200000 END,
       CASE WHEN outcome = 'answered'
            THEN jsonb_build_object('agent' || (n * 17) % 200, jsonb_build_array(1, 1, 4000, 180000))
            ELSE '{}'::jsonb END
FROM (
  SELECT n, at, line,
         CASE WHEN n % 40 = 7 THEN 'self_service' WHEN n % 3000 = 11 THEN 'transferred_emergency'
              WHEN random() < CASE WHEN extract(epoch FROM at)::bigint / 3600 % 97 = 0 THEN 0.14 ELSE 0.02 END
              THEN (CAST(:misses AS text[]))[1 + (n * 13) % 20] ELSE 'answered' END AS outcome,
         (3000 + 9000 * -ln(1 - random()))::int AS until_ms
  FROM (
    SELECT n, (CAST(:lines AS text[]))[1 + (n * 37) % 100] AS line,
           CAST(:first AS timestamptz) + floor(:day + random() * :days) * interval '1 day'
           + (CAST(:hours AS int[]))[1 + floor(random() * 100)::int] * interval '1 hour'
           + random() * interval '1 hour' AS at
    FROM generate_series(CAST(:from AS bigint), CAST(:to AS bigint)) AS n
  ) AS arrivals
) AS calls ORDER BY at
""")
_INDEXES = (
    "CREATE INDEX rate_call_arrived ON rate_call (arrived_at)",
    "CREATE INDEX rate_call_caller ON rate_call (caller, arrived_at) WHERE caller IS NOT NULL",
    "CREATE INDEX rate_call_until ON rate_call (until_ms)",
    "ALTER TABLE rate_call ADD PRIMARY KEY (call)",
)
_DROPS = (
    "DROP INDEX rate_call_arrived",
    "DROP INDEX rate_call_caller",
    "DROP INDEX rate_call_until",
    "ALTER TABLE rate_call DROP CONSTRAINT rate_call_pkey",
)


async def measure(size: Size, calls: int | None = None) -> list[Figure]:
    """Fill a year, then ask. ``calls``: how many, default ten million."""
    count = calls or size.of(10_000_000, 2000)
    home = load_settings().home
    async with EmbeddedPostgres(home, keep_running=False, durable=False) as server:
        await asyncio.to_thread(upgrade, server.url)
        # one connection: its process's time is measured
        async with Database(server.url, connections=1) as database:
            began = time.perf_counter()
            await fill(database, count)
            filled_s = time.perf_counter() - began
            look_seldom()  # as the service does that answers
            figures = await _asked(database, size.of(25, 2))
            figures += await _written(database, size.of(4000, 40))
            async with database.unit_of_work() as uow:
                total = "SELECT sum(pg_total_relation_size(c)) FROM unnest(CAST(:names AS regclass[])) AS c"
                names = [
                    "rate_call",
                    "rate_agent_day",
                    *(it.table_of(over) for it in Level for over in (False, True)),
                ]
                found = await uow.connection.execute(text(total), {"names": names})
                bytes_ = int(found.scalar_one())
    return [
        Figure("calls", count, "calls", "generated, over a year"),
        Figure("filled_s", filled_s, "s", "to generate them and build all cells"),
        Figure("bytes_per_call", bytes_ / count, "bytes", "tables and indexes of the rate, a call"),
        *figures,
    ]


async def fill(database: Database, count: int) -> None:
    """A year of calls, as they are kept for rates, and the cells that follow from them."""
    async with database.unit_of_work() as uow:
        for drop in _DROPS:
            await uow.connection.execute(text(drop))
    for step in range(STEPS):
        first, last = 1 + count * step // STEPS, count * (step + 1) // STEPS
        # in the order of their coming, as calls are written
        days = DAYS / STEPS
        values = {"from": first, "to": last, "first": FIRST, "day": days * step, "days": days}
        async with database.unit_of_work() as uow:
            await uow.connection.execute(
                _CALLS, {**values, "hours": _HOURS, "lines": _LINES, "misses": _MISSES}
            )
    async with database.unit_of_work() as uow:
        for create in _INDEXES:
            await uow.connection.execute(text(create))
    for month in range(12):
        begin = FIRST + timedelta(days=31 * month)
        async with database.unit_of_work() as uow:
            await uow.connection.execute(text("SET LOCAL work_mem = '256MB'"))
            await uow.connection.execute(text(_MINUTES), {"begin": begin, "end": begin + timedelta(days=31)})
    async with database.unit_of_work() as uow:
        for table, source, level, over in _COARSER:
            await uow.connection.execute(text(cells_from(table, source, level.begin("at"), _SUMS, over=over)))
        await uow.connection.execute(text(_AGENTS))
        await uow.rates.counted()
    async with database.unit_of_work() as uow:
        await uow.connection.execute(text("ANALYZE"))


_VALUES = ", ".join(counted(it) for it in COLUMNS)
_SUMS = ", ".join(f"sum({it})" for it in COLUMNS)
_MINUTES = cells_from(
    "rate_minute",
    "(SELECT *, 1 AS sign FROM rate_call WHERE arrived_at >= :begin AND arrived_at < :end) AS it",
    Level.MINUTE.begin("arrived_at"),
    _VALUES,
)
#: target, source, level: each from the finest that holds all
_COARSER = (
    ("rate_hour", "rate_minute", Level.HOUR, False),
    ("rate_day", "rate_hour", Level.DAY, False),
    ("rate_minute_all", "rate_minute", Level.MINUTE, True),
    ("rate_hour_all", "rate_hour", Level.HOUR, True),
    ("rate_day_all", "rate_day", Level.DAY, True),
)


_AGENTS = f"""
INSERT INTO rate_agent_day (at, agent, rings, answered, ring_ms, talk_ms)
SELECT {Level.DAY.begin("arrived_at")}, it.key, sum((it.value ->> 0)::int), sum((it.value ->> 1)::int),
       sum((it.value ->> 2)::bigint), sum((it.value ->> 3)::bigint)
FROM rate_call, jsonb_each(agents) AS it WHERE NOT excluded GROUP BY 1, 2"""


async def _asked(database: Database, times: int) -> list[Figure]:
    """Every grouping over the whole year, in turn."""
    year = FIRST, FIRST + timedelta(days=DAYS)
    now = year[1] + timedelta(days=2)
    shipped = built_in_rates().definitions
    plain = Rates(definitions=tuple(it for it in shipped if not it.window_h), floor_percent=95)
    odd = Rates(published="within_17s", definitions=(ODD,), floor_percent=95)
    window = next(it for it in shipped if it.window_h)

    async def ask(rates: Rates, by: str | None = None, line: str | None = None) -> None:
        names = ("person",) if by not in (None, "agent") and rates is plain else ()
        async with database.unit_of_work() as uow:
            await rate_report(uow, RateQuery(*year, names, line, by=by), rates=rates, now=now)

    async def rolling() -> None:
        async with database.unit_of_work() as uow:
            assert await least_window(uow, window, *year, now)

    async def live() -> None:
        async with database.unit_of_work() as uow:
            await rate_now(uow, year[1] - timedelta(hours=9), target_percent=98)

    questions: list[tuple[str, str, Callable[[], Awaitable[None]], int]] = [
        ("all", "all definitions, waits, longest wait", lambda: ask(plain), times),
        *((f"by_{by}", f"the published rate by {by}", partial(ask, plain, by), times) for by in GROUPINGS),
        ("line_by_hour", "one line's rate by hour", lambda: ask(plain, "hour", "main"), times),
        ("rolling", "the least of any continuous 24 h, to the minute", rolling, times),
        ("live", "what the board asks each second", live, times),
        (
            "odd",
            "a threshold that no histogram knows (counted call by call)",
            lambda: ask(odd),
            max(2, times // 8),
        ),
    ]
    figures = []
    async with database.unit_of_work() as uow:
        server = int((await uow.connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())
    for name, about, question, repeats in questions:
        await question()
        took, worked = [], _worked_s(server)
        for _ in range(repeats):
            began = time.perf_counter()
            await question()
            took.append(time.perf_counter() - began)
        worked = (_worked_s(server) - worked) / repeats
        for percent in (50, 95):
            value = percentile(took, percent) or 0.0
            figures.append(Figure(f"{name}_p{percent}_ms", value * 1000, "ms", f"{about}, p{percent}"))
        figures.append(Figure(f"{name}_cpu_ms", worked * 1000, "ms", f"{about}, processor time"))
    return figures


def _worked_s(server: int) -> float:
    """Processor seconds of this process and of the database's one that answers it: no other load is in it."""
    fields = Path(f"/proc/{server}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _written(database: Database, count: int) -> list[Figure]:
    """What counting and folding cost: batches as the ledger writes them."""
    at = datetime.now(UTC)
    facts = [
        RateFact(f"new:{it}", at + timedelta(seconds=it), "main", "main", Outcome.ANSWERED, False, True, None,
                 9000, 5000, 60_000)
        for it in range(count)
    ]  # fmt: skip
    began = time.perf_counter()
    for start in range(0, count, 100):
        async with database.unit_of_work() as uow:
            await uow.rates.count(facts[start : start + 100])
    counted_s = time.perf_counter() - began
    began = time.perf_counter()
    async with database.unit_of_work() as uow:
        folded = await uow.rates.fold()
    folded_s = time.perf_counter() - began
    return [
        Figure("counted_per_s", count / counted_s, "calls/s", "counted, a hundred in one transaction"),
        Figure("folded_per_s", (folded or 0) / folded_s, "changes/s", "folded into minutes, hours and days"),
    ]
