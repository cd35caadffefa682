"""What is old enough goes, with a record; what is held stays; who is erased is gone."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.tickets import DataClass
from tests.desk.people import NUMBER, answered_call, seconds, stored
from tests.tickets.city import AGENT, LEADER, LIFT, NOW, OFFICE, PHONE, done, taken
from ticketing_bridge.retention import ErasureRefused, erase, purge
from ticketing_bridge.store import Database
from ticketing_bridge.tickets import Act, Caller, TicketOffice, TicketService
from ticketing_bridge.tickets.reading import TicketReader

DAYS = {DataClass.AUDIO: 30, DataClass.WORDS: 60, DataClass.CALLER_NUMBERS: 60, DataClass.TICKET_PERSONS: 90}


def office() -> TicketOffice:
    return TicketOffice(
        OFFICE.rules.model_copy(update={"retention": DAYS}), OFFICE.hotline, OFFICE.city, OFFICE.vault
    )


async def test_purging_by_the_citys_times(database: Database, service: TicketService, tmp_path: Path) -> None:
    call = answered_call(at=NOW - seconds(3600))
    await stored(database, call, with_words=True)
    assert call.recording
    for suffix in ("", "-rx", "-tx"):
        (tmp_path / f"{call.recording}{suffix}.wav").write_bytes(b"RIFF")
    ticket = await done(
        database, service, await taken(database, service), (Act.ANSWER_ONLINE, AGENT, {"answer": "好"})
    )
    assert not await purge(database, OFFICE, {"city": tmp_path}, "wang", NOW)  # no time is set: nothing goes
    async with database.unit_of_work() as uow:
        hold = await uow.keeping.hold(str(call.key), "诉讼", "li")
        await uow.keeping.hold(ticket.number, "诉讼", "li")
    later = NOW + timedelta(days=100)
    kept = await purge(database, office(), {"city": tmp_path}, "wang", later)
    assert [(it.purged, it.held) for it in kept] == [(0, 1)] * 4
    assert len(os.listdir(tmp_path)) == 3
    async with database.unit_of_work() as uow:
        assert await uow.keeping.release(hold, "li")
        await uow.connection.exec_driver_sql("UPDATE legal_hold SET released_at = now()")
    assert [it.purged for it in await purge(database, office(), {"city": tmp_path}, "wang", later)] == [1] * 4
    assert [it.purged for it in await purge(database, office(), {"city": tmp_path}, "wang", later)] == [0] * 4
    assert not os.listdir(tmp_path)
    async with database.unit_of_work() as uow:
        assert await uow.transcripts.get(call.key, "live") is None
        again = await uow.calls.get(call.key)
        assert again is not None
        assert again.caller_number == ""
        assert await TicketReader(OFFICE).reveal(uow, ticket.number, LEADER, "核实") is None
        assert len(await uow.keeping.runs()) == 12


async def test_who_is_called_back_at_another_number_is_erased_by_both(
    database: Database, service: TicketService
) -> None:
    call = answered_call(at=NOW)
    await stored(database, call, with_words=True)
    new = replace(LIFT, call=str(call.key), caller=Caller("张三丰", NUMBER, "13933334444"))
    ticket = await taken(database, service, new)
    done_ = await erase(database, OFFICE.vault, NUMBER, "li", "本人要求")
    assert (done_.tickets, done_.calls, done_.elsewhere) == (0, 1, (ticket.number,))
    async with database.unit_of_work() as uow:
        left = await TicketReader(OFFICE).reveal(uow, ticket.number, LEADER, "核实")
    assert left == Caller("张三丰", None, "13933334444")
    assert (await erase(database, OFFICE.vault, "13933334444", "li", "本人要求")).tickets == 1
    async with database.unit_of_work() as uow:
        assert await TicketReader(OFFICE).reveal(uow, ticket.number, LEADER, "核实") is None


@pytest.mark.parametrize("whose", ["ticket", "person"])
async def test_a_call_is_held_with_its_ticket_and_with_whose_it_is(
    whose: str, database: Database, service: TicketService, tmp_path: Path
) -> None:
    call = answered_call(at=NOW - seconds(3600))
    await stored(database, call, with_words=True)
    ticket = await taken(database, service, replace(LIFT, call=str(call.key)))
    async with database.unit_of_work() as uow:
        row = await uow.desk_tickets.get(ticket.number)
        assert row is not None
        held = ticket.number if whose == "ticket" else f"person:{row.person_lookup}"
        hold = await uow.keeping.hold(held, "诉讼", "li")
    later = NOW + timedelta(days=100)
    kept = await purge(database, office(), {"city": tmp_path}, "wang", later)
    assert [(it.purged, it.held) for it in kept[:3]] == [(0, 1)] * 3
    async with database.unit_of_work() as uow:
        assert await uow.keeping.release(hold, "li")
    gone = await purge(database, office(), {"city": tmp_path}, "wang", later)
    assert [it.purged for it in gone[:3]] == [1] * 3


async def test_who_left_no_number_is_purged_too(database: Database, service: TicketService) -> None:
    numbers = []
    for name in ("王大明", "李小红"):
        ticket = await taken(database, service, replace(LIFT, caller=Caller(name)))
        await done(database, service, ticket, (Act.ANSWER_ONLINE, AGENT, {"answer": "好"}))
        numbers.append(ticket.number)
    async with database.unit_of_work() as uow:
        assert [await uow.keeping.is_there(it) for it in (*numbers, numbers[0][:-1])] == [True, True, False]
        await uow.keeping.hold(numbers[1], "诉讼", "li")
    later = NOW + timedelta(days=100)
    for gone in (1, 0):
        persons = (await purge(database, office(), {}, "wang", later))[-1]
        assert (persons.purged, persons.held) == (gone, 1)
    async with database.unit_of_work() as uow:
        shown = [await TicketReader(OFFICE).reveal(uow, it, LEADER, "核实") for it in numbers]
    assert shown == [None, Caller("李小红")]


async def test_erasing_a_person(database: Database, service: TicketService) -> None:
    ticket = await taken(database, service)
    with pytest.raises(ErasureRefused):
        await erase(database, OFFICE.vault, NUMBER[:-1] + "9", "li", "本人要求")
    async with database.unit_of_work() as uow:
        hold = await uow.keeping.hold(ticket.number, "诉讼", "li")
    with pytest.raises(ErasureRefused):
        await erase(database, OFFICE.vault, PHONE, "li", "本人要求")
    async with database.unit_of_work() as uow:
        await uow.keeping.release(hold, "li")
    assert (await erase(database, OFFICE.vault, "+86" + PHONE, "li", "本人要求")).tickets == 1
    async with database.unit_of_work() as uow:
        row = await uow.desk_tickets.get(ticket.number)
        assert row is not None
        assert (row.phone_last4, row.phone_hash) == (None, None)
        assert await TicketReader(OFFICE).reveal(uow, ticket.number, LEADER, "核实") is None
