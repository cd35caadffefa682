"""Words found in many transcripts: the search of the page, with its audit line, words loaded and marked."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from asr.text.display import display
from asr.text.searching import pairs
from config.settings import load_settings
from facts.transcript import Leg, Transcript, Turn
from telephony.simulation.draw import draw
from telephony.simulation.scenario import Who
from telephony.simulation.speech import turns_of
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.mapping import transcript_to_json
from ticketing_bridge.store.records import SearchFilter, SearchWords
from ticketing_bridge.store.sealing import Vault, seal
from ticketing_bridge.store.seals import index_place, packed, transcript_place, words_subject
from ticketing_bridge.store.search_repository import index_key
from ticketing_bridge.transcripts.search import search, search_words

#: calls that differ in their words; the others repeat them with a telephone number of their own
DIFFERENT = 1000
#: generated calls in one: about 500 characters, two minutes
JOINED = 8
TURN_S = 4.0
NOW = datetime(2026, 6, 10, 4, 0, tzinfo=UTC)

_BASE = "CREATE TEMP TABLE base (id int PRIMARY KEY, keys tsvector)"
_BASE_ROW = "INSERT INTO base VALUES (:id, array_to_tsvector(CAST(:keys AS text[])))"
_MADE = """
CREATE TEMP TABLE made (
    n int, base int, number_keys text[], key_id bigint, wrapped bytea, said bytea, content bytea)
"""
_MANY = (
    """
INSERT INTO data_key (id, subject, wrapped) OVERRIDING SYSTEM VALUE
SELECT key_id, 'words:city:city-' || n || '.1', wrapped FROM made
""",
    """
INSERT INTO transcript_words (call, kind, line, arrived_at, keys, sealed)
SELECT 'city:city-' || n || '.1', 'record', 'main', CAST(:now AS timestamptz) - n * interval '5 min',
       base.keys || array_to_tsvector(number_keys), said
FROM made JOIN base ON base.id = made.base
""",
    """
INSERT INTO transcript (call, kind, model, sealed)
SELECT 'city:city-' || n || '.1', 'record', 'bench', content FROM made
""",
    """
INSERT INTO call (key, pbx_id, uniqueid, linkedid, channel, did, line, arrived_at, state,
                  queue_legs, rings, agent_legs, flags, fold_version)
SELECT 'city:city-' || n || '.1', 'city', 'city-' || n || '.1', 'city-' || n || '.1', 'PJSIP/trunk',
       '12345', 'main', CAST(:now AS timestamptz) - n * interval '5 min', 'ended', '[]', '[]', '[]', '{}', 1
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
        async with Database(server.url, Vault("bench")) as database:
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
    """Calls as they are kept: sealed each under a key of its own, in the index by keyed tokens."""
    assert database.vault is not None
    vault = database.vault
    words = [search_words(it) for it in transcripts]
    contents = [packed(transcript_to_json(it)) for it in transcripts]
    async with database.unit_of_work() as uow:
        await uow.connection.execute(text(_BASE))
        await uow.connection.execute(text(_MADE))
        for number, it in enumerate(words):
            sides = (("c", it.caller_keys), ("a", it.agent_keys))
            keys = {index_key(vault, side, key) for side, of in sides for key in of}
            await uow.connection.execute(text(_BASE_ROW), {"id": number, "keys": [*keys]})
        raw = (await uow.connection.get_raw_connection()).driver_connection
        assert raw is not None
        async with raw.cursor() as cursor, cursor.copy("COPY made FROM STDIN") as copy:
            for n in range(1, calls + 1):
                base = n % len(words)
                await copy.write_row(_made(vault, n, words[base], contents[base], base))
        for statement in _MANY:
            await uow.connection.execute(text(statement), {"now": NOW} if ":now" in statement else {})


def _made(vault: Vault, n: int, words: SearchWords, content: bytes, base: int) -> tuple[object, ...]:
    """One call with a telephone number of its own, sealed."""
    call, key_id = f"city:city-{n}.1", n + 1_000_000
    key, wrapped = vault.new_key(words_subject(call))
    number = f"139{n * 7919 % 10**8:08}"
    keys = {index_key(vault, "c", it) for it in pairs(number)}
    said = packed({"caller": f"{words.caller}\n{number}", "agent": words.agent})
    place = transcript_place(call, "record", "bench")
    return (
        n,
        base,
        [*keys],
        key_id,
        wrapped,
        seal(key, key_id, said, index_place(call)),
        seal(key, key_id, content, place),
    )


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
