"""Tickets in the database: taken once, changed by version only, with history, audit and outbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.tickets.city import (
    AGENT,
    HOUSING,
    HOUSING_CLERK,
    LABOUR,
    LABOUR_CLERK,
    LEADER,
    LIFT,
    NAME,
    NOW,
    OFFICE,
    PHONE,
    POLICE,
    done,
    taken,
)
from ticketing_bridge.access import AccessRefused
from ticketing_bridge.store import Database
from ticketing_bridge.tickets import (
    Act,
    State,
    TicketChanged,
    TicketExists,
    TicketRefused,
    TicketService,
    TicketUnknown,
    Why,
)
from ticketing_bridge.tickets.life import replay
from ticketing_bridge.tickets.numbering import is_right
from ticketing_bridge.tickets.sealed import Sealer


async def test_a_draft_becomes_one_ticket(database: Database, service: TicketService) -> None:
    new = replace(LIFT, source="draft:city/1.7", call="city/1.7")
    ticket = await taken(database, service, new)
    assert ticket.number.isdigit()
    assert is_right(ticket.number)
    assert ticket.number.startswith("20261120")
    assert (ticket.state, ticket.level) == (State.RECEIVED, "normal")
    with pytest.raises(TicketExists) as there:
        await taken(database, service, new)
    assert there.value.number == ticket.number
    async with database.unit_of_work() as uow:
        assert [it.action for it in await uow.audit.list(subject=ticket.number)] == ["ticket-created"]
        assert [it.kind.value for it in await uow.outbox.of(ticket.number)] == ["receipt"]


async def test_nothing_personal_lies_open_in_the_database(database: Database, service: TicketService) -> None:
    ticket = await taken(database, service)
    await done(database, service, ticket, (Act.NOTE, AGENT, {"note": f"{NAME}又来电话{PHONE}"}))
    async with database.unit_of_work() as uow:
        for table in ("ticket", "ticket_event", "audit", "outbox", "data_key", "procrastinate_jobs"):
            rows = await uow.connection.exec_driver_sql(f"SELECT t::text FROM {table} AS t")
            text = "\n".join(row[0] for row in rows)
            for secret in (NAME, PHONE, "电梯", "六号楼"):
                assert secret not in text, (table, secret)
                assert secret.encode().hex() not in text, (table, secret)
        row = await uow.desk_tickets.get(ticket.number)
        assert row is not None
        caller = await Sealer(uow, OFFICE.vault).caller(row)
        assert caller is not None
        assert (caller.name, caller.phone) == (NAME, PHONE)


async def test_the_whole_life(database: Database, service: TicketService) -> None:
    """受理、派单、签收、联系、延期、答复、退回、再答复、回访、办结、评价、重办，并行派单与督办在其中。"""
    ticket = await taken(database, service)
    ticket = await done(
        database, service, ticket,
        (Act.DISPATCH, AGENT, {"main": HOUSING, "joint": [LABOUR]}),
        (Act.SIGN, HOUSING_CLERK), (Act.CONTACT, HOUSING_CLERK, {"note": "已电话联系"}),
        (Act.JOINT_SIGN, LABOUR_CLERK),
        (Act.ASK_EXTENSION, HOUSING_CLERK, {"amount": 3, "reason": "等配件"}), (Act.GRANT_EXTENSION, LEADER),
        (Act.SUPERVISE, LEADER, {"text": "请加快办理。", "days": 2}),
        (Act.REPLY, HOUSING_CLERK, {"answer": "配件已订购。"}),
        (Act.RETURN_REPLY, AGENT, {"reason": "没有说明修好的日期"}),
        (Act.ANSWER_SUPERVISION, HOUSING_CLERK, {"letter": 1, "reply": "已安排。"}),
        (Act.REPLY, HOUSING_CLERK, {"answer": "电梯已修好。"}),
    )  # fmt: skip
    assert ticket.limit is not None
    assert ticket.limit.due_at.date().isoformat() == "2026-12-01"
    with pytest.raises(TicketRefused) as refused:
        await done(database, service, ticket, (Act.ACCEPT_REPLY, AGENT))
    assert refused.value.why is Why.JOINT_OPEN
    ticket = await done(
        database, service, ticket,
        (Act.JOINT_REPLY, LABOUR_CLERK, {"reply": "不涉及欠薪。"}), (Act.ACCEPT_REPLY, AGENT),
        (Act.FOLLOW_UP, AGENT, {"reached": "yes", "solved": "yes", "satisfied": "yes"}),
        (Act.CLOSE, AGENT), (Act.RATE, AGENT, {"rating": 5}), (Act.REDO, LEADER, {"reason": "又坏了"}),
    )  # fmt: skip
    assert (ticket.state, ticket.redos, ticket.replies_returned, ticket.closed_at) == (
        State.HANDLING, 1, 1, None,
    )  # fmt: skip
    async with database.unit_of_work() as uow:
        sealer = Sealer(uow, OFFICE.vault)
        history = [await sealer.entry(row) for row in await uow.desk_tickets.history(ticket.number)]
        assert replay(history) == await service.get(uow, ticket.number, AGENT) == ticket
        kinds = [it.kind.value for it in await uow.outbox.of(ticket.number)]
        assert kinds.count("ticket") == 1
        assert "result" in kinds
    # what happens later takes it out of no period's figures
    day = timedelta(days=1)
    await done(database, service, ticket, (Act.NOTE, AGENT, {"note": "又来电"}), at=NOW + 60 * day)
    async with database.unit_of_work() as uow:
        found = [await uow.desk_tickets.touching(NOW + it * day, NOW + (it + 2) * day, 9) for it in (-3, -1)]
    assert [len(it) for it in found] == [0, 1]


async def test_an_objection_that_fails_binds_the_first_unit(
    database: Database, service: TicketService
) -> None:
    """首接负责: a dismissed objection is not made twice; an upheld one moves the ticket."""
    ticket = await done(
        database, service, await taken(database, service), (Act.DISPATCH, AGENT, {"main": HOUSING}),
        (Act.OBJECT, HOUSING_CLERK, {"reason": "不是我们的", "suggested": POLICE}),
        (Act.DISMISS, LEADER, {"reason": "职责清单第3条"}),
    )  # fmt: skip
    with pytest.raises(TicketRefused) as refused:
        await done(database, service, ticket, (Act.OBJECT, HOUSING_CLERK, {"reason": "还是不办"}))
    assert refused.value.why is Why.BOUND
    moved = await done(
        database, service, await taken(database, service), (Act.DISPATCH, AGENT, {"main": HOUSING}),
        (Act.OBJECT, HOUSING_CLERK, {"reason": "欠薪归人社"}),
        (Act.UPHOLD, LEADER, {"main": LABOUR, "reason": "欠薪"}),
    )  # fmt: skip
    assert (moved.units, moved.former, moved.returns) == ((LABOUR,), (HOUSING,), 1)
    with pytest.raises(TicketUnknown):
        await done(database, service, moved, (Act.NOTE, HOUSING_CLERK, {"note": "看看"}))


async def test_two_who_save_at_once(database: Database, service: TicketService) -> None:
    """One of twenty is written; the others are told; nothing is lost."""
    ticket = await taken(database, service)

    async def note(number: int) -> bool:
        try:
            await done(database, service, ticket, (Act.NOTE, AGENT, {"note": f"第{number}条"}))
        except TicketChanged:
            return False
        return True

    assert sum(await asyncio.gather(*map(note, range(20)))) == 1
    async with database.unit_of_work() as uow:
        assert (await service.get(uow, ticket.number, AGENT)).version == 2
        assert len(await uow.desk_tickets.history(ticket.number)) == 2


async def test_merging(database: Database, service: TicketService) -> None:
    """并单: one ends in the other; a secret never ends in an open one."""
    first, second = await taken(database, service), await taken(database, service)
    merged = await done(
        database, service, second, (Act.MERGE, AGENT, {"into": first.number, "reason": "同一件事"})
    )
    assert (merged.state, merged.merged_into) == (State.MERGED, first.number)
    async with database.unit_of_work() as uow:
        assert (await service.get(uow, first.number, AGENT)).merged == (second.number,)
    secret = await taken(database, service, replace(LIFT, confidential=True))
    with pytest.raises(TicketRefused) as refused:
        await done(database, service, secret, (Act.MERGE, AGENT, {"into": first.number, "reason": "同"}))
    assert refused.value.why is Why.MERGE_SECRET
    with pytest.raises(TicketRefused):
        await done(database, service, first, (Act.MERGE, AGENT, {"into": first.number, "reason": "同"}))


async def test_who_may_not_is_refused(database: Database, service: TicketService) -> None:
    ticket = await done(
        database, service, await taken(database, service), (Act.DISPATCH, AGENT, {"main": HOUSING})
    )
    with pytest.raises(TicketUnknown):
        await done(database, service, ticket, (Act.SIGN, LABOUR_CLERK))
    with pytest.raises(AccessRefused):
        await done(database, service, ticket, (Act.TAKE_BACK, HOUSING_CLERK, {"reason": "不要"}))
    with pytest.raises(AccessRefused):
        await done(database, service, ticket, (Act.VOID, AGENT, {"reason": "骚扰"}))
    with pytest.raises(TicketRefused) as refused:
        await done(database, service, ticket, (Act.CLOSE, AGENT))
    assert refused.value.why is Why.STATE
