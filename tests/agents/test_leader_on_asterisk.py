"""A shift leader at the real Asterisk and the real pages: listens in, signs somebody out, all on record."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest

from config.settings import Settings
from facts.agents import AgentState
from telephony.ami.desk import SpyMode
from tests.agents.conftest import Shift
from tests.desk.conftest import quick_passwords
from tests.desk.people import PASSWORD, browser_of, csrf_of, signed_in
from tests.pbx import AmiWitness
from tests.pbx_people import Telephones
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.app import create_app

__all__ = ["quick_passwords"]

pytestmark = [pytest.mark.pbx]


async def visitor(at_work: Shift, settings: Settings, login: str, role: str) -> httpx.AsyncClient:
    """Somebody signed in to the pages."""
    async with at_work.database.unit_of_work() as uow:
        await uow.users.add(login, auth.hash_password(PASSWORD), role)
    app = create_app(settings, at_work.database, at_work.house.hotline)
    client = browser_of(app)
    await signed_in(client, login)
    return client


async def post(client: httpx.AsyncClient, path: str, **fields: str) -> int:
    page = await client.get("/agents")
    return (await client.post(path, data={"csrf": csrf_of(page), **fields})).status_code


@pytest.mark.usefixtures("quick_passwords")
async def test_a_leader_whispers_and_signs_somebody_out(
    at_work: Shift, telephones: Telephones, ami: AmiWitness
) -> None:
    settings = at_work.house.settings
    agent = await visitor(at_work, settings, "zhang", "agent")
    leader = await visitor(at_work, settings, "leader201", "shift_leader")
    boss = await visitor(at_work, settings, "boss", "admin")
    with contextlib.ExitStack() as phones:
        desk, ear = (phones.enter_context(telephones.agent(it)) for it in ("agent101", "leader201"))
        citizen = phones.enter_context(telephones.citizen("13900000071"))
        for telephone in (desk, ear):
            assert await asyncio.to_thread(telephone.register) == 200
        assert await post(agent, "/agents/me", do="sign_in") == 303
        ready = await at_work.stands("agent101", AgentState.READY)
        assert await post(leader, "/agents/look", agent="agent101", mode="monitor") == 409, "no talk yet"
        assert await asyncio.to_thread(citizen.call, "12345") == 200
        await at_work.stands("agent101", AgentState.TALKING)
        for stranger in (agent, boss):
            assert await post(stranger, "/agents/look", agent="agent101", mode="barge") == 403
            assert await post(stranger, "/agents/sign-out", agent="agent101", reason="越权") == 403
        assert await post(leader, "/agents/look", agent="agent101", mode="whisper") == 303
        assert await asyncio.to_thread(ear.answered.wait, 10)
        spying = await asyncio.to_thread(ami.wait_event, "ChanSpyStart", 10)
        assert spying["SpyeeChannel"].startswith("PJSIP/agent101-")
        assert spying["SpyerChannel"].startswith("PJSIP/leader201-")
        assert await post(leader, "/agents/sign-out", agent="agent101", reason="") == 409
        assert await post(leader, "/agents/sign-out", agent="agent101", reason="离岗未签出") == 303
        assert (await at_work.agent("agent101")).state is AgentState.TALKING, "the talk goes on"
        await asyncio.to_thread(citizen.hang_up)
        off = await at_work.stands("agent101", AgentState.OFF)
        assert off.since > ready.since
        assert await asyncio.to_thread(ear.gone.wait, 10), "the leader's ear ends with the talk"
        assert "今日工时" in (await leader.get("/agents")).text
    async with at_work.database.unit_of_work() as uow:
        lines = [(it.actor, it.action, it.reason) for it in await uow.audit.list(subject="agent101")]
    assert lines == [
        ("leader201", "agent-signed-out", "离岗未签出"),
        ("leader201", "call-whisper", None),
        ("leader201", "call-monitor", None),
    ]
    for client in (agent, leader, boss):
        await client.aclose()


async def test_who_hears_whom_when_a_leader_takes_part(
    at_work: Shift, telephones: Telephones, ami: AmiWitness
) -> None:
    """Each hums its own tone: what comes out of each telephone says who is heard there."""
    with contextlib.ExitStack() as phones:
        desk, ear = (phones.enter_context(telephones.agent(it)) for it in ("agent101", "leader201"))
        citizen = phones.enter_context(telephones.citizen("13900000072"))
        citizen.hum_period, desk.hum_period, ear.hum_period = 10, 8, 16
        await at_work.signed_in(desk)
        assert await asyncio.to_thread(ear.register) == 200
        await at_work.call(citizen, "agent101")
        heard_by = {
            SpyMode.MONITOR: (False, False),
            SpyMode.WHISPER: (True, False),
            SpyMode.BARGE: (True, True),
        }
        for mode, (agent, caller) in heard_by.items():
            ami.messages.clear()
            ear.answered.clear()
            ear.gone.clear()
            await at_work.work.look_in("leader201", "leader201", "agent101", mode)
            assert await asyncio.to_thread(ear.answered.wait, 10)
            await asyncio.to_thread(ami.wait_event, "ChanSpyStart", 10)
            heard = await asyncio.gather(
                *(
                    asyncio.to_thread(telephone.hears, of)
                    for telephone, of in ((ear, 10), (ear, 8), (desk, 16), (citizen, 16), (citizen, 8))
                )
            )
            assert heard == [True, True, agent, caller, True], mode
            await asyncio.to_thread(ear.hang_up)
