"""Tickets on the page: a unit reads the matter and never the person; nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
import pytest_asyncio

from tests.desk.people import PASSWORD, House, answered_call, browser_of, csrf_of, signed_in, stored
from tests.tickets.city import HOUSING, LEADER, LIFT, NAME, PHONE, POLICE, REPORT, done, taken
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.casework import lists_page
from ticketing_bridge.desk.desk import utc_now
from ticketing_bridge.tickets import Act, NewTicket, Ticket, TicketService
from ticketing_bridge.tickets.watching import watch

TELLS = (NAME, PHONE, "盐湖集团", "三号楼")
ACCOUNTS = (
    ("li", "shift_leader", None),
    ("zhao", "shift_leader", None),
    ("housing", "unit", HOUSING),
    ("police", "unit", POLICE),
)


@dataclass(frozen=True, slots=True)
class Town:
    """A served desk, its tickets, and people who are signed in."""

    house: House
    people: dict[str, httpx.AsyncClient]

    @property
    def service(self) -> TicketService:
        return TicketService(self.house.app.state.desk.office)

    async def taken(self, new: NewTicket) -> Ticket:
        return await taken(self.house.database, self.service, new, utc_now())

    async def done(self, ticket: Ticket, act: Act, given: dict[str, object] | None = None) -> Ticket:
        acts = (act, LEADER, given or {})
        return await done(self.house.database, self.service, ticket, acts, at=utc_now())

    async def post(self, who: str, ticket: Ticket, path: str, **fields: object) -> httpx.Response:
        page = await self.people[who].get(f"/tickets/{ticket.number}")
        data = {"csrf": csrf_of(page), "version": ticket.version, **fields}
        return await self.people[who].post(f"/tickets/{ticket.number}/{path}", data=data)


@pytest_asyncio.fixture
async def town(house: House) -> AsyncIterator[Town]:
    people = {}
    async with house.database.unit_of_work() as uow:
        for login, role, unit in ACCOUNTS:
            await uow.users.add(login, auth.hash_password(PASSWORD), role, unit)
    for login in ("wang", *(login for login, _, _ in ACCOUNTS)):
        people[login] = browser_of(house.app)
        assert (await signed_in(people[login], login)).status_code == 303
    yield Town(house, people)
    for client in people.values():
        await client.aclose()


async def test_a_report_on_the_page(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 举报 naming a unit, from the sender's preview to the unit's page and its export."""
    monkeypatch.setattr(lists_page, "EXPORTED", 1)
    older, ticket = await town.taken(LIFT), await town.taken(REPORT)
    whole = (await town.people["li"].get("/tickets.csv")).text
    assert (whole.count(older.number), whole.count(ticket.number)) == (1, 1)
    refused = await town.post("wang", ticket, "act", act="dispatch", main="公安局")
    assert refused.status_code == 422
    assert "须经两人确认" in refused.text
    seen = await town.post("wang", ticket, "preview", unit_content="我住三号楼，举报民警收钱。")
    assert '<mark class="tells"' in seen.text
    seen = await town.post("wang", ticket, "preview")
    assert "民警收钱" in seen.text
    async with town.house.database.unit_of_work() as uow:
        lines = [(it.actor, it.action) for it in await uow.audit.list(subject=ticket.number)]
    assert lines.count(("wang", "caller-compared")) == 2
    assert not [tell for tell in TELLS if tell in seen.text]
    assert (await town.post("wang", ticket, "act", act="dispatch", main=HOUSING)).status_code == 303
    for path in ("/unit", f"/tickets/{ticket.number}", "/unit/tickets.csv", "/unit?list=unsigned"):
        page = await town.people["housing"].get(path)
        assert page.status_code == 200
        assert ticket.number in page.text
        words = page.text.partition("<datalist")[0]  # the names of all units
        assert not [tell for tell in TELLS if tell in words], path
    for path in ("/unit", "/unit/tickets.csv"):
        assert ticket.number not in (await town.people["police"].get(path)).text
    assert (await town.people["police"].get(f"/tickets/{ticket.number}")).status_code == 404
    asked = await town.post("housing", ticket, "caller", reason="想联系")
    assert asked.status_code == 403
    shown = await town.post("li", ticket, "caller", reason="回电核实")
    assert PHONE in shown.text
    async with town.house.database.unit_of_work() as uow:
        lines = await uow.audit.list(subject=ticket.number)
    assert ("li", "回电核实") in [(it.actor, it.reason) for it in lines]
    assert "housing" in {it.actor for it in lines if it.action == "confidential-viewed"}
    assert "看过这件工单的" in (await town.people["li"].get(f"/tickets/{ticket.number}")).text


async def test_a_second_person_confirms_and_lowering_needs_one_too(town: Town) -> None:
    ticket = await town.taken(REPORT)
    asked = await town.post("li", ticket, "ask", kind="admit_named_unit", units=POLICE, reason="纪检组已同意")
    assert asked.status_code == 303
    async with town.house.database.unit_of_work() as uow:
        (approval,) = await uow.approvals.waiting(ticket.number)
    alone = await town.post("li", ticket, "decide", approval=approval.id, granted="yes")
    assert alone.status_code == 422
    assert "不能同时" in alone.text
    assert (await town.post("zhao", ticket, "decide", approval=approval.id, granted="yes")).status_code == 303
    sent = await town.post("wang", replace(ticket, version=2), "act", act="dispatch", main=POLICE)
    assert sent.status_code == 303
    assert (await town.people["police"].get(f"/tickets/{ticket.number}")).status_code == 200


