"""What must leave the house is written down with what it is about, or not at all."""

from __future__ import annotations

import pytest

from ticketing_bridge.store import Database
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
