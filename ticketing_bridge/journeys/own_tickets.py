"""Follow-ups of our own tickets: whom the robot phones, and what it heard, written into the ticket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from config.hotline import Hotline
from ticketing_bridge.access import Person, Role
from ticketing_bridge.journeys.callbacks import CALLBACK_CHANNEL
from ticketing_bridge.journeys.citizen_numbers import number_to_call
from ticketing_bridge.journeys.follow_ups import IS_SATISFIED, IS_SOLVED, ROBOT, SATISFIED, SOLVED
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.journey_records import FollowUpState
from ticketing_bridge.tickets import Act, TicketChanged, TicketOffice, TicketService
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.sealed import Sealer

log = structlog.get_logger(__name__)

#: who tells a ticket what the robot heard
ROBOT_PERSON = Person("robot", Role.AGENT)
AT_ONCE = 200
LOOK_S = 30.0


async def ask_about_own(
    uow: UnitOfWork, office: TicketOffice, hotline: Hotline, pbx_id: str, now: datetime
) -> int:
    """A follow-up task for each of our tickets whose reply was accepted and whose citizen nobody has asked.

    Confidential ones, and those whose number may not be dialled, are for a person: the tickets' own
    worklist has them. What the robot says of the matter is its class, never the caller's words.
    """
    made = 0
    sealer = Sealer(uow, office.vault)
    for row in await uow.desk_tickets.unasked(AT_ONCE):
        ticket, caller = await sealer.ticket(row), await sealer.caller(row)
        number = number_to_call(caller.to_call, hotline) if caller and caller.to_call else None
        if ticket.hides_person or number is None or ticket.accepted_at is None:
            continue
        await uow.follow_ups.add_again(
            {
                "pbx_id": pbx_id,
                "ticket": row.number,
                "number": number,
                "matter": f"{ticket.appeal}{ticket.purpose}",
                "confidential": False,
                "closed_at": ticket.accepted_at,
                "state": FollowUpState.DUE.value,
                "due_at": now,
            }
        )
        made += 1
    if made:
        await uow.notify(CALLBACK_CHANNEL, "follow-up")
    return made


async def tell_own(uow: UnitOfWork, office: TicketOffice, now: datetime) -> int:
    """Write into our tickets what the robot heard about them; returns into how many."""
    told = 0
    service = TicketService(office)
    for task in await uow.follow_ups.over_for_open_tickets(AT_ONCE):
        ticket = await service.get(uow, task.ticket, ROBOT_PERSON)
        if _is_told(ticket, task.closed_at):
            continue
        said = {
            it.question: it.answer for it in await uow.follow_ups.answers([task.id]) if it.asked_by == ROBOT
        }
        given = {
            "reached": "yes" if task.state is FollowUpState.DONE else "no",
            "solved": _yes_no(said.get(SOLVED), IS_SOLVED),
            "satisfied": _yes_no(said.get(SATISFIED), IS_SATISFIED),
            "asked_by": "robot",
        }
        await service.do(uow, ticket.number, ticket.version, Act.FOLLOW_UP, ROBOT_PERSON, now, given)
        told += 1
    return told


def _is_told(ticket: Ticket, accepted: datetime) -> bool:
    """Whether the robot's answer after this acceptance stands in the ticket."""
    return any(it.asked_by == "robot" and it.at >= accepted for it in ticket.follow_ups)


def _yes_no(answer: str | None, good: str) -> str:
    return "" if answer is None else "yes" if answer == good else "no"


async def keep_follow_ups(database: Database, current: Callable[[], TicketOffice], pbx_id: str) -> None:
    """Ask about our own tickets, and tell them what was heard, until cancelled."""
    while True:
        try:
            async with database.unit_of_work() as uow:
                now, office = datetime.now(LOCAL), current()
                if office.rules.follow_up.robot:
                    await ask_about_own(uow, office, office.hotline, pbx_id, now)
                await tell_own(uow, office, now)
        except DatabaseAway:
            log.warning("follow-ups not kept", fix="the database is away; it is tried again")
        except TicketChanged:
            pass  # somebody saved it in this moment: it is told at the next look
        await asyncio.sleep(LOOK_S)