async def test_who_comes_second_keeps_what_was_typed(town: Town) -> None:
    ticket = await town.taken(LIFT)
    assert (await town.post("wang", ticket, "act", act="note", note="市民又来电")).status_code == 303
    late = await town.post("li", ticket, "act", act="note", note="我写了很久的说明")
    assert late.status_code == 409
    assert "别人刚刚改动过" in late.text
    assert "我写了很久的说明" in late.text
    assert "市民又来电" in late.text
    missing = await town.post("li", replace(ticket, version=2), "act", act="answer_online", answer="  ")
    assert missing.status_code == 422
    assert "请填写“答复内容”" in missing.text


async def test_the_office_pages(town: Town) -> None:
    """Decisions with a proposed rule and its replay, warnings, figures, a special action, the log."""
    ticket = await town.taken(LIFT)
    ticket = await town.done(ticket, Act.DISPATCH, {"main": POLICE})
    ticket = await town.done(ticket, Act.OBJECT, {"reason": "电梯归住建"})
    ticket = await town.done(ticket, Act.UPHOLD, {"main": HOUSING, "reason": "住宅电梯"})
    late = utc_now().replace(year=utc_now().year + 1)
    async with town.house.database.unit_of_work() as uow:
        assert await watch(uow, town.house.app.state.desk.office, late) == 2
        assert await watch(uow, town.house.app.state.desk.office, late) == 0
    page = await town.people["li"].get("/casework/decisions")
    assert "超期未办" in page.text
    assert "电梯" in page.text
    assert "超期未办" in (await town.people["housing"].get("/unit")).text
    assert "按时办结率" in (await town.people["li"].get("/casework/figures")).text
    token = csrf_of(page)
    begun = {
        "csrf": token, "title": "电梯安全整治", "aim": "排查老旧电梯", "responsible": "王局长",
        "begins_on": "2026-11-01", "ends_on": "2026-12-31", "tickets": ticket.number,
    }  # fmt: skip
    assert (await town.people["li"].post("/casework/actions", data=begun)).status_code == 303
    measure = {
        "csrf": token,
        "version": 1,
        "measure": "逐台检查",
        "responsible": "李科长",
        "due_on": "2026-12-01",
    }
    assert (await town.people["li"].post("/casework/actions/1", data=measure)).status_code == 303
    early = await town.people["li"].post(
        "/casework/actions/1", data={"csrf": token, "version": 2, "result": "完成"}
    )
    assert early.status_code == 422
    done = {"csrf": token, "version": 2, "done": "0", "note": "查了65台"}
    assert (await town.people["li"].post("/casework/actions/1", data=done)).status_code == 303
    assert "查了65台" in (await town.people["li"].get("/casework/actions")).text
    rule = {"csrf": token, "adopt": "yes"}
    assert (await town.people["li"].post("/casework/rules/1", data=rule)).status_code == 303
    async with town.house.database.unit_of_work() as uow:
        (adopted,) = await uow.undertakings.rules("adopted")
    assert adopted.to_unit == HOUSING
    assert adopted.replay == {"prevented": [ticket.number], "spoiled": [], "confirmed": 0}


async def test_the_call_of_a_secret_is_closed_to_those_who_must_not_know(town: Town) -> None:
    """Its page, its words, its search and its drafts: open to the taker and to leaders, on record."""
    call = answered_call()
    await stored(town.house.database, call, with_words=True)
    async with town.house.database.unit_of_work() as uow:
        await uow.users.add("chen", auth.hash_password(PASSWORD), "agent")
    async with browser_of(town.house.app) as other:
        await signed_in(other, "chen")
        assert (await other.get(f"/calls/{call.key}")).status_code == 200
        await town.taken(replace(REPORT, call=str(call.key)))
        for path in (f"/calls/{call.key}", f"/calls/{call.key}/transcript.json?kind=live"):
            assert (await other.get(path)).status_code == 403, path
            assert (await town.people["wang"].get(path)).status_code == 200, path
            assert (await town.people["li"].get(path)).status_code == 200, path
        drafts = (await other.get("/drafts")).text
        assert str(call.key) not in drafts
        assert str(call.key) in (await town.people["li"].get("/drafts")).text
    async with town.house.database.unit_of_work() as uow:
        lines = [(it.actor, it.action) for it in await uow.audit.list(subject=str(call.key))]
    assert ("chen", "call-refused") in lines
    assert ("chen", "call-viewed") in lines
    assert ("li", "confidential-viewed") in lines


async def test_numbers_that_no_row_can_have_are_no_fault(town: Town) -> None:
    ticket, huge = await town.taken(LIFT), "9" * 23
    leader = town.people["li"]
    for path in (
        f"/callbacks/{huge}",
        f"/followup/{huge}",
        "/casework/figures?from=0001-01-01&to=9999-12-31",
    ):
        assert (await leader.get(path)).status_code == 422, path
    assert (await town.post("li", ticket, "decide", approval=huge, granted="yes")).status_code == 422
    begun = {
        "title": "清欠",
        "aim": "清欠",
        "responsible": "李",
        "begins_on": "2026-11-01",
        "ends_on": "2026-12-01",
    }
    csrf = csrf_of(await leader.get("/casework/actions"))
    assert (await leader.post("/casework/actions", data={"csrf": csrf, **begun})).status_code == 303
    for form in ({"version": huge}, {"version": "9", "done": "9" * 5000}):
        assert (await leader.post("/casework/actions/1", data={"csrf": csrf, **form})).status_code == 422
