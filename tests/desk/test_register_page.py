"""A matter is registered at the counter on a telephone's screen: once, however often the key is pressed."""

from __future__ import annotations

import re

import httpx

from tests.desk.people import House, csrf_of
from ticketing_bridge.store.desk_ticket_records import TicketFilter


async def test_a_matter_is_taken_once(house: House, agent: httpx.AsyncClient) -> None:
    page = await agent.get("/register")
    once = re.search(r'name="once" value="([^"]+)"', page.text)
    assert once
    form = {
        "csrf": csrf_of(page), "once": once[1], "title": "路灯不亮", "content": "八一路路灯不亮",
        "purpose": "投诉", "appeal": "城乡建设", "phone": "139 0979 1234", "confidential": "true",
    }  # fmt: skip
    wrong = await agent.post("/register", data={**form, "title": " "})
    assert (wrong.status_code, "请写明标题和内容" in wrong.text) == (422, True)
    assert once[1] in wrong.text
    answers = [await agent.post("/register", data=form) for _ in range(2)]
    assert {it.headers["location"] for it in answers} == {answers[0].headers["location"]}
    done = await agent.get(answers[0].headers["location"])
    assert "已受理，工单号" in done.text
    async with house.database.unit_of_work() as uow:
        (ticket,) = await uow.desk_tickets.find(TicketFilter())
    assert (ticket.channel, ticket.confidential, ticket.state) == ("现场登记", True, "received")
