"""What lies on the disk tells nobody who called or what was said; destroyed keys open nothing any more."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

import ticketing_bridge
from asr.text.searching import Terms
from config.settings import load_settings
from config.sites import PbxSite, pbx_sites
from config.tickets import DataClass
from facts.identity import CallKey
from facts.transcript import LiveText
from tests.desk.people import DRAFT, NUMBER, SPOKEN, TRANSCRIPT, answered_call, said, seconds, stored
from tests.telephony.test_recordings import write
from tests.tickets.city import (
    AGENT,
    HOUSING,
    HOUSING_CLERK,
    LEADER,
    NOW,
    OFFICE,
    PHONE,
    POLICE_CLERK,
    REPORT,
    done,
    taken,
)
from ticketing_bridge.access import Person, Role
from ticketing_bridge.recordings import (
    RecordingErased,
    forget_opened,
    open_sound,
    opened_again,
    seal_recordings,
    seal_words,
)
from ticketing_bridge.retention import ErasureRefused, erase, purge
from ticketing_bridge.roles.pbx_receiver import _have
from ticketing_bridge.store import Database
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.store.people_repositories import SEARCHED
from ticketing_bridge.store.records import SearchFilter
from ticketing_bridge.store.sealed_files import read_head, read_sealed, sealed_path
from ticketing_bridge.store.sealing import SealBroken, Vault
from ticketing_bridge.store.workplace_records import Typed
from ticketing_bridge.tickets import Act, TicketOffice, TicketService
from ticketing_bridge.tickets.reading import TicketReader
from ticketing_bridge.tickets.searching import index_tickets
from ticketing_bridge.tickets.upkeep import chain_audit
from ticketing_bridge.transcripts.search import make_findable, search_words

VAULT = OFFICE.vault
BRIDGE = Path(ticketing_bridge.__file__).parent
_ANSWERED = answered_call(at=NOW - seconds(3600))
#: with a message, so that every kind of recording is there
CALL = replace(_ANSWERED, voicemail=f"{_ANSWERED.recording}-voicemail", voicemail_ms=3000)
#: words of the call, of its draft and of its sheet
TOLD = ("昆仑", "桥头", SPOKEN, "8989")


@pytest_asyncio.fixture
async def house(database_url: str) -> Database:
    """A database that was opened with the installation's key, with one call and all its words."""
    async with Database(database_url, VAULT) as opened:
        await with_words(opened)
        yield opened


async def with_words(database: Database) -> None:
    await stored(database, CALL, with_words=True)
    async with database.unit_of_work() as uow:
        heard: LiveText = replace(said("昆仑路的路灯"), call=str(CALL.key))
        await uow.live.add_segment(heard, stream="s")
        await make_findable(uow, CALL, "live", search_words(TRANSCRIPT))
        sheet = await uow.sheets.opened(str(CALL.key), 1, "wang")
        await uow.sheets.save(replace(sheet, typed={"title": Typed("昆仑路8989号", 2, "wang")}))


def in_clear(url: str, *tables: str) -> str:
    """All that lies in these tables, as text; bytes are read as such, so that no hex digits tell a number."""
    with psycopg.connect(url) as connection:
        rows = [row for table in tables for row in connection.execute(f"SELECT t::text FROM {table} AS t")]
    return re.sub(
        r"\\x((?:[0-9a-f]{2})+)",
        lambda found: bytes.fromhex(found[1]).decode(errors="replace"),
        "\n".join(row[0] for row in rows),
    )


WORDS = ("transcript", "draft", "live_segment", "transcript_words", "work_sheet")


async def found(database: Database, typed: str) -> list[str]:
    terms = Terms.of(typed)
    async with database.unit_of_work() as uow:
        pairs = [*zip(terms.terms, terms.keys, strict=True)]
        return [it.call for it in await uow.search.find(pairs, SearchFilter(), limit=5)]


