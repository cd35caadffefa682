"""The roles telephony and flows at a real Asterisk: a call-back and a follow-up from end to end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta

import pytest

from config.hotline import DEFAULTS, load_hotline
from facts.call import Outcome
from ivr_flows import line_context, load_flow, prompt_texts
from ivr_flows.prompts import render_prompts
from telephony.pbx.program import AsteriskProgram
from tests.agents.conftest import Listening, heard_by, until
from tests.journeys.people import a_ticket
from tests.pbx import AmiWitness, RunningPbx, pbx_up
from tests.pbx_people import Telephones
from tests.sip_phone import wait_until
from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.house import House
from ticketing_bridge.journeys.dispatcher import LOCAL, LOOK_S
from ticketing_bridge.journeys.follow_ups import make_tasks
from ticketing_bridge.roles.flows import run_flows
from ticketing_bridge.roles.telephony import run_telephony
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import CallbackState, FollowUpState

pytestmark = [pytest.mark.pbx]
CITIZEN = "13900000061"


@pytest.fixture(scope="module")
def pbx(asterisk_program: AsteriskProgram) -> Iterator[RunningPbx]:
    """The built-in hotline with little to listen to, where anybody may be called at any hour."""
    hotline = load_hotline()
    lines = tuple(line.model_copy(update={"greeting": "您好。"}) for line in hotline.lines)
    always = hotline.callback.model_copy(update={"quiet_from": time(0), "quiet_to": time(0)})
    all_day = {"robot_from": time(0), "robot_to": time(23, 59, 59)}
    robot = hotline.follow_up.model_copy(update=all_day)
    changed = {"notice": "通话录音。", "lines": lines, "callback": always, "follow_up": robot}
    outside = free_port(socket.SOCK_DGRAM)
    with pbx_up(asterisk_program, hotline.model_copy(update=changed), outside_sip_port=outside) as found:
        for flow in ("callback", "follow_up"):
            said = load_flow(DEFAULTS / "flows" / f"{flow}.yaml")
            contexts = [line_context(found.hotline, found.hotline.lines[0])]
            render_prompts(prompt_texts(said, contexts), found.settings.sounds)
        yield found


@pytest.fixture
def ami(pbx: RunningPbx) -> Iterator[AmiWitness]:
    with pbx.reader() as witness:
        yield witness


@asynccontextmanager
async def serving(pbx: RunningPbx, database: Database) -> AsyncIterator[None]:
    """Both roles at work."""
    settings = pbx.settings.model_copy(update={"database_url": database.url})
    house = House(settings, pbx.hotline, pbx.secrets)
    roles = [asyncio.create_task(role(house)) for role in (run_telephony, run_flows)]
    try:
        async with asyncio.timeout(30):
            while socket.socket().connect_ex(("127.0.0.1", settings.agi_port)):
                assert not any(role.done() for role in roles), "a role ended"
                await asyncio.sleep(0.1)
        yield
    finally:
        for role in roles:
            role.cancel()
        await asyncio.gather(*roles, return_exceptions=True)


async def in_thread(work: Callable[[], object]) -> None:
    """What telephones do, which blocks."""
    await asyncio.to_thread(work)


async def test_a_citizen_asks_to_be_called_back_and_is(
    pbx: RunningPbx, ami: AmiWitness, database: Database
) -> None:
    telephones, ears = Telephones(pbx), Listening()

    def asks() -> None:
        with telephones.citizen(CITIZEN) as caller:
            assert caller.call("12345") == 200
            ami.wait_event("QueueCallerJoin", 40, CallerIDNum=CITIZEN)
            caller.press("9")
            ami.wait_event("HotlineFlow", Status="entered", Flow="callback")
            ami.read(1.0)
            caller.press("1")
            ami.wait_event("HotlineFact", Fact="callback")
            assert caller.gone.wait(40), "the promise is said, and the call is over"

    def is_called() -> None:
        with telephones.carrier() as citizen, telephones.agent("agent101") as desk:
            ami.wait_event("HotlineCallback", Status="queued")
            assert desk.register() == 200
            reached = ami.wait_event("HotlineCallback", 60, Status="reached")
            taken = ami.wait_event("HotlineCallback", Status="agent")
            assert (citizen.dialled, citizen.shown) == (CITIZEN, "12345")
            ami.wait_event("BridgeEnter", Uniqueid=reached["Uniqueid"])
            legs = {("caller", reached["Uniqueid"]), ("agent", taken["Uniqueid"])}
            assert wait_until(lambda: all(max(ears.frames.get(it, ()), default=0) > 100 for it in legs))
            assert not citizen.gone.wait(2 * LOOK_S), "they talk as long as they like"
            citizen.hang_up()
            ami.wait_event("HotlineCallback", Status="left")

    async with heard_by(ears, pbx.settings), serving(pbx, database):
        await in_thread(asks)
        await in_thread(is_called)

        async def done() -> bool:
            async with database.unit_of_work() as uow:
                (owed,) = await uow.callbacks.newest()
                return owed.state is CallbackState.REACHED and owed.channel is None

        await until(done)
    async with database.unit_of_work() as uow:
        (owed,) = await uow.callbacks.newest()
        (attempt,) = await uow.callbacks.attempts([owed.id])
        (call,) = await uow.calls.list()
    assert (call.outcome, call.caller_number) == (Outcome.CALLBACK_REQUESTED, CITIZEN)
    assert (owed.call, owed.arrived_at, owed.attempts) == (str(call.key), call.arrived_at, 1)
    assert (attempt.agent, attempt.result) == ("agent101", "reached")
    assert attempt.recording
    assert {request.call for request in ears.requests} == {call.key}, "heard as that call"
    async with database.unit_of_work() as uow:
        assert (await uow.jobs.unfinished()).get("draft") == 1
    assert [step.node for step in call.steps if step.flow == "callback"] == ["offer", "promised"]


async def test_a_citizen_is_asked_how_it_went(pbx: RunningPbx, ami: AmiWitness, database: Database) -> None:
    now = datetime.now(LOCAL)
    async with database.unit_of_work() as uow:
        await uow.tickets.upsert([a_ticket(phone=CITIZEN, closed_at=now, updated_at=now)])
        await uow.tickets.put_contacts([("GEM20260001", CITIZEN)])
        await make_tasks(uow, pbx.hotline, "city", now - timedelta(days=1), None, 10, now)

    def answers() -> None:
        with Telephones(pbx).carrier() as citizen:
            ami.wait_event("HotlineFollowUp", Status="answered")
            ami.wait_event("HotlineStep", 60, Node="matter")
            for node in ("self", "solved", "satisfied"):
                ami.read(1.0)
                citizen.press("1")
                ami.wait_event("HotlineStep", 60, Node=node)
            assert citizen.gone.wait(60), "the robot says goodbye"
            ami.wait_event("HotlineFollowUp", Status="done")

    async with serving(pbx, database):
        await in_thread(answers)

        async def done() -> bool:
            async with database.unit_of_work() as uow:
                (task,) = await uow.follow_ups.newest()
                return task.state is FollowUpState.DONE

        await until(done)
    async with database.unit_of_work() as uow:
        (task,) = await uow.follow_ups.newest()
        said = {it.question: it.answer for it in await uow.follow_ups.answers([task.id])}
        assert await uow.calls.list() == [], "no citizen's call"
    assert said == {"是否解决": "已解决", "是否满意": "满意", "回访结果": "完成"}
    assert (task.attempts, task.recording is not None) == (1, True)
