"""What must leave the house is written down with what it is about, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.delivery.conftest import Desk, a_ticket, post_for
from ticketing_bridge.delivery.outbound import OutboundTicket
from ticketing_bridge.store import Database, UnitOfWork
from ticketing_bridge.store.outbox_records import OutboxKind


async def test_an_entry_exists_exactly_when_its_transaction_commits_and_once(database: Database) -> None:
    async def fails() -> None:
        async with database.unit_of_work() as uow:
            assert await uow.outbox.add(OutboxKind.TICKET, "GM20260001", revision=3)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    async with database.unit_of_work() as uow:
        assert await uow.outbox.of("GM20260001") == []
        assert await uow.outbox.add(OutboxKind.TICKET, "GM20260001", revision=3)
        assert not await uow.outbox.add(OutboxKind.TICKET, "GM20260001", revision=4)
        assert await uow.outbox.add(OutboxKind.UPDATE, "GM20260001", revision=4)
        assert await uow.outbox.add(OutboxKind.CALL, "city:1.7", detail="answered")
        assert not await uow.outbox.add(OutboxKind.CALL, "city:1.7", detail="answered")
    async with database.unit_of_work() as uow:
        kept = await uow.outbox.of("GM20260001")
        assert [it.key for it in kept] == ["ticket:GM20260001", "update:GM20260001:4"]
        assert await uow.jobs.unfinished() == {"outbox": 3}


async def jobs(database: Database) -> list[list[int]]:
    """The entries of each job that has yet to be done."""
    waiting = text("SELECT args -> 'entries' FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    async with database.unit_of_work() as uow:
        return [*(await uow.connection.execute(waiting)).scalars()]


async def test_what_is_told_in_one_moment_is_one_job_and_one_that_fails_keeps_none_waiting(
    database: Database, desk: Desk
) -> None:
    numbers = [f"GM2026000{number}" for number in range(3)]
    for number in numbers:
        desk.put(a_ticket(number))
    async with database.unit_of_work() as uow:
        batch = uow.batch()
        for number in (*numbers, numbers[0]):
            uow.outbox.put(batch, OutboxKind.TICKET, number)
        await batch.send()
    ((first, second, third),) = await jobs(database)

    outbound = desk.outbound

    async def failing(uow: UnitOfWork, number: str) -> OutboundTicket | None:
        if number == numbers[1]:
            raise ConnectionError(number)
        return await outbound(uow, number)

    city = {
        "id": "city",
        "kind": "webhook",
        "url": "http://127.0.0.1:9/never",
        "secret": "sign",
        "sends": ["ticket"],
    }
    async with post_for(database, desk, city) as post:
        desk.outbound = failing  # type: ignore[method-assign]
        with pytest.raises(ConnectionError):
            await post.service.route([first, second, third])
        assert {it.subject for it in await post.all()} == {numbers[0], numbers[2]}
        desk.outbound = outbound  # type: ignore[method-assign]
        await post.service.route([first, second, third])
        assert sorted(it.subject for it in await post.all()) == numbers


async def test_entries_whose_job_is_gone_are_given_another_and_those_under_way_none(
    database: Database,
) -> None:
    async with database.unit_of_work() as uow:
        for number in range(3):
            await uow.outbox.add(OutboxKind.TICKET, f"GM2026000{number}")
    (lost,), (done,), (waiting,) = await jobs(database)
    async with database.unit_of_work() as uow:
        await uow.connection.execute(
            text("UPDATE procrastinate_jobs SET status = 'failed' WHERE args -> 'entries' <> :kept"),
            {"kept": f"[{waiting}]"},
        )
        await uow.outbox.routed(done)
    async with database.unit_of_work() as uow:
        assert await uow.outbox.revive(late_s=60) == 0, "not late yet"
        assert await uow.outbox.revive(late_s=0) == 1
    assert await jobs(database) == [[waiting], [lost]]
