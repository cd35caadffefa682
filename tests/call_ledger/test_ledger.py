"""Nothing the PBX said is lost, every call is one row, and work is handed out once."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from recordings import ANSWERED, RULES, all_whole, empty_snapshot, folded, messages, tracker
from rich.console import Console

from facts.call import Call, CallFlag, Outcome
from facts.identity import CallKey
from telephony.ami.codec import AmiMessage
from telephony.ami.events import parse_event
from telephony.call_fold import CallTracker
from tests.database import VAULT
from ticketing_bridge.call_ledger import EventSpool, LedgerWriter, rebuild
from ticketing_bridge.call_ledger.listing import (
    ReasonMissing,
    allow_full_numbers,
    call_json,
    calls_table,
    event_json,
)
from ticketing_bridge.call_ledger.spool import SpoolUnwritable
from ticketing_bridge.store import Database, DatabaseAway, EmbeddedPostgres, UnitOfWork, upgrade
from ticketing_bridge.store.records import EventRecord
from ticketing_bridge.store.sealing import Vault


def writer(database: Database, folder: Path, **more: object) -> LedgerWriter:
    return LedgerWriter(database, tracker(), EventSpool(folder, "city"), **more)  # type: ignore[arg-type]


async def write(database: Database, folder: Path, stream: Sequence[AmiMessage]) -> None:
    async with writer(database, folder) as ledger:
        for message in stream:
            ledger.take(message)
        async with asyncio.timeout(30):
            await ledger.settled()


async def rows(database: Database) -> dict[str, Call]:
    async with database.unit_of_work() as uow:
        return {str(call.key): call for call in await uow.calls.list()}


async def jobs(database: Database) -> list[tuple[str, str]]:
    async with database.unit_of_work() as uow:
        found = await uow.connection.execute(
            sqlalchemy.text("SELECT task_name, args->>'call' FROM procrastinate_jobs ORDER BY id")
        )
        return [(task, call) for task, call in found]


async def test_every_recording_becomes_rows_jobs_and_news(database: Database, tmp_path: Path) -> None:
    stream = [message for name in all_whole() for message in messages(name)]
    stream.sort(key=lambda message: message.headers["Timestamp"])
    async with database.listen("hotline_call") as news:
        await anext(news)
        await write(database, tmp_path, stream)
        found = await rows(database)
        heard = set()
        async with asyncio.timeout(30):
            while heard != found.keys():
                heard.add((await anext(news)).payload)
    outcomes = sorted(call.outcome for call in found.values() if call.outcome)
    wanted = sorted(call.outcome for call in folded(stream) if call.outcome)
    assert outcomes == wanted
    assert outcomes.count(Outcome.ANSWERED) >= 20
    answered = {key for key, call in found.items() if call.outcome is Outcome.ANSWERED}
    messages_left = {key for key, call in found.items() if call.voicemail}
    assert sorted(await jobs(database)) == sorted(
        [
            *((task, key) for key in answered for task in ("draft_call", "transcribe_call")),
            *(("transcribe_voicemail", key) for key in messages_left),
        ]
    )
    report = await rebuild(database, RULES)
    assert (report.calls, report.different, report.unsupported, report.written) == (len(found), (), (), 0)


async def test_the_same_stream_twice_is_kept_once(database: Database, tmp_path: Path) -> None:
    stream = messages("answered_caller_hangs_up")
    await write(database, tmp_path, stream)
    first = await rows(database), await jobs(database)
    await write(database, tmp_path, stream)
    assert (await rows(database), await jobs(database)) == first
    async with database.unit_of_work() as uow:
        (key,) = first[0]
        assert len(await uow.events.of_call(CallKey.parse(key))) == len(stream)


async def test_it_waits_for_no_full_batch(database: Database, tmp_path: Path) -> None:
    """One event alone makes a row: 50 ms and a transaction after it on a machine of its own."""
    stream = messages("hangs_up_in_notice")
    async with writer(database, tmp_path) as ledger:
        ledger.take(stream[0])
        await ledger.settled()
        began = time.monotonic()
        ledger.take(stream[1])
        await ledger.settled()
        assert time.monotonic() - began < 5
        assert len(await rows(database)) == 1


async def test_calls_under_way_survive_a_restart(database: Database, tmp_path: Path) -> None:
    """Killed between two events, started again at once: as if nothing had been."""
    stream = messages("two_at_once")
    for cut in (5, 20, 30):
        await write(database, tmp_path, stream[:cut])
    await write(database, tmp_path, stream)
    expected = tracker()
    for message in stream:
        event = parse_event(message.headers, "city")
        assert event
        expected.take(event)
    assert await rows(database) == {str(call.key): call for call in expected.changed_calls()}


async def test_calls_that_ended_while_we_were_down_are_unresolved(database: Database, tmp_path: Path) -> None:
    stream = messages("two_at_once")
    await write(database, tmp_path, stream[:30])
    await write(database, tmp_path, empty_snapshot(stream[-1]))
    found = await rows(database)
    assert {call.outcome for call in found.values()} == {Outcome.UNRESOLVED}
    assert all(CallFlag.GAP in call.flags for call in found.values())
    reached = {key for key, call in found.items() if call.agent_legs}
    assert reached
    assert {call for _, call in await jobs(database)} == reached
    assert (await rebuild(database, RULES)).different == ()


async def test_database_away_then_back(tmp_path: Path) -> None:
    """Events go to the disk, folding goes on, and all is written in order when it is back."""
    server = EmbeddedPostgres(tmp_path / "home", durable=False)
    url = await server.start()
    upgrade(url)
    stream = [message for name in ANSWERED for message in messages(name)]
    seen: list[Call] = []
    spool = EventSpool(tmp_path / "spool", "city")
    try:
        async with Database(url) as database:
            async with LedgerWriter(database, tracker(), spool, on_calls=seen.extend) as ledger:
                for message in stream[:40]:
                    ledger.take(message)
                await ledger.settled()
                await server.stop()
                for message in stream[40:90]:
                    ledger.take(message)
                    await asyncio.sleep(0.002)
                async with asyncio.timeout(30):
                    while spool.empty or spool.state.events < 50:
                        await asyncio.sleep(0.02)
                assert ledger.away
                assert spool.state.age_s(datetime.now(UTC)) > 0
                assert any(call.outcome is Outcome.ANSWERED for call in seen)
                await server.start()
                for message in stream[90:]:
                    ledger.take(message)
                async with asyncio.timeout(30):
                    await ledger.settled()
                assert spool.empty
                assert not ledger.away
            assert {call.outcome for call in (await rows(database)).values()} == {Outcome.ANSWERED}
            assert len(await jobs(database)) == 10
            report = await rebuild(database, RULES)
            assert (report.events, report.different) == (len(stream), ())
    finally:
        await server.stop()


def processes_of(server: EmbeddedPostgres) -> list[int]:
    """The server and its children."""
    pid = server.pid()
    assert pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


async def test_a_frozen_database_blocks_nothing(tmp_path: Path) -> None:
    """Its processes hang rather than die: after 3 s events are on the disk, and the loop never waited."""
    stream = messages("second_agent_answers")
    server = EmbeddedPostgres(tmp_path / "home", durable=False)
    upgrade(await server.start())
    family: list[int] = []
    try:
        async with Database(server.url) as database, writer(database, tmp_path / "spool") as ledger:
            ledger.take(stream[0])
            await ledger.settled()
            family = processes_of(server)
            for one in family:
                os.kill(one, signal.SIGSTOP)
            for message in stream[1:]:
                ledger.take(message)
            async with asyncio.timeout(30):
                while ledger.spool.empty:
                    began = time.monotonic()
                    await asyncio.sleep(0.01)
                    assert time.monotonic() - began < 2.0
            call = ledger.tracker.call(CallKey("city", stream[0].headers["Uniqueid"]))
            assert call
            assert call.outcome is Outcome.ANSWERED
            for one in family:
                os.kill(one, signal.SIGCONT)
            async with asyncio.timeout(30):
                await ledger.settled()
            assert [it.outcome for it in (await rows(database)).values()] == [Outcome.ANSWERED]
    finally:
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)
        await server.stop()


async def test_started_and_ended_while_the_database_is_away(database: Database, tmp_path: Path) -> None:
    """Three processes: the second never reaches the database; the third brings its spool home."""
    stream = messages("answered_caller_hangs_up")
    await write(database, tmp_path, stream[:12])
    async with Database("postgresql://nobody@127.0.0.1:1/x") as nowhere:
        async with writer(nowhere, tmp_path) as ledger:
            assert ledger.away
            for message in stream[12:]:
                ledger.take(message)
        assert not EventSpool(tmp_path, "city").empty
    await write(database, tmp_path, [])
    (call,) = (await rows(database)).values()
    assert (call.outcome, call.flags) == (Outcome.ANSWERED, set())
    assert len(await jobs(database)) == 2
    assert EventSpool(tmp_path, "city").empty
    async with database.unit_of_work() as uow:
        assert len(await uow.events.of_call(call.key)) == len(stream)


async def test_recovers_when_the_database_comes_after_us(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = messages("answered_caller_hangs_up")
    await write(database, tmp_path, stream[:12])
    there = False
    real = Database.unit_of_work

    def sometimes(self: Database) -> object:
        if not there:
            raise DatabaseAway
        return real(self)

    monkeypatch.setattr(Database, "unit_of_work", sometimes)
    async with writer(database, tmp_path) as ledger:
        for message in stream[12:20]:
            ledger.take(message)
        async with asyncio.timeout(30):
            while ledger.spool.state.events < 8:
                await asyncio.sleep(0.01)
        there = True
        for message in stream[20:]:
            ledger.take(message)
        async with asyncio.timeout(30):
            await ledger.settled()
    (call,) = (await rows(database)).values()
    assert (call.outcome, call.flags) == (Outcome.ANSWERED, set())


async def test_malformed_messages_are_counted_not_fatal(database: Database, tmp_path: Path) -> None:
    stream = messages("hangs_up_in_notice")
    broken = AmiMessage({"Event": "QueueCallerJoin", "Timestamp": "soon"}, datetime.now(UTC))
    noise = AmiMessage({"Event": "VarSet", "Timestamp": "1.0"}, datetime.now(UTC))
    async with writer(database, tmp_path) as ledger:
        for message in [*stream[:3], broken, noise, *stream[3:]]:
            ledger.take(message)
        await ledger.settled()
        assert ledger.malformed == 1
    assert [call.outcome for call in (await rows(database)).values()] == [Outcome.ABANDONED_IVR]


async def test_what_the_database_refuses_costs_nothing_else(database: Database, tmp_path: Path) -> None:
    stream = messages("hangs_up_in_notice")
    odd = AmiMessage({**stream[2].headers, "Channel": "PJSIP/\x00"}, stream[2].received_at)
    async with database.unit_of_work() as uow:
        await uow.connection.execute(
            sqlalchemy.text("ALTER TABLE call_event ADD CHECK (kind <> 'HangupRequested')")
        )
    await write(database, tmp_path, [*stream, odd])
    (call,) = (await rows(database)).values()
    assert call.outcome is Outcome.ABANDONED_IVR
    async with database.unit_of_work() as uow:
        kinds = [event.kind for event in await uow.events.of_call(call.key)]
    assert "HangupRequested" not in kinds
    assert len(kinds) == len(stream) + 1 - sum(
        it.headers["Event"] in ("HangupRequest", "SoftHangupRequest") for it in stream
    )


async def test_a_bug_in_the_fold_loses_no_event(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = messages("hangs_up_in_notice")

    def broken(self: CallTracker) -> list[Call]:
        raise RuntimeError("bug")

    with monkeypatch.context() as patch:
        patch.setattr(CallTracker, "changed_calls", broken)
        ledger = writer(database, tmp_path)
        ledger._recovered = True
        for message in stream:
            ledger.take(message)
        await ledger.__aexit__(None, None, None)
    assert await rows(database) == {}
    assert (await rebuild(database, RULES)).written == 1


async def test_rebuild_tells_and_mends_a_row_that_was_changed_by_hand(
    database: Database, tmp_path: Path
) -> None:
    await write(database, tmp_path, messages("answered_caller_hangs_up"))
    before = await rows(database)
    await write(database, tmp_path, messages("hangs_up_in_queue"))
    async with database.unit_of_work() as uow:
        await uow.connection.execute(
            sqlalchemy.text("UPDATE call SET outcome = 'timeout' WHERE did = '12345'")
        )
        await uow.connection.execute(
            sqlalchemy.text("DELETE FROM call WHERE key <> :key"), {"key": next(iter(before))}
        )
        invented = replace(next(iter(before.values())), key=CallKey("city", "invented"))
        await uow.calls.upsert([invented])
    only_told = await rebuild(database, RULES, write=False)
    assert sorted(it.fields for it in only_told.different) == [(), ("outcome",)]
    assert only_told.unsupported == (invented.key,)
    assert only_told.written == 0
    assert (await rebuild(database, RULES)).written == 2
    again = await rebuild(database, RULES)
    assert (again.different, again.unsupported) == ((), (invented.key,))


def spooled(name: str, folder: Path) -> list[EventRecord]:
    """What the writer puts into a spool."""
    ledger = writer(Database("postgresql://x/y"), folder)
    for message in messages(name):
        ledger.take(message)
    return [record for record, _ in ledger._waiting]


def test_spool_survives_a_torn_line_and_is_bounded(tmp_path: Path) -> None:
    records = spooled("hangs_up_in_notice", tmp_path)
    spool = EventSpool(tmp_path, "city")
    spool.append(records[:2])
    path = tmp_path / "city.jsonl"
    path.write_bytes(path.read_bytes() + b'{"torn": ')
    again = EventSpool(tmp_path, "city")
    again.append(records[2:3])
    assert [*EventSpool(tmp_path, "city").waiting()] == records[:3]
    assert EventSpool(tmp_path, "city").state.events == 3
    assert path.stat().st_mode & 0o077 == 0
    small = EventSpool(tmp_path, "city", most_bytes=path.stat().st_size)
    small.append(records)
    assert (small.state.events, small.state.lost) == (3, len(records))
    small.clear()
    assert (small.empty, [*small.waiting()], small.state.oldest) == (True, [], None)
    assert small.state.age_s(datetime.now(UTC)) == 0


def test_a_sealed_spool_tells_nobody_who_phoned(tmp_path: Path) -> None:
    records = spooled("answered_caller_hangs_up", tmp_path / "other")
    EventSpool(tmp_path, "city").append(records[:2])
    spool = EventSpool(tmp_path, "city", VAULT)
    spool.append(records[2:])
    path = tmp_path / "city.jsonl"
    assert [*EventSpool(tmp_path, "city", VAULT).waiting()] == records
    assert b"caller_number" not in b"".join(path.read_bytes().splitlines()[2:])
    assert [*EventSpool(tmp_path, "city", Vault("another")).waiting()] == records[:2]


def test_spool_on_a_full_disk_says_so(tmp_path: Path) -> None:
    spool = EventSpool(tmp_path, "city")
    (tmp_path / "city.jsonl").symlink_to("/dev/full")
    with pytest.raises(SpoolUnwritable, match="free disk space"):
        spool.append(spooled("hangs_up_in_notice", tmp_path / "other"))
    assert spool.state.lost > 0


async def test_numbers_are_masked_unless_a_named_user_has_a_reason(
    database: Database, tmp_path: Path
) -> None:
    await write(database, tmp_path, messages("answered_caller_hangs_up"))
    (call,) = (await rows(database)).values()
    shown = call_json(call)
    assert (shown["caller"], shown["outcome"], shown["agent"]) == ("139****1508", "answered", "agent101")
    assert shown["queues"][0]["ending"] == "answered"
    assert "13997361508" not in json.dumps(shown)
    assert call_json(call, full_numbers=True)["caller"] == "13997361508"
    out = io.StringIO()
    Console(file=out, width=200).print(calls_table([call]))
    assert "139****1508" in out.getvalue()
    async with database.unit_of_work() as uow:
        events = [event_json(event) for event in await uow.events.of_call(call.key)]
        assert "13997361508" not in json.dumps(events)
        await _refused(uow, call, "", "回拨")
        await uow.users.add("li", "hash", "ops")
        await _refused(uow, call, "li", " ")
        await _refused(uow, call, "nobody", "回拨")
        await allow_full_numbers(uow, [call], user="li", reason="回拨")
        (entry,) = await uow.audit.list(subject=str(call.key))
        assert (entry.actor, entry.action, entry.reason) == ("li", "show_number", "回拨")


async def _refused(uow: UnitOfWork, call: Call, user: str, reason: str) -> None:
    with pytest.raises(ReasonMissing, match="--reason"):
        await allow_full_numbers(uow, [call], user=user, reason=reason)


async def test_it_keeps_up_with_a_province(database: Database, tmp_path: Path) -> None:
    """3,000 events at once are in the database within a few seconds (aim: 450 a second)."""
    base = messages("answered_caller_hangs_up")
    stream = []
    for copy in range(120):
        for message in base:
            headers = {
                name: f"{value}{copy}"
                if name in ("Uniqueid", "Linkedid", "DestUniqueid", "BridgeUniqueid")
                else value
                for name, value in message.headers.items()
            }
            stream.append(AmiMessage(headers, message.received_at + timedelta(milliseconds=copy)))
    began = time.monotonic()
    await write(database, tmp_path, stream)
    took_s = time.monotonic() - began
    print(f"{len(stream)} events in {took_s:.2f} s")
    assert len(await rows(database)) == 120
    assert took_s < 20
