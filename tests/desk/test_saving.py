"""Sheets that are saved in the same moment: each whole or refused by itself, together in one transaction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import httpx
import pytest

from facts.gathering import Gathering
from tests.desk.people import PASSWORD, House, answered_call, browser_of, csrf_of, key_of, signed_in, stored
from ticketing_bridge.access import Role
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.workplace import saving
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.store.workplace_records import SheetState
from ticketing_bridge.tickets import TicketExists

GOOD = {
    "title": "路灯不亮",
    "purpose": "求助",
    "appeal": "城乡建设",
    "content": "昆仑路路灯不亮。",
    "unit": "市城市管理局",
}
Answer = tuple[int, dict[str, object]]


async def opened(house: House, agent: httpx.AsyncClient, calls: int) -> str:
    """So many calls that are over, with their sheets; the form's token."""
    await stored(house.database, *(answered_call(key_of(it)) for it in range(calls)))
    pages = [await agent.get(f"/desk/calls/{key_of(it)}") for it in range(calls)]
    return csrf_of(pages[0])


async def pressed(
    agent: httpx.AsyncClient, token: str, forms: Sequence[tuple[int, Mapping[str, str]]]
) -> list[Answer]:
    """All of these save in one moment."""
    answers = await asyncio.gather(
        *(
            agent.post(
                f"/desk/calls/{key_of(call)}/1/save",
                json=dict(form),
                headers={"accept": "application/json", "x-csrf-token": token},
            )
            for call, form in forms
        )
    )
    return [(it.status_code, it.json()) for it in answers]


async def made_of(house: House, call: int) -> list[str]:
    """Tickets of a call; its sheet says the same."""
    key = str(key_of(call))
    async with house.database.unit_of_work() as uow:
        tickets = [it.number for it in await uow.desk_tickets.find(TicketFilter(call=key))]
        sheet = await uow.sheets.get(key, 1)
        assert sheet is not None
        assert (sheet.state, sheet.ticket) == (
            (SheetState.SAVED, tickets[0]) if tickets else (SheetState.OPEN, None)
        )
        for number in tickets:
            assert [it.act for it in await uow.desk_tickets.history(number)][:1] == ["create"]
    return tickets


async def test_what_is_refused_in_the_same_moment_keeps_nobody_from_saving(
    house: House, agent: httpx.AsyncClient
) -> None:
    token = await opened(house, agent, 6)
    answer = {**GOOD, "do": "answer", "answer": "已告知办理时间。"}
    told = await pressed(
        agent,
        token,
        [
            (0, GOOD),
            (1, {**GOOD, "unit": "市路灯局"}),
            (2, {**GOOD, "content": ""}),
            (3, answer),
            (4, GOOD),
            (4, {**GOOD, "title": "另一页"}),
            (5, {"do": "drop"}),
            (0, {**GOOD, "do": "fly"}),
        ],
    )
    assert [status for status, _ in told] == [200, 409, 422, 200, 200, 423, 200, 422]
    for call, answered in ((0, told[0]), (3, told[3]), (4, told[4])):
        assert await made_of(house, call) == [answered[1]["ticket"]]
    assert told[5][1]["ticket"] == told[4][1]["ticket"], "who comes second is told of the first one's"
    assert await made_of(house, 1) == []
    async with house.database.unit_of_work() as uow:
        assert len(await uow.desk_tickets.find(TicketFilter())) == 3


