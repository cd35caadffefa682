"""A house as a city has it, so that desks have something to look through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

from config.catalogue import load_catalogue
from config.hotline import load_hotline
from config.settings import Settings
from ticketing_bridge.access import Person, Role
from ticketing_bridge.knowledge.entries import entry_vector
from ticketing_bridge.store import Database
from ticketing_bridge.store.knowledge_records import EntryText, PhoneText
from ticketing_bridge.tickets import Act, Caller, NewTicket, Texts, TicketService, open_office
from ticketing_bridge.tickets.limits import LOCAL

TICKETS, NUMBERS, ENTRIES = 300, 200, 200
_WHERE = ("金桥丽景小区", "八一中路", "昆仑路桥头", "阳光花园", "盐桥南路", "河西街道")
_WHAT = ("电梯坏了没人修", "路灯不亮", "自来水停了", "井盖丢了", "楼下烧烤油烟扰民", "拖欠工资不给")
_ASKED = ("怎么提取", "在哪里办", "要什么材料", "什么时候发", "打哪个电话")
_ABOUT = ("住房公积金", "高龄补贴", "居住证", "营业执照", "养老认证", "低保", "残疾证", "出生证明")


async def furnish(database: Database, settings: Settings, share: float = 1.0) -> None:
    """Fill it; ``share`` of everything."""
    await _tickets(database, settings, int(TICKETS * share))
    units = list(load_catalogue().units)
    async with database.unit_of_work() as uow:
        for number in range(int(NUMBERS * share)):
            unit = units[number % len(units)]
            entry = PhoneText(unit.name, f"0979{8410000 + number}", f"{number}科", unit.duties[:2])
            await uow.phones.put(entry, "bench")
        review_on = datetime.now(UTC).date() + timedelta(days=90)
        for number, (about, asked) in zip(
            range(int(ENTRIES * share)), product(_ABOUT, _ASKED * 5), strict=False
        ):
            text = EntryText(f"{about}{asked}{number}", "带身份证到政务大厅办理。" * 5, "bench", review_on)
            await uow.knowledge.add(text, entry_vector(text), "bench")


async def _tickets(database: Database, settings: Settings, count: int) -> None:
    hotline = load_hotline()
    service, person = TicketService(open_office(settings, hotline)), Person("bench", Role.AGENT)
    new = NewTicket("电话", "投诉", "城乡建设", Texts("", ""), Caller("王某"))
    now = datetime.now(LOCAL)
    for number in range(count):
        where, what = _WHERE[number % len(_WHERE)], _WHAT[number // len(_WHERE) % len(_WHAT)]
        texts = Texts(f"{where}{number}号{what}", f"市民反映{where}{number}号{what}。" * 4, places=(where,))
        phone = f"1380{number:07d}"
        async with database.unit_of_work() as uow:
            caller = Caller("王某", phone, phone)
            ticket = await service.create(uow, person, replace(new, texts=texts, caller=caller), now)
            given = {"main": "市住房和城乡建设局"}
            await service.do(uow, ticket.number, ticket.version, Act.DISPATCH, person, now, given)
