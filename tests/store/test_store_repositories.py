"""What is kept comes back the same; what must not change cannot; jobs are given out once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.schema import SchemaManager
from procrastinate.testing import InMemoryConnector
from sqlalchemy.exc import DBAPIError

from facts.call import AgentLeg, AgentRing, Call, CallFlag, CallState, EndedBy, Outcome, QueueLeg
from facts.identity import CallKey
from facts.transcript import Gap, Leg, LiveText, Transcript, Turn, Word
from ticketing_bridge.store import Database, DatabaseAway, UnitOfWork, is_current, upgrade
from ticketing_bridge.store.job_repository import JobOf
from ticketing_bridge.store.leadership import LeadershipLost
from ticketing_bridge.store.mapping import (
    call_from_row,
    call_to_row,
    transcript_from_json,
    transcript_to_json,
)
from ticketing_bridge.store.migrations.versions import procrastinate_schema
from ticketing_bridge.store.notifications import EVERYTHING
from ticketing_bridge.store.records import Account, EventRecord
from ticketing_bridge.store.tables import metadata

NOON = datetime(2026, 11, 21, 4, 0, 0, 123456, tzinfo=UTC)
KEY = CallKey("city", "city-1763683200.7")

moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda it: it.replace(tzinfo=UTC))
words = st.text("abc 中文'\"\\", max_size=8)
calls = st.builds(
    Call,
    key=st.builds(CallKey, st.just("city"), st.text("0123456789.-", min_size=1)),
    linkedid=words,
    channel=words,
    # an empty one is erased, and is never written over what is there (test_numbers_at_rest)
    caller_number=st.none() | words.filter(bool),
    did=words,
    line=words,
    arrived_at=moments,
    state=st.sampled_from(CallState),
    notice_at=st.none() | moments,
    recording=st.none() | words,
    flow_entered_at=st.none() | moments,
    flow_left_at=st.none() | moments,
    queue_legs=st.lists(
        st.builds(QueueLeg, words, moments, st.none() | moments, st.none() | words), max_size=2
    ).map(tuple),
    rings=st.lists(st.builds(AgentRing, words, words, moments, st.none() | moments), max_size=2).map(tuple),
    agent_legs=st.lists(st.builds(AgentLeg, words, words, words, moments, st.none() | moments)).map(tuple),
    answered_at=st.none() | moments,
    ended_at=st.none() | moments,
    ended_by=st.none() | st.sampled_from(EndedBy),
    hangup_cause=st.none() | st.integers(0, 127),
    outcome=st.none() | st.sampled_from(Outcome),
    cause=st.none() | words,
    flags=st.frozensets(st.sampled_from(CallFlag)),
)


def a_call(**changes: object) -> Call:
    values: dict[str, object] = {
        "key": KEY,
        "linkedid": KEY.uniqueid,
        "channel": "PJSIP/trunk-00000001",
        "caller_number": "13997361508",
        "did": "12345",
        "line": "main",
        "arrived_at": NOON,
    }
    return Call(**(values | changes))  # type: ignore[arg-type]


def an_event(ordinal: int, at: datetime = NOON, call: str | None = None) -> EventRecord:
    return EventRecord(
        pbx_id="city",
        digest=b"x" * 32,
        ordinal=ordinal,
        at=at,
        received_at=at,
        kind="ChannelNew",
        uniqueid="u",
        linkedid="l",
        payload={"kind": "ChannelNew", "city": "格尔木'\""},
        call=call,
    )


@given(calls)
def test_a_call_and_its_row_are_the_same(call: Call) -> None:
    assert call_from_row(call_to_row(call, 1)) == call


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(many=st.lists(calls, min_size=1, max_size=5, unique_by=lambda call: call.key))
def test_a_call_comes_back_from_the_database(
    database_url: str, asyncio_runner: asyncio.Runner, many: list[Call]
) -> None:
    async def trip() -> None:
        async with Database(database_url) as database:
            async with database.unit_of_work() as uow:
                await uow.calls.upsert(many)
            async with database.unit_of_work() as uow:
                assert [await uow.calls.get(call.key) for call in many] == many

    asyncio_runner.run(trip())


@pytest.fixture
def asyncio_runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_schema_of_the_tables_is_that_of_the_chain(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    assert is_current(database_url)
    assert upgrade(database_url) == []
    engine = sqlalchemy.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        ours = {table.name for table in metadata.sorted_tables}
        differences = [
            it
            for it in compare_metadata(context, metadata)
            if not (it[0] in ("remove_table", "remove_index") and "procrastinate" in str(it[1]))
        ]
        assert differences == []
        assert ours <= set(sqlalchemy.inspect(connection).get_table_names())
    engine.dispose()


def test_task_queue_schema_is_the_installed_packages() -> None:
    assert procrastinate_schema() == SchemaManager(InMemoryConnector()).get_schema()


async def test_events_are_kept_once_in_order_and_for_ever(database: Database) -> None:
    key = str(KEY)
    later = NOON + timedelta(seconds=1)
    async with database.unit_of_work() as uow:
        assert await uow.events.add_batch([an_event(1, later, key), an_event(0, call=key)]) == 2
        assert await uow.events.add_batch([an_event(0), an_event(2)]) == 1
        assert await uow.events.add_batch([]) == 0
    async with database.unit_of_work() as uow:
        assert [event.ordinal for event in await uow.events.of_call(KEY)] == [0, 1]
        assert [event.ordinal async for event in uow.events.stream(pbx_id="city")] == [1, 0, 2]
        assert [event.ordinal for event in await uow.events.since(later)] == [1]
        assert (await uow.events.of_call(KEY))[0].payload["city"] == "格尔木'\""
        assert await uow.events.last_at("city") == later
        assert await uow.events.pbx_ids() == ["city"]
    for statement in ("DELETE FROM call_event", "UPDATE call_event SET kind = ''", "TRUNCATE call_event"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.unit_of_work() as uow:
                await uow.connection.execute(sqlalchemy.text(statement))


async def test_calls_are_found_by_what_a_person_asks_for(database: Database) -> None:
    other = CallKey("city", "2")
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([a_call(), a_call(key=other, line="safety", arrived_at=NOON + timedelta(1))])
        ended = {"outcome": Outcome.ANSWERED, "state": CallState.ENDED}
        await uow.calls.upsert([a_call(**ended)], fold_version=2)
    async with database.unit_of_work() as uow:
        assert [call.key for call in await uow.calls.list()] == [other, KEY]
        assert [call.key for call in await uow.calls.list(to=NOON + timedelta(hours=1))] == [KEY]
        assert [call.key for call in await uow.calls.list(line="safety", pbx_id="city", limit=5)] == [other]
        assert [call.key for call in await uow.calls.list(outcome=Outcome.ANSWERED)] == [KEY]
        assert [call.key for call in await uow.calls.list(state=CallState.ARRIVED, from_=NOON)] == [other]
        assert [call.key for call in await uow.calls.open_calls("city")] == [other]
        assert await uow.calls.changed_at() is not None


async def test_words_transcripts_and_drafts_come_back(database: Database) -> None:
    word = Word("路灯", 1.0, 1.4, 0.9)
    transcript = Transcript(
        (Turn(Leg.CALLER, "路灯不亮", 1.0, 2.0, (word,)),), "demo-1", (Gap(Leg.AGENT, 3.0, 4.0, "restart"),)
    )
    assert transcript_from_json("demo-1", transcript_to_json(transcript)) == transcript
    text = LiveText(str(KEY), Leg.CALLER, 0, True, "路灯", 1.0, 1.4, (word,))
    async with database.unit_of_work() as uow:
        await uow.live.stream_started("s1", KEY, Leg.CALLER, offset_s=0.5, model="demo-1")
        await uow.live.stream_started("s1", KEY, Leg.CALLER, offset_s=0.5)
        assert await uow.live.add_segment(text, stream="s1")
        assert not await uow.live.add_segment(text, stream="s1")
        assert await uow.live.add_segment(text, stream="s2")
        with pytest.raises(ValueError, match="partial"):
            await uow.live.add_segment(LiveText(str(KEY), Leg.CALLER, 1, False, "", 1, 1), stream="s1")
        await uow.live.stream_ended("s1")
        await uow.transcripts.put(KEY, "record", Transcript((), "old"))
        await uow.transcripts.put(KEY, "record", transcript, audio_digest="ab")
        assert await uow.drafts.put(KEY, 1, "live", {"title": "路灯"})
        assert not await uow.drafts.put(KEY, 1, "live", {"title": "again"})
        assert await uow.drafts.put(KEY, 2, "record", {"title": "路灯不亮"})
    async with database.unit_of_work() as uow:
        assert [segment.words for segment in await uow.live.segments_of(KEY)] == [(word,), (word,)]
        (stream,) = await uow.live.streams_of(KEY)
        assert (stream.leg, stream.ending, stream.ended_at is not None) == (Leg.CALLER, "closed", True)
        kept = await uow.transcripts.get(KEY, "record")
        assert kept
        assert (kept.transcript, kept.audio_digest) == (transcript, "ab")
        assert await uow.transcripts.get(KEY, "live") is None
        assert [(it.kind, it.model) for it in await uow.transcripts.versions(KEY)] == [
            ("record", "demo-1"),
            ("record", "old"),
        ]
        old = await uow.transcripts.of_model(KEY, "record", "old")
        assert old
        assert old.transcript == Transcript((), "old")
        latest = await uow.drafts.latest(KEY)
        assert latest
        assert (latest.version, latest.content) == (2, {"title": "路灯不亮"})
        assert [draft.version for draft in await uow.drafts.list()] == [2]
        assert [draft.version for draft in await uow.drafts.list(call=KEY)] == [2, 1]


async def holders(uow: UnitOfWork, *tokens: str) -> list[Account | None]:
    batch = uow.batch()
    found = uow.users.ask_sessions(batch, tokens)
    await batch.send()
    return [*uow.users.accounts_of(found, tokens)]


async def test_accounts_sessions_and_audit(database: Database) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with database.unit_of_work() as uow:
        account = await uow.users.add("li", "$argon2id$…", "agent")
        assert account
        assert await uow.users.add("li", "x", "agent") is None
        await uow.users.open_session(account.id, "token", soon)
        await uow.users.open_session(account.id, "old", soon - timedelta(hours=2))
        assert await holders(uow, "token", "old", "token") == [account, None, account]
        await uow.audit.add("li", "show_number", subject=str(KEY), fields=["caller_number"], reason="回拨")
    async with database.unit_of_work() as uow:
        assert [it.login for it in await uow.users.list()] == ["li"]
        assert await uow.users.set_password("li", "new")
        assert await holders(uow, "token") == [None]
        assert not await uow.users.disable("nobody")
        assert await uow.users.disable("li")
        (entry,) = await uow.audit.list(subject=str(KEY))
        assert (entry.actor, entry.fields, entry.reason) == ("li", ("caller_number",), "回拨")
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.unit_of_work() as uow:
            await uow.connection.execute(sqlalchemy.text("DELETE FROM audit"))


async def test_jobs_exist_exactly_when_the_transaction_commits_and_once(database: Database) -> None:
    one = JobOf("draft_call", "draft", str(KEY), {"call": str(KEY)}, lock=f"call {KEY}")
    other = JobOf("draft_call", "draft", "city:2", {"call": "city:2"})

    async def fails() -> None:
        async with database.unit_of_work() as uow:
            await uow.jobs.defer_once([one, other])
            assert await uow.jobs.unfinished() == {"draft": 2}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    async with database.unit_of_work() as uow:
        assert await uow.jobs.unfinished() == {}
        for jobs in ([one], [one, other], [one], []):
            await uow.jobs.defer_once(jobs)
        await uow.jobs.defer("clean", {}, queue="speech", lock="l", scheduled_in=timedelta(hours=1))
        assert await uow.jobs.unfinished() == {"draft": 2, "speech": 1}
        found = await uow.connection.execute(
            sqlalchemy.text("SELECT args->>'call', lock FROM procrastinate_jobs ORDER BY id")
        )
        assert [tuple(it) for it in found] == [(str(KEY), f"call {KEY}"), ("city:2", None), (None, "l")]


async def test_statements_without_answers_happen_together_or_not_at_all(database: Database) -> None:
    async with database.unit_of_work() as uow, uow.unanswered():
        await uow.events.add_batch([an_event(0), an_event(1)])
        await uow.jobs.defer_once([JobOf("draft_call", "draft", "city:1", {"call": "city:1"})])
        await uow.notify("hotline_call", "city:1")

    async def goes_wrong(statement: str) -> None:
        async with database.unit_of_work() as uow, uow.unanswered():
            await uow.events.add_batch([an_event(2)])
            await uow.connection.execute(sqlalchemy.text(statement))
            await uow.jobs.defer_once([JobOf("draft_call", "draft", "city:2", {"call": "city:2"})])

    with pytest.raises(DBAPIError, match="DivisionByZero"):
        await goes_wrong("SELECT 1 / 0")
    with pytest.raises(DatabaseAway):
        await goes_wrong("SELECT pg_terminate_backend(pg_backend_pid())")
    async with database.unit_of_work() as uow:
        assert [event.ordinal async for event in uow.events.stream()] == [0, 1]
        assert await uow.jobs.unfinished() == {"draft": 1}


async def test_listeners_hear_ids_after_the_commit_and_after_a_break(database: Database) -> None:
    async with database.listen("hotline_call") as heard, asyncio.timeout(30):
        assert (await anext(heard)).payload == EVERYTHING
        async with database.unit_of_work() as uow:
            await uow.notify("hotline_call", str(KEY))
        assert (await anext(heard)).payload == str(KEY)
        async with database.unit_of_work() as uow:
            await uow.connection.execute(
                sqlalchemy.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        assert (await anext(heard)).payload == EVERYTHING


async def test_one_leads_the_other_stands_by_until_it_is_gone(database: Database) -> None:
    async with asyncio.timeout(30):
        async with database.leadership("telephony:city"):
            second = database.leadership("telephony:city")
            waiting = asyncio.create_task(second.__aenter__())
            await asyncio.sleep(0.2)
            assert not waiting.done()
        await waiting
        watching = asyncio.create_task(second.lost())
        assert second._connection
        third = database.leadership("telephony:city")
        await second._connection.close()
        async with third:
            with pytest.raises(LeadershipLost):
                await watching


async def test_a_database_that_is_away_is_one_clear_error() -> None:
    async with Database("postgresql://nobody@127.0.0.1:1/x") as database:
        with pytest.raises(DatabaseAway, match="HOTLINE_DATABASE_URL"):
            await database.ping()
    with pytest.raises(DatabaseAway, match="postgresql://"):
        Database("mysql://x")
    with pytest.raises(DatabaseAway):
        upgrade("postgresql://nobody@127.0.0.1:1/x")


async def test_an_error_does_not_tell_what_was_to_be_stored(database: Database) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with database.unit_of_work() as uow:
            await uow.connection.execute(sqlalchemy.text("SELECT :name + 1 FROM nothing"), {"name": "张三丰"})
    assert "张三丰" not in str(refused.value)


async def test_connections_that_the_server_has_closed_are_not_used(database: Database) -> None:
    await asyncio.gather(*(database.ping() for _ in range(4)))
    with psycopg.connect(database.url, autocommit=True) as other:
        ours = "datname = current_database() AND pid <> pg_backend_pid()"
        other.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}")
    await asyncio.gather(*(database.ping() for _ in range(4)))
