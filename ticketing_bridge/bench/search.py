"""Words found in many transcripts: the search of the page, with its audit line, words loaded and marked."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from asr.text.display import display
from config.settings import load_settings
from facts.transcript import Leg, Transcript, Turn
from telephony.simulation.draw import draw
from telephony.simulation.scenario import Who
from telephony.simulation.speech import turns_of
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.mapping import transcript_to_json
from ticketing_bridge.store.records import SearchFilter
from ticketing_bridge.transcripts.search import search, search_words

#: calls that differ in their words; the others repeat them with a telephone number of their own
DIFFERENT = 1000
#: generated calls in one: about 500 characters, two minutes
JOINED = 8
TURN_S = 4.0
NOW = datetime(2026, 6, 10, 4, 0, tzinfo=UTC)

_BASE = """
CREATE TEMP TABLE base (id int PRIMARY KEY, caller text, agent text, keys tsvector, content jsonb)
"""
_BASE_ROW = """
INSERT INTO base
VALUES (:id, :caller, :agent, array_to_tsvector(CAST(:keys AS text[])), CAST(:content AS jsonb))
"""
_MANY = (
    """
CREATE TEMP TABLE made AS
SELECT n, base.*, 'city:city-' || n || '.1' AS call,
       CAST(:now AS timestamptz) - n * interval '5 min' AS arrived_at,
       '139' || lpad(CAST(CAST(n AS bigint) * 7919 % 100000000 AS text), 8, '0') AS number
FROM generate_series(1, :calls) AS n JOIN base ON base.id = n % :different
""",
    """
INSERT INTO transcript_words (call, kind, line, arrived_at, caller, agent, keys)
SELECT call, 'record', 'main', arrived_at, caller || E'\\n' || number, agent,
       keys || array_to_tsvector(
           ARRAY(SELECT DISTINCT 'c' || substr(number, i, 2) FROM generate_series(1, 11) AS i))
FROM made
""",
    """
INSERT INTO transcript (call, kind, model, content)
SELECT call, 'record', 'bench', content FROM made
""",
    """
INSERT INTO call (key, pbx_id, uniqueid, linkedid, channel, did, line, arrived_at, state,
                  queue_legs, rings, agent_legs, flags, fold_version)
SELECT call, 'city', 'city-' || n || '.1', 'city-' || n || '.1', 'PJSIP/trunk', '12345', 'main', arrived_at,
       'ended', '[]', '[]', '[]', '{}', 1
FROM made
""",
    "ANALYZE",
)


def transcripts_of(seed: str, count: int) -> list[Transcript]:
    """Long calls: the turns of several generated ones, one after the other, as if heard without a mistake."""
    calls = [call for part in range(JOINED) for call in draw(f"{seed}-{part}", count)]
    drawn = [turn for call in calls for turn in turns_of(call)]
    size = len(drawn) // count
    return [
        Transcript(
            tuple(
                Turn(
                    Leg.AGENT if turn.who is Who.AGENT else Leg.CALLER,
                    turn.text,
                    at * TURN_S,
                    (at + 1) * TURN_S,
                )
                for at, turn in enumerate(drawn[number * size : (number + 1) * size])
            ),
            "bench",
        )
        for number in range(count)
    ]


async def measure(size: Size) -> list[Figure]:
    """Milliseconds of a search among many calls, and what the index takes."""
    calls, different = size.of(100_000, 200), size.of(DIFFERENT, 20)
    transcripts = transcripts_of("bench", different)
    async with EmbeddedPostgres(load_settings().home, keep_running=False, durable=False) as server:
        await asyncio.to_thread(upgrade, server.url)
        async with Database(server.url) as database:
            await _fill(database, transcripts, calls)
            delays = await _searches(database, transcripts, size.of(300, 10))
            bytes_ = await _index_bytes(database)
    index_ms = _indexing_ms(transcripts)
    characters = sum(len(it.text()) for it in transcripts)
    return [
        Figure("characters", characters / different, "", "characters of a call, mean"),
        *spread_ms(
            "search", [took for took, _ in delays], f"a search among {calls:,} calls, to the marked words"
        ),
        Figure("search_most_ms", max(took for took, _ in delays) * 1000, "ms", "the slowest of them"),
        Figure(
            "found", sum(found for _, found in delays) / len(delays), "calls", "found, of 20 at most, mean"
        ),
        Figure("index_per_call", bytes_ / calls / 1024, "KiB", "table and index of a call"),
        Figure("indexing_ms", index_ms, "ms", "a call made findable: numbers written, keys cut, mean"),
    ]


async def _fill(database: Database, transcripts: list[Transcript], calls: int) -> None:
    async with database.unit_of_work() as uow:
        await uow.connection.execute(text(_BASE))
        for number, transcript in enumerate(transcripts):
            words = search_words(transcript)
            keys = [*("c" + it for it in words.caller_keys), *("a" + it for it in words.agent_keys)]
            row = {"id": number, "caller": words.caller, "agent": words.agent, "keys": keys}
            content = json.dumps(transcript_to_json(transcript))
            await uow.connection.execute(text(_BASE_ROW), {**row, "content": content})
        given = {"now": NOW, "calls": calls, "different": len(transcripts)}
        for statement in _MANY:
            wanted = {name: value for name, value in given.items() if f":{name}" in statement}
            await uow.connection.execute(text(statement), wanted)


async def _searches(database: Database, transcripts: list[Transcript], count: int) -> list[tuple[float, int]]:
    """What people may type: stretches of what was said, numbers, common words; narrowed or not."""
    made = []
    for typed, wanted in _typed(transcripts, count):
        began = time.perf_counter()
        answer = await search(database, typed, wanted, actor="bench")
        made.append((time.perf_counter() - began, len(answer.found)))
    return made


def _typed(transcripts: list[Transcript], count: int) -> Iterator[tuple[str, SearchFilter]]:
    chance = random.Random(12345)

    def stretch() -> str:
        said = chance.choice(chance.choice(transcripts).turns).text
        length = chance.randint(2, 6)
        first = chance.randrange(max(1, len(said) - length))
        return said[first : first + length]

    filters = (
        SearchFilter(),
        SearchFilter(from_=NOW - timedelta(days=30)),
        SearchFilter(to=NOW - timedelta(days=200)),
        SearchFilter(leg=Leg.CALLER),
    )
    for _ in range(count):
        number = f"139{chance.randrange(10**8):08}"
        typed = (stretch(), f"{stretch()} {stretch()}", number, number[3:8], "您好", "灯", "没有人这样说")
        yield chance.choices(typed, (8, 4, 2, 2, 1, 1, 1))[0], chance.choice(filters)


async def _index_bytes(database: Database) -> int:
    async with database.unit_of_work() as uow:
        size = text("SELECT pg_total_relation_size('transcript_words')")
        return int((await uow.connection.execute(size)).scalar_one())


def _indexing_ms(transcripts: list[Transcript]) -> float:
    display.cache_clear()
    began = time.perf_counter()
    for transcript in transcripts:
        search_words(transcript)
    return (time.perf_counter() - began) / len(transcripts) * 1000