async def test_words_are_sealed_and_found(house: Database) -> None:
    lying = in_clear(house.url, *WORDS)
    assert lying.count(str(CALL.key)) == 5
    assert not [it for it in TOLD if it in lying]
    assert (
        await found(house, "昆仑")
        == await found(house, "昆仑路 桥头")
        == await found(house, "灯")
        == [str(CALL.key)]
    )
    assert await found(house, NUMBER) == [str(CALL.key)]
    assert await found(house, "路昆仑") == []
    async with house.unit_of_work() as uow:
        transcript = await uow.transcripts.get(CALL.key, "live")
        draft = await uow.drafts.latest(CALL.key)
        assert transcript is not None
        assert draft is not None
        assert (transcript.transcript, draft.content) == (TRANSCRIPT, DRAFT)
        assert [it.text for it in await uow.live.segments_of(CALL.key)] == ["昆仑路的路灯"]
        assert [it.typed["title"].value for it in await uow.sheets.of_call(str(CALL.key))] == ["昆仑路8989号"]
        (loaded,) = await uow.search.loaded(
            await uow.search.find([("昆仑", ("昆仑",))], SearchFilter(), limit=5)
        )
        assert loaded[1].transcript == TRANSCRIPT
    async with Database(house.url) as stranger, stranger.unit_of_work() as uow:
        with pytest.raises(SealBroken):
            await uow.drafts.latest(CALL.key)
    async with Database(house.url, Vault("another")) as stranger, stranger.unit_of_work() as uow:
        with pytest.raises(SealBroken):
            await uow.transcripts.get(CALL.key, "live")


async def test_words_of_former_versions_are_sealed_where_they_stand(unsealed: Database) -> None:
    await with_words(unsealed)
    assert "桥头" in in_clear(unsealed.url, "draft")
    async with Database(unsealed.url, VAULT) as house:
        async with house.unit_of_work() as uow:
            assert await uow.clear.count() == 4
        assert await seal_words(house, at_once=1) == 4
        assert await seal_words(house) == 0
        lying = in_clear(unsealed.url, "transcript", "draft", "live_segment", "work_sheet")
        assert not [it for it in TOLD if it in lying]
        async with house.unit_of_work() as uow:
            draft = await uow.drafts.latest(CALL.key)
            assert draft is not None
            assert draft.content == DRAFT
            assert [it.text for it in await uow.live.segments_of(CALL.key)] == ["昆仑路的路灯"]


async def test_a_sealed_word_that_was_moved_is_not_read(house: Database) -> None:
    async with house.unit_of_work() as uow:
        other = CallKey("city", "city-2.1")
        await uow.drafts.put(other, 1, "live", {"title": "x"})
        await uow.connection.exec_driver_sql(
            "UPDATE draft SET sealed = (SELECT sealed FROM draft WHERE call = 'city:city-2.1')"
        )
    async with house.unit_of_work() as uow:
        with pytest.raises(SealBroken):
            await uow.drafts.latest(CALL.key)


@pytest.fixture
def site(tmp_path: Path) -> PbxSite:
    """A PBX with the recording of the call, an hour old."""
    (found,) = pbx_sites(load_settings(home=tmp_path), OFFICE.hotline)
    found.recordings.mkdir(parents=True)
    assert CALL.recording
    for side, length_s in (("", 20.0), ("-rx", 20.0), ("-tx", 0.0), ("-voicemail", 3.0)):
        path = found.recordings / f"{CALL.recording}{side}.wav"
        write(path, length_s)
        os.utime(path, (time.time() - 3600,) * 2)
    return found