async def test_a_transaction_that_is_void_is_done_again_one_by_one(
    house: House, agent: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await opened(house, agent, 3)
    kept, sizes = saving.kept, []

    async def void_together(uow, service, matters, now):  # type: ignore[no-untyped-def]
        sizes.append(len(matters))
        done = await kept(uow, service, matters, now)
        if len(matters) > 1:
            raise TicketExists("2026112700018")
        return done

    monkeypatch.setattr(saving, "kept", void_together)
    told = await pressed(agent, token, [(it, GOOD) for it in range(3)])
    assert [status for status, _ in told] == [200] * 3
    assert max(sizes) > 1, "nobody was saved together with somebody"
    for call in range(3):
        assert await made_of(house, call) == [told[call][1]["ticket"]]


class Slow:
    """Answers with what it was asked for, when it is let."""

    def __init__(self) -> None:
        self.turns: list[list[int]] = []
        self.go = asyncio.Semaphore(0)

    async def __call__(self, asked: Sequence[int]) -> Sequence[int | Exception]:
        self.turns.append([*asked])
        await self.go.acquire()
        if 13 in asked:
            raise ValueError("thirteen")
        return [LookupError(str(it)) if it < 0 else it for it in asked]


async def test_who_comes_while_others_are_served_goes_with_the_next_turn() -> None:
    slow = Slow()
    async with Gathering(slow, most=3) as gathering:
        asked = [asyncio.create_task(gathering(1))]
        await asyncio.sleep(0)
        asked += [asyncio.create_task(gathering(it)) for it in (2, -3, 4, 5)]
        await asyncio.sleep(0)
        asked[3].cancel()
        for _ in range(3):
            slow.go.release()
        told = await asyncio.gather(*asked, return_exceptions=True)
    assert slow.turns == [[1], [2, -3], [5]]
    assert [it if isinstance(it, int) else type(it) for it in told] == [
        1,
        2,
        LookupError,
        asyncio.CancelledError,
        5,
    ]


async def test_what_fails_as_a_whole_fails_for_that_turn_alone() -> None:
    slow = Slow()
    async with Gathering(slow, most=2) as gathering:
        for _ in range(2):
            slow.go.release()
        told = await asyncio.gather(*(gathering(it) for it in (13, 1, 2)), return_exceptions=True)
    assert [repr(it) for it in told] == ["ValueError('thirteen')", "ValueError('thirteen')", "2"]


async def test_what_is_no_object_of_texts_is_refused(house: House, agent: httpx.AsyncClient) -> None:
    token = await opened(house, agent, 1)
    address = f"/desk/calls/{key_of(0)}/1/save"
    right = {"content-type": "application/json", "x-csrf-token": token}
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"do": 1}',
        b'{"title": null}',
        b'{"title": "a\\u0000b"}',
        b'{"title": "\\ud800"}',
        b"[" * 9000,
    ):
        assert (await agent.post(address, content=body, headers=right)).status_code == 422, body
    strange = {"content-type": "application/json", "x-csrf-token": "0" * 64}
    assert (await agent.post(address, content=b'{"do": "save"}', headers=strange)).status_code == 403
    assert (await agent.post(address, json={**GOOD, "csrf": token})).status_code == 303
    assert len(await made_of(house, 0)) == 1


async def test_only_who_works_on_tickets_saves_and_only_calls_that_are_theirs_to_know(
    house: House, agent: httpx.AsyncClient
) -> None:
    token = await opened(house, agent, 1)
    async with house.database.unit_of_work() as uow:
        await uow.users.add("looks", auth.hash_password(PASSWORD), Role.AUDITOR)
    async with browser_of(house.app) as other:
        assert (await other.post(f"/desk/calls/{key_of(0)}/1/save", json=GOOD)).status_code == 303
        await signed_in(other, "looks")
        assert (await other.post(f"/desk/calls/{key_of(0)}/1/save", json=GOOD)).status_code == 403
    secret = {**GOOD, "confidential": "1"}
    ((status, _),) = await pressed(agent, token, [(0, secret)])
    assert status == 200
    async with house.database.unit_of_work() as uow:
        await uow.users.add("second", auth.hash_password(PASSWORD), Role.AGENT)
    async with browser_of(house.app) as other:
        await signed_in(other, "second")
        refused = await other.post(f"/desk/calls/{key_of(0)}/1/save", json=GOOD)
    assert refused.status_code == 403
    async with house.database.unit_of_work() as uow:
        assert [
            it.actor for it in await uow.audit.list(subject=str(key_of(0))) if "refused" in it.action
        ] == ["second"]


async def test_an_address_with_no_such_matter_is_none(house: House, agent: httpx.AsyncClient) -> None:
    token = await opened(house, agent, 1)
    for matter in ("0", "6", "x", "9" * 5000):
        answer = await agent.post(
            f"/desk/calls/{key_of(0)}/{matter}/save", json=GOOD, headers={"x-csrf-token": token}
        )
        assert answer.status_code == 404, matter[:9]


async def test_json_says_what_it_says_with_its_charset_named(house: House, agent: httpx.AsyncClient) -> None:
    token = await opened(house, agent, 1)
    kind = {"content-type": "application/json; charset=utf-8", "x-csrf-token": token}
    address = f"/desk/calls/{key_of(0)}/1/save"
    assert (await agent.post(address, content=json.dumps(GOOD), headers=kind)).status_code == 303
    async with house.database.unit_of_work() as uow:
        (ticket,) = await uow.desk_tickets.find(TicketFilter(call=str(key_of(0))))
    assert ticket.main_unit == GOOD["unit"]
