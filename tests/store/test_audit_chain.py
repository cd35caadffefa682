"""The audit log's chain: it verifies, and whatever is done to a line behind our back is found."""

from __future__ import annotations

import asyncio

from ticketing_bridge.store import Database
from ticketing_bridge.store.audit_chain import ChainFault


async def written(database: Database, lines: int) -> None:
    async with database.unit_of_work() as uow:
        for number in range(lines):
            await uow.audit.add("wang", "ticket-viewed", subject=f"{number}", fields=["texts"], reason="核实")


async def behind_our_back(database: Database, statement: str, table: str = "audit") -> None:
    async with database.unit_of_work() as uow:
        for it in (
            f"ALTER TABLE {table} DISABLE TRIGGER append_only",
            statement,
            f"ALTER TABLE {table} ENABLE TRIGGER append_only",
        ):
            await uow.connection.exec_driver_sql(it)


async def test_what_is_changed_deleted_or_cut_off_is_found(database: Database) -> None:
    await written(database, 5)
    async with database.unit_of_work() as uow:
        assert await uow.audit_chain.extend() == 5
        assert await uow.audit_chain.extend() == 0
    await written(database, 2)
    async with database.unit_of_work() as uow:
        await uow.audit_chain.extend()
        kept = await uow.audit_chain.head()
        report = await uow.audit_chain.verify(kept)
        assert (report.lines, report.faults, kept.position) == (7, (), 7)
    ids = await audit_ids(database)
    await behind_our_back(database, f"UPDATE audit SET reason = '闲看' WHERE id = {ids[1]}")
    await behind_our_back(database, f"DELETE FROM audit WHERE id = {ids[3]}")
    async with database.unit_of_work() as uow:
        report = await uow.audit_chain.verify(kept)
        assert report.faults == ((ChainFault.CHANGED, ids[1]), (ChainFault.DELETED, ids[3]))
    await behind_our_back(database, "DELETE FROM audit_chain WHERE position = 7", "audit_chain")
    await behind_our_back(database, f"UPDATE audit SET at = at - interval '1 hour' WHERE id = {ids[6]}")
    async with database.unit_of_work() as uow:
        faults = (await uow.audit_chain.verify(kept)).faults
        assert (ChainFault.CUT, 7) in faults
        assert (ChainFault.NOT_CHAINED, ids[6]) in faults


async def test_a_line_that_is_written_in_afterwards_is_found_by_its_time(database: Database) -> None:
    async def write_in(moved: str) -> int:
        async with database.unit_of_work() as uow:
            written_in = await uow.connection.exec_driver_sql(
                "INSERT INTO audit (at, actor, action, subject, fields, reason) "
                f"VALUES (now() {moved}, 'li', 'ticket-viewed', '1', '{{texts}}', '核实') RETURNING id"
            )
            return int(written_in.scalar_one())

    await written(database, 2)
    long_transaction, backdated, ahead = [
        await write_in(it) for it in ("- interval '50 minutes'", "- interval '3 hours'", "+ interval '1 day'")
    ]
    await written(database, 2)
    async with database.unit_of_work() as uow:
        await uow.audit_chain.extend()
    async with database.unit_of_work() as uow:
        report = await uow.audit_chain.verify()
    assert report.faults == ((ChainFault.MISDATED, backdated), (ChainFault.MISDATED, ahead))
    assert long_transaction not in {line for _, line in report.faults}


async def test_lines_of_a_clock_that_was_set_back_are_no_faults(database: Database) -> None:
    """A host that boots eight hours ahead, and is set right after some lines."""
    for ahead in ("interval '8 hours'", "interval '0'"):
        await written(database, 2)
        await behind_our_back(database, f"UPDATE audit SET at = at + {ahead} WHERE at > now() - {ahead}")
        async with database.unit_of_work() as uow:
            await uow.audit_chain.extend()
        await behind_our_back(
            database, f"UPDATE audit_chain SET chained_at = chained_at + {ahead}", "audit_chain"
        )
    async with database.unit_of_work() as uow:
        report = await uow.audit_chain.verify()
    assert (report.lines, report.faults) == (4, ())


async def audit_ids(database: Database) -> list[int]:
    async with database.unit_of_work() as uow:
        found = await uow.connection.exec_driver_sql("SELECT id FROM audit ORDER BY id")
        return [row[0] for row in found]


async def test_many_who_chain_at_once_make_one_chain(database: Database) -> None:
    await written(database, 40)

    async def extend() -> int:
        async with database.unit_of_work() as uow:
            return await uow.audit_chain.extend(10)

    while sum(await asyncio.gather(*(extend() for _ in range(4)))):
        pass
    async with database.unit_of_work() as uow:
        report = await uow.audit_chain.verify()
        assert (report.lines, report.faults) == (40, ())