async def test_recordings_are_sealed_and_opened(house: Database, site: PbxSite, tmp_path: Path) -> None:
    base = CALL.recording or ""
    plain = (site.recordings / f"{base}.wav").read_bytes()
    growing = site.recordings / "city-9.9.wav"  # of no call that we know: perhaps one that begins
    write(growing, 1)
    assert await seal_recordings(house, site, 7200, time.time()) == 0  # too young
    assert await seal_recordings(house, site, 600, time.time()) == 4
    assert [*site.recordings.glob("*.wav")] == [growing]
    sealed = sealed_path(site.recordings, f"{base}.wav")
    assert sealed.stat().st_mode & 0o077 == 0
    assert plain[44:144] not in sealed.read_bytes()
    async with house.unit_of_work() as uow:
        sound = await open_sound(uow, site.recordings, base)
        assert sound is not None
        assert b"".join(sound.read()) == plain
        for first, end in ((0, 10), (44, 70_000), (65_536, 65_537), (len(plain) - 3, len(plain)), (5, 5)):
            assert b"".join(sound.read(first, end)) == plain[first:end]
        assert await open_sound(uow, site.recordings, "city-8.8") is None
    async with opened_again(house, site.recordings, [base], tmp_path) as folder:
        assert (folder / f"{base}.wav").read_bytes() == plain
        assert (folder / f"{base}-rx.wav").exists()
    assert "opened-" not in str(os.listdir(tmp_path))
    (tmp_path / "opened-left").mkdir()
    forget_opened(tmp_path)
    assert "opened-" not in str(os.listdir(tmp_path))
    # the agent beside the PBX does not send it again
    head = read_head(sealed)
    assert _have(site.recordings / f"{base}.wav", len(plain), head.sha256) == len(plain)


async def test_a_sealed_recording_that_was_changed_or_cut_is_refused(house: Database, site: PbxSite) -> None:
    await seal_recordings(house, site, 600, time.time())
    sealed = sealed_path(site.recordings, f"{CALL.recording}.wav")
    whole = sealed.read_bytes()
    async with house.unit_of_work() as uow:
        assert uow.seals is not None
        key = await uow.seals.opening_key(read_head(sealed).key_id)
    assert key
    middle = len(whole) // 2
    exchanged = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    shorter = whole[:12] + (1000).to_bytes(8, "big") + whole[20:]
    for wrong in (exchanged, whole[:-10], shorter, b"RIFF" + whole[4:]):
        sealed.write_bytes(wrong)
        with pytest.raises(SealBroken):
            b"".join(read_sealed(read_head(sealed), key))


async def test_a_recording_that_is_still_to_be_heard_stays(house: Database, site: PbxSite) -> None:
    async with house.unit_of_work() as uow:
        await uow.jobs.defer("transcribe_call", {"call": str(CALL.key)}, queue="speech", lock="x")
    assert await seal_recordings(house, site, 600, time.time()) == 0
    async with house.unit_of_work() as uow:
        await uow.connection.exec_driver_sql("UPDATE procrastinate_jobs SET status = 'succeeded'")
    assert await seal_recordings(house, site, 600, time.time()) == 4


async def test_erasing_a_person_takes_words_recordings_and_numbers(
    house: Database, service: TicketService, site: PbxSite
) -> None:
    ticket = await taken(house, service)
    await seal_recordings(house, site, 600, time.time())
    sealed = sealed_path(site.recordings, f"{CALL.recording}.wav")
    backup = sealed.read_bytes()
    folders = {site.id: site.recordings}
    async with house.unit_of_work() as uow:
        hold = await uow.keeping.hold(str(CALL.key), "诉讼", "li")
    with pytest.raises(ErasureRefused):
        await erase(house, VAULT, PHONE, "li", "本人要求", folders)
    async with house.unit_of_work() as uow:
        await uow.keeping.release(hold, "li")
    done = await erase(house, VAULT, f"+86{PHONE}", "li", "本人要求", folders)
    assert (done.tickets, done.calls) == (1, 1)
    assert not in_clear(house.url, *WORDS)
    assert PHONE not in in_clear(house.url, "call", "callback", "follow_up_task", "ticket", "audit")
    assert await found(house, "昆仑") == []
    assert not sealed.exists()
    sealed.write_bytes(backup)  # brought back, and of no use
    async with house.unit_of_work() as uow:
        with pytest.raises(RecordingErased):
            await open_sound(uow, site.recordings, CALL.recording or "")
        row = await uow.desk_tickets.get(ticket.number)
        assert row is not None
        assert row.phone_hash is None
    with pytest.raises(ErasureRefused):
        await erase(house, VAULT, PHONE, "li", "本人要求", folders)


