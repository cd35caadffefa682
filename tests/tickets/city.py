"""A city with its rules, its people, and tickets of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from config.catalogue import load_catalogue
from config.hotline import load_hotline
from config.tickets import load_ticket_rules
from tests.database import VAULT
from ticketing_bridge.access import Person, Role
from ticketing_bridge.store import Database
from ticketing_bridge.tickets import Act, Caller, NewTicket, Texts, Ticket, TicketOffice, TicketService
from ticketing_bridge.tickets.limits import LOCAL

HOUSING, POLICE, LABOUR = "市住房和城乡建设局", "市公安局", "市人力资源和社会保障局"
RULES = load_ticket_rules().model_copy(update={"superiors": {POLICE: ("市应急管理局",)}})
OFFICE = TicketOffice(RULES, load_hotline(), load_catalogue(), VAULT)
#: a Friday
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=LOCAL)

AGENT = Person("wang", Role.AGENT)
LEADER = Person("li", Role.SHIFT_LEADER)
SECOND = Person("zhao", Role.SHIFT_LEADER)
AUDITOR = Person("sun", Role.AUDITOR)
HOUSING_CLERK = Person("housing-1", Role.UNIT, HOUSING)
POLICE_CLERK = Person("police-1", Role.UNIT, POLICE)
LABOUR_CLERK = Person("labour-1", Role.UNIT, LABOUR)

NAME, PHONE = "张三丰", "13909791234"
LIFT = NewTicket(
    channel="电话",
    purpose="投诉",
    appeal="城乡建设",
    texts=Texts(
        title="金桥丽景小区电梯故障",
        content="我是六号楼二单元的住户，电梯坏了一个礼拜没人修。",
        places=("八一中路金桥丽景小区六号楼",),
        demand="尽快修好",
    ),
    caller=Caller(NAME, PHONE, PHONE),
)
REPORT = replace(
    LIFT,
    purpose="举报",
    appeal="公共安全",
    texts=Texts(
        title="举报派出所民警收钱",
        content="我在盐湖集团上班，住三号楼，举报市公安局城东派出所民警收钱不办事，我电话13909791234。",
        party="城东派出所民警",
        demand="查处",
    ),
)


async def taken(
    database: Database, service: TicketService, new: NewTicket = LIFT, at: datetime = NOW
) -> Ticket:
    """A ticket that was just taken."""
    async with database.unit_of_work() as uow:
        return await service.create(uow, AGENT, new, at)


async def done(
    database: Database,
    service: TicketService,
    ticket: Ticket,
    *acts: tuple[Act, Person] | tuple[Act, Person, dict[str, Any]],
    at: datetime = NOW,
) -> Ticket:
    """The ticket after these acts, each in a transaction of its own."""
    for act, person, *given in acts:
        async with database.unit_of_work() as uow:
            ticket = await service.do(
                uow, ticket.number, ticket.version, act, person, at, given[0] if given else {}
            )
    return ticket
