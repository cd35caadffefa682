"""The desk's page at the real Asterisk: an agent works a call by its keys, and the PBX does what they say."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from playwright.async_api import Page, expect

from facts.call import CallState, Outcome
from facts.call_control import Standing
from facts.transcript import Leg, LiveText
from tests.agents.conftest import Listening, Shift
from tests.agents.test_call_control_on_asterisk import loud
from tests.desk.browsing import page, typed_in
from tests.desk.conftest import quick_passwords, serving
from tests.desk.people import PASSWORD
from tests.pbx import AmiWitness
from tests.pbx_people import Telephones
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.app import create_app
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.store.knowledge_records import PhoneText

pytestmark = [pytest.mark.pbx, pytest.mark.browser]

__all__ = ["page", "quick_passwords"]

HOUSING = PhoneText("市住房和城乡建设局", "09798413371", "物业科", ("物业", "电梯"))


async def sign_in(page: Page, address: str, login: str) -> None:
    await typed_in(page, f"{address}/desk", login, PASSWORD)
    await expect(page.locator("#home-title")).to_be_visible()


async def test_an_agent_works_a_call_by_the_page_s_keys(
    at_work: Shift, telephones: Telephones, listening: Listening, ami: AmiWitness, page: Page
) -> None:
    settings, database = at_work.house.settings, at_work.database
    async with database.unit_of_work() as uow:
        await uow.users.add("zhang", auth.hash_password(PASSWORD), "agent")
        await uow.phones.put(HOUSING, "zhang")
    app = create_app(settings, database, at_work.house.hotline)
    async with contextlib.AsyncExitStack() as stack:
        broadcast = await stack.enter_async_context(LiveBroadcast(settings.live_socket))
        address = await stack.enter_async_context(serving(app, settings))
        phone, citizen, outside = (
            stack.enter_context(it)
            for it in (
                telephones.agent("agent101"),
                telephones.citizen("13900000061"),
                telephones.carrier(),
            )
        )
        await at_work.signed_in(phone)
        await sign_in(page, address, "zhang")

        # a real call: the page goes there by itself, and words appear
        call = await at_work.call(citizen, "agent101")
        key, legs = call.key, [("caller", call.key.uniqueid), ("agent", call.agent_legs[0].uniqueid)]
        await page.wait_for_url(f"**/desk/calls/{key}*")
        head = page.locator("#head")
        await expect(head).to_contain_text("录音中")
        await listening.hears(*legs)
        said = "我们小区电梯坏了想问一下住房和城乡建设局物业科的电话"
        broadcast.send(LiveText(str(key), Leg.CALLER, 0, True, said, 1.0, 4.0, stream="caller-1"))
        await expect(page.locator("#said .bubble.caller")).to_contain_text("电梯坏了")
        await expect(page.locator("#numbers")).to_contain_text(HOUSING.number)

        # one key: neither the recording nor the transcription has what is said now
        await page.keyboard.press("Alt+p")
        await expect(head).to_contain_text("录音和转写已暂停")
        await listening.hears()
        await asyncio.sleep(0.8)  # so long is the hole that must be in the recording
        await page.keyboard.press("Alt+p")
        await expect(head).to_contain_text("录音中")
        await listening.hears(*legs)

        # one key: the police join, the agent stays, then they leave again
        await page.keyboard.press("Alt+7")
        await expect(head).to_contain_text("三方通话中")
        assert outside.dialled == "110"
        outside.gone.clear()
        await head.locator('[data-do="drop"]').press("Enter")
        await at_work.standing(key, Standing.TALK)
        assert await asyncio.to_thread(outside.gone.wait, 10)
        await expect(head.locator('[data-do="drop"]')).to_have_count(0)

        # warm: the unit is asked first, then the caller is handed over, and the agent is free
        await page.locator("#numbers [role=listbox]").focus()
        await page.keyboard.press("Alt+x")
        await at_work.standing(key, Standing.CONSULT)
        await expect(head).to_contain_text(HOUSING.unit)
        assert outside.dialled == HOUSING.number
        await page.keyboard.press("Alt+x")
        handed = await at_work.standing(key, Standing.HANDED_OVER)
        assert handed
        assert not citizen.gone.is_set()
        await asyncio.to_thread(citizen.hang_up)
        row = await at_work.row(key, lambda it: it.state is CallState.ENDED)
    assert row.outcome is Outcome.ANSWERED
    assert await at_work.work.owner(key) == "agent101", "a unit owns no ticket"
    async with database.unit_of_work() as uow:
        moves = [(it.standing, it.owner, it.target) for it in await uow.moves.of_call(str(key))]
    assert moves[-2:] == [("handed_over", "agent101", HOUSING.unit), ("over", "agent101", None)]
    heard = loud(at_work, row, "")
    talk = heard[heard.index(True) :]
    assert any(not any(talk[at : at + 6]) for at in range(len(talk) - 6)), "the hole is in the recording"