async def test_the_purge_destroys_keys_and_removes_what_is_sealed(house: Database, site: PbxSite) -> None:
    await seal_recordings(house, site, 600, time.time())
    days = {DataClass.AUDIO: 30, DataClass.WORDS: 60}
    rules = OFFICE.rules.model_copy(update={"retention": days})
    office = TicketOffice(rules, OFFICE.hotline, OFFICE.city, VAULT)
    await purge(house, office, {site.id: site.recordings}, "wang", NOW + timedelta(days=100))
    assert [*site.recordings.rglob("*.sealed")] == []  # voice messages are recordings, too
    assert not in_clear(house.url, *WORDS)
    with psycopg.connect(house.url) as connection:
        left = connection.execute("SELECT subject FROM data_key WHERE wrapped IS NOT NULL").fetchall()
    assert {it.partition(":")[0] for (it,) in left} == {"number"}  # the caller's, of which no time was set


async def test_tickets_are_found_by_words_that_their_reader_may_read(
    database: Database, service: TicketService
) -> None:
    lift = await taken(database, service)
    lift = await done(database, service, lift, (Act.DISPATCH, AGENT, {"main": HOUSING}))
    report = await taken(database, service, REPORT)
    reader = TicketReader(OFFICE)
    other = Person("chen", Role.AGENT)

    async def numbers(person: Person, said: str) -> list[str]:
        async with database.unit_of_work() as uow:
            return [it.ticket.number for it in await reader.search(uow, person, TicketFilter(), said)]

    assert await numbers(AGENT, "电梯") == await numbers(other, "金桥丽景 修好") == [lift.number]
    assert await numbers(HOUSING_CLERK, "电梯") == [lift.number]
    assert await numbers(POLICE_CLERK, "电梯") == []
    assert await numbers(other, "梯电") == await numbers(other, "，。") == []
    # the words that tell who called find it only for who may read them
    assert await numbers(LEADER, "盐湖集团") == [report.number]
    assert await numbers(other, "盐湖集团") == []
    assert await numbers(other, "民警收钱") == [report.number]
    lying = in_clear(database.url, "ticket", "ticket_words")
    assert "电梯" not in lying
    assert "三号楼" not in lying
    async with database.unit_of_work() as uow:
        await uow.connection.exec_driver_sql("DELETE FROM ticket_words")
    assert await numbers(AGENT, "电梯") == []
    assert await index_tickets(database, OFFICE) == 2
    assert await index_tickets(database, OFFICE) == 0
    assert await numbers(AGENT, "电梯") == [lift.number]
    await erase(database, VAULT, PHONE, "li", "本人要求")
    assert await numbers(AGENT, "电梯") == []
    await done(database, service, lift, (Act.NOTE, AGENT, {"note": "电梯"}))
    assert await numbers(AGENT, "电梯") == []
    async with database.unit_of_work() as uow:
        (line, *_) = await uow.audit.list(subject=None, limit=1)
    assert (line.action, line.reason) == ("tickets-searched", "电梯")
    searched = in_clear(database.url, "audit")
    assert "tickets-searched" in searched
    assert re.findall("电梯|盐湖集团", searched) == []
    await chain_audit(database)
    async with database.unit_of_work() as uow:
        assert not (await uow.audit_chain.verify()).faults
        # what was looked for goes with the words of its month
        subjects = await uow.keys.subjects_before(f"{SEARCHED}9999-01", SEARCHED)
        assert len(subjects) == 1
        assert await uow.keys.subjects_before(subjects[0], SEARCHED) == []
        await uow.keys.destroy_all(subjects, "worker")
    async with database.unit_of_work() as uow:
        (line, *_) = await uow.audit.list(subject=None, limit=1)
        assert (line.action, line.reason) == ("tickets-searched", None)
        assert not (await uow.audit_chain.verify()).faults


def test_whatever_serves_opens_the_database_with_the_key() -> None:
    """Only what measures opens one without: there words would stay as they are."""
    opens = re.compile(r"(?<!class )\bDatabase\(")
    found = [
        str(it.relative_to(BRIDGE))
        for it in BRIDGE.rglob("*.py")
        if opens.search(it.read_text(encoding="utf-8")) and "bench" not in it.parts
    ]
    assert sorted(found) == ["house.py", "store/database.py"]
