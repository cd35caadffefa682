"""Our own tickets on the telephone: their progress, and what the robot hears about them."""

from __future__ import annotations

from dataclasses import replace

from facts.caller_session import ProgressAnswer
from tests.tickets.city import AGENT, HOUSING, LIFT, NOW, OFFICE, PHONE, REPORT, done, taken
from ticketing_bridge.journeys.follow_ups import COMPLETE, RESULT, ROBOT, SATISFIED, SOLVED
from ticketing_bridge.journeys.own_tickets import ask_about_own, tell_own
from ticketing_bridge.journeys.progress import Progress
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import FollowUpState
from ticketing_bridge.tickets import Act, Ticket, TicketService


async def test_progress_of_our_own_tickets(database: Database, service: TicketService) -> None:
    """By number and last digits, or from the call-back number; a confidential one is as if not there."""
    ticket = await done(
        database, service, await taken(database, service), (Act.DISPATCH, AGENT, {"main": HOUSING})
    )
    secret = await taken(database, service, REPORT)
    progress = Progress(database, answer_s=0)
    told = await progress.ask(ticket.number, PHONE[-4:], None)
    assert told.answer is ProgressAnswer.FOUND
    assert (
        told.text
        == "您的工单目前已派单，等待承办单位签收，由市住房和城乡建设局办理，预计十一月二十七日前办结。"
    )
    assert (await progress.ask("", ticket.number[-4:], PHONE)).answer is ProgressAnswer.FOUND
    for number, last in ((ticket.number, "0000"), (secret.number, PHONE[-4:])):
        assert (await progress.ask(number, last, None)).answer is ProgressAnswer.UNKNOWN


async def accepted(database: Database, service: TicketService, ticket: Ticket) -> Ticket:
    return await done(
        database, service, ticket, (Act.DISPATCH, AGENT, {"main": HOUSING}), (Act.SIGN, AGENT),
        (Act.REPLY, AGENT, {"answer": "修好了"}), (Act.ACCEPT_REPLY, AGENT),
    )  # fmt: skip


async def test_the_robot_asks_and_the_ticket_is_told(database: Database, service: TicketService) -> None:
    ticket = await accepted(database, service, await taken(database, service))
    await accepted(database, service, await taken(database, service, replace(LIFT, confidential=True)))
    async with database.unit_of_work() as uow:
        assert await ask_about_own(uow, OFFICE, OFFICE.hotline, "city", NOW) == 1
        assert await ask_about_own(uow, OFFICE, OFFICE.hotline, "city", NOW) == 0
        (task,) = await uow.follow_ups.open("city")
        assert (task.ticket, task.matter, task.number) == (ticket.number, "城乡建设投诉", PHONE)
        for question, answer in ((RESULT, COMPLETE), (SOLVED, "已解决"), (SATISFIED, "不满意")):
            await uow.follow_ups.put_answer(task.id, ROBOT, question, answer)
        await uow.follow_ups.save(replace(task, state=FollowUpState.DONE))
        assert await tell_own(uow, OFFICE, NOW) == 1
        assert await tell_own(uow, OFFICE, NOW) == 0
        found = await service.get(uow, ticket.number, AGENT)
    (said,) = found.follow_ups
    assert (said.asked_by, said.reached, said.solved, said.satisfied) == ("robot", True, True, False)
