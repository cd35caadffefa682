"""A dump of the whole database has nobody's number; with the installation's key all is as it was said."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from recordings import FOLDER, RULES, messages, rows, stream, written

from config.tickets import DataClass
from facts.call import Call
from facts.caller_session import ProgressAnswer
from facts.identity import CallKey
from facts.masking import mask_number
from tests.journeys.people import a_ticket
from tests.tickets.city import NOW, OFFICE, PHONE, taken
from ticketing_bridge.call_ledger import rebuild
from ticketing_bridge.journeys.progress import Progress
from ticketing_bridge.recordings import seal_numbers
from ticketing_bridge.retention import ErasureRefused, erase, purge
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import CallbackKind, CallbackState, NewCallback
from ticketing_bridge.store.pbx_log_repository import LogLine
from ticketing_bridge.store.sealing import SealBroken, Vault
from ticketing_bridge.store.server_account import packaged_programs
from ticketing_bridge.tickets import TicketOffice, TicketService

VAULT = OFFICE.vault
PG_DUMP = max(packaged_programs().items())[1] / "pg_dump"
HEARD = (
    "full_no_agent", "two_calls_across_a_snapshot", "across_midnight", "two_at_once", "withheld_number",
    "queue_full", "leave_empty", "hangs_up_in_queue", "callback_reached", "follow_up", "progress_heard",
)  # fmt: skip
#: of which the PBX's own records are kept
LOGGED = ("across_midnight", "local_member", "progress_heard")
#: who phones in the recorded streams
CITIZEN, OTHERS = "13997361508", ("13997361507", "13997361513")
#: who is phoned by us, and told us a number
OWED, ASKED, CONTACT = "13909790001", "13909790002", "13909790003"
EVERYBODY = (CITIZEN, *OTHERS, OWED, ASKED, CONTACT, PHONE)
CLOSED = a_ticket("GEM20260009", CONTACT, closed_at=NOW)


def dump(url: str) -> str:
    """What a backup has."""
    return subprocess.run([PG_DUMP, url], capture_output=True, text=True, check=True).stdout


def told(url: str, numbers: Sequence[str] = EVERYBODY) -> list[str]:
    """Numbers that somebody reads in a dump, also where bytes are written as hex."""
    lying = dump(url)
    return [it for it in numbers if it in lying or it.encode().hex() in lying]


#: the last day on which a number was seen, and on which anything was said
_DAYS = """
SELECT (SELECT max(seen_on) FROM sealed_number),
  greatest((SELECT max(at)::date FROM call_event), (SELECT max(at)::date FROM pbx_log_line),
           (SELECT max(arrived_at)::date FROM call))
"""


def lines(kind: str) -> list[str]:
    return [line for name in LOGGED for line in (FOLDER / f"{name}.{kind}").read_text().splitlines()]


async def filled(database: Database, folder: Path) -> dict[str, Call]:
    """Everything in which a number stands."""
    calls = await written(database, folder, stream(HEARD))
    now = datetime.now(UTC)
    async with database.unit_of_work() as uow:
        for kind in ("cel", "queue_log"):
            kept = [LogLine(place, now, line) for place, line in enumerate(lines(kind))]
            await uow.pbx_logs.add("far", kind, "file", kept, 1, now)
        for number in (OWED, CITIZEN):
            new = NewCallback("city", CallbackKind.MISSED, number, "main", "main", now, now)
            assert await uow.callbacks.add(new)
        task = {"pbx_id": "city", "ticket": "GEM1", "number": ASKED, "matter": "路灯", "confidential": False}
        await uow.follow_ups.add([task | {"closed_at": NOW, "state": "due", "due_at": NOW}])
        await uow.tickets.upsert([CLOSED])
        await uow.tickets.put_contacts([(CLOSED.number, CONTACT)])
    await taken(database, TicketService(OFFICE))
    return calls


async def test_a_dump_has_nobodys_number_and_everything_is_as_it_was_said(
    database: Database, tmp_path: Path
) -> None:
    calls = await filled(database, tmp_path)
    assert told(database.url) == []
    assert {it.caller_number for it in calls.values()} >= {CITIZEN, *OTHERS, None}
    report = await rebuild(database, RULES)
    assert (report.calls, report.different, report.unsupported) == (len(calls), (), ())
    async with database.unit_of_work() as uow:
        assert len(await uow.calls.of_number(CITIZEN, 1000)) > 3
        assert [it.number for it in await uow.callbacks.newest()] == [CITIZEN, OWED]
        owed = await uow.callbacks.open_for(OWED)
        assert owed is not None
        again = NewCallback("city", CallbackKind.MISSED, OWED, "main", "main", NOW, NOW)
        assert await uow.callbacks.add(again) is None
        await uow.callbacks.put_attempt(owed.id, 1, dialed_at=NOW)
        assert await uow.callbacks.dialled_since(NOW, [OWED, CITIZEN, ""]) == {OWED: 1, CITIZEN: 0}
        assert [it.number for it in await uow.follow_ups.newest()] == [ASKED]
        assert [it for _, it in await uow.tickets.closed_with_contact(NOW, None, 9)] == [CONTACT]
        long_ago, soon = NOW - timedelta(days=9999), NOW + timedelta(days=9999)
        for kind in ("cel", "queue_log"):
            assert sorted(await uow.pbx_logs.between("far", kind, long_ago, soon)) == sorted(lines(kind))
    async with Database(database.url) as stranger, stranger.unit_of_work() as uow:
        with pytest.raises(SealBroken):
            await uow.calls.list()
    async with Database(database.url, Vault("another")) as stranger:
        assert {it.caller_number for it in (await rows(stranger)).values()} == {"", None}


async def test_who_asks_for_a_ticket_is_recognised(database: Database, tmp_path: Path) -> None:
    await filled(database, tmp_path)
    progress = Progress(database, answer_s=0)
    named, wrong = CLOSED.digits, "0000"
    for answer in (
        await progress.ask(named, CONTACT[-4:], None),
        await progress.ask("", named[-4:], f"+86{CONTACT}"),
    ):
        assert answer.answer is ProgressAnswer.FOUND
    assert (await progress.ask(named, wrong, None)).answer is ProgressAnswer.UNKNOWN
    assert (await progress.ask("", named[-4:], OWED)).answer is ProgressAnswer.UNKNOWN
    assert told(database.url) == []


async def test_what_lay_in_the_clear_is_sealed_where_it_stands(unsealed: Database, tmp_path: Path) -> None:
    calls = await filled(unsealed, tmp_path)
    assert told(unsealed.url) == [*EVERYBODY[:-1]]
    async with Database(unsealed.url, VAULT) as house:
        with pytest.raises(ErasureRefused, match="being sealed"):
            await erase(house, VAULT, CITIZEN, "li", "本人要求")
        async with house.unit_of_work() as uow:
            left = await uow.clear_numbers.count()
        assert await seal_numbers(house, at_once=700) == left
        assert await seal_numbers(house) == 0
        assert told(house.url) == []
        with psycopg.connect(house.url) as connection:
            days = connection.execute(_DAYS).fetchone()
        assert days
        assert days[0] <= days[1], "what is sealed late counts as written late"
        assert await rows(house) == calls
        report = await rebuild(house, RULES)
        assert (report.calls, report.different, report.unsupported) == (len(calls), (), ())
        # the same events once more, and the same people: nothing is new
        assert await written(house, tmp_path, stream(HEARD)) == calls
        async with house.unit_of_work() as uow:
            assert await uow.callbacks.open_for(CITIZEN)
            counts = await uow.connection.exec_driver_sql(
                "SELECT count(*), count(DISTINCT digest || ordinal::text::bytea) FROM call_event"
            )
            assert len({*counts.one()}) == 1
            many = await uow.connection.exec_driver_sql(
                "SELECT count(DISTINCT caller), count(DISTINCT call.caller_number)"
                " FROM rate_call JOIN call ON key = rate_call.call"
            )
            assert len({*many.one()}) == 1
        assert (
            await Progress(house, answer_s=0).ask("", CLOSED.digits[-4:], CONTACT)
        ).answer is ProgressAnswer.FOUND


async def test_sealing_an_event_is_the_only_change_and_only_once(unsealed: Database, tmp_path: Path) -> None:
    await written(unsealed, tmp_path, messages("answered_caller_hangs_up"))
    keyed = "digest = '\\x01'::bytea || digest"
    for change in (
        "digest = digest",
        f"{keyed}, kind = 'x'",
        f"{keyed}, at = at + interval '1 second'",
        f'{keyed}, payload = payload || \'{{"kind": "x"}}\'',
        f"{keyed}, payload = payload - 'caller_number'",
    ):
        with psycopg.connect(unsealed.url) as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(f"UPDATE call_event SET {change} WHERE payload ? 'caller_number'")
    with psycopg.connect(unsealed.url) as connection:
        connection.execute(f"UPDATE call_event SET {keyed}")
        with pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(f"UPDATE call_event SET {keyed}")


async def test_who_is_erased_is_nobody_and_who_phones_again_is_somebody_else(
    database: Database, tmp_path: Path
) -> None:
    calls = await filled(database, tmp_path)
    theirs = {key for key, call in calls.items() if call.caller_number == CITIZEN}
    async with database.unit_of_work() as uow:
        begin, end = NOW - timedelta(days=9999), NOW + timedelta(days=9999)
        before = await uow.rate_rows.lost_callers(begin, end)
    done = await erase(database, VAULT, CITIZEN, "li", "本人要求")
    assert done.calls == len(theirs)
    found = await rows(database)
    assert {found[key].caller_number for key in theirs} == {""}
    assert mask_number("") == "已清除"
    assert {it.caller_number for it in found.values()} >= {"", *OTHERS}
    # the recordings are gone as well, whatever the events tell of them
    assert any(calls[key].recording for key in theirs)
    assert {found[key].recording for key in theirs} == {None}
    report = await rebuild(database, RULES)
    assert (report.different, report.unsupported) == ((), ())
    async with database.unit_of_work() as uow:
        assert await uow.calls.of_number(CITIZEN, 10) == []
        said = [it.payload async for it in uow.events.stream()]
        assert CITIZEN not in str(said)
        assert {it.number: it.state for it in await uow.callbacks.newest()} == {
            "": CallbackState.WITHDRAWN,
            OWED: CallbackState.WANTED,
        }
        missed = await uow.rate_rows.missed(begin, end)
        assert len(missed) == before
        assert "" in {it.caller_number for it in missed}
        assert "已清除" in {mask_number(it.caller_number) for it in missed}
        # the same number, later: its token is another one
        again = next(call for key, call in calls.items() if key in theirs)
        await uow.calls.upsert([replace(again, key=CallKey("city", "later"))])
    found = await rows(database)
    assert [it.key.uniqueid for it in found.values() if it.caller_number == CITIZEN] == ["later"]
    assert told(database.url) == []


async def test_the_purge_destroys_the_key_with_the_last_row(database: Database, tmp_path: Path) -> None:
    calls = await filled(database, tmp_path)
    rules = OFFICE.rules.model_copy(update={"retention": {DataClass.CALLER_NUMBERS: 30}})
    office = TicketOffice(rules, OFFICE.hotline, OFFICE.city, VAULT)
    held = next(key for key, call in calls.items() if call.caller_number == OTHERS[0])
    async with database.unit_of_work() as uow:
        await uow.keeping.hold(held, "诉讼", "li")
    later = datetime.now(UTC) + timedelta(days=31)
    (done,) = await purge(database, office, {}, "worker", later)
    assert (done.held, done.purged) == (1, sum(bool(it.caller_number) for it in calls.values()) - 1)
    found = await rows(database)
    assert {it.caller_number for it in found.values()} == {"", None, OTHERS[0]}
    # what rests on call-backs that are still owed stays
    async with database.unit_of_work() as uow:
        assert {it.number for it in await uow.callbacks.newest()} == {CITIZEN, OWED}
    with psycopg.connect(database.url) as connection:
        left = connection.execute(
            "SELECT count(*) FROM data_key WHERE subject LIKE 'number:%' AND wrapped IS NOT NULL"
        ).fetchone()
    assert left == (4,)
    report = await rebuild(database, RULES)
    assert (report.different, report.unsupported) == ((), ())


async def test_numbers_are_asked_for_before_nothing_is_answered(database: Database) -> None:
    async with database.unit_of_work() as uow:
        async with uow.unanswered():
            with pytest.raises(RuntimeError, match="must be known"):
                await uow.numbers.token(CITIZEN)
        token = await uow.numbers.token(CITIZEN)
        assert (await uow.numbers.opened([token]))[token] == CITIZEN


async def test_two_who_meet_a_number_at_once_agree(database: Database) -> None:
    async with database.unit_of_work() as one:
        token = await one.numbers.token(CITIZEN)
        assert await one.numbers.opened([token, "8410001", ""]) == {
            token: CITIZEN, "8410001": "8410001", "": "",
        }  # fmt: skip
    async with database.unit_of_work() as other:
        assert await other.numbers.token(CITIZEN) == token
        assert await other.numbers.known([CITIZEN, OWED]) == [CITIZEN, token, OWED]
