"""Calls that an agent answers."""

from __future__ import annotations

import time

from facts.caller_session import JourneyFact
from facts.prompts import prompt_name
from telephony.agi.session import AgiSession
from tests.telephony.call_fold.shapes.stage import CALLER, Stage, hangs_up, one_key, shape, step


@shape
def answered_caller_hangs_up(stage: Stage) -> None:
    with stage.talk(after_s=1.5) as talk:
        talk.caller.hang_up()


@shape
def answered_agent_hangs_up(stage: Stage) -> None:
    with stage.talk(after_s=1.0) as talk:
        talk.desk.hang_up()


@shape
def second_agent_answers(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.talk(by="agent102") as talk:
        talk.caller.hang_up()


@shape
def first_agent_declines(stage: Stage) -> None:
    with stage.agent("agent101", refuses="486 Busy Here"), stage.talk(by="agent102") as talk:
        talk.desk.hang_up()


@shape
def nobody_answers_then_the_same_agent(stage: Stage) -> None:
    with stage.agent("agent101", answers=False) as desk, stage.calling(CALLER) as caller:
        stage.ami.wait_event("AgentRingNoAnswer", CallerIDNum=CALLER)
        desk.answers = True
        stage.answered(CALLER)
        hangs_up(caller, 0.5)


@shape
def withheld_number(stage: Stage) -> None:
    with stage.agent("agent101"), stage.telephones.citizen("anonymous") as caller:
        assert caller.call("12345") == 200
        stage.ami.wait_event("AgentConnect")
        hangs_up(caller, 0.5)
        stage.ami.wait_event("HotlineEnded")


@shape
def two_at_once(stage: Stage) -> None:
    with (
        stage.agent("agent101"),
        stage.agent("agent102") as second_desk,
        stage.calling(CALLER) as first,
        stage.calling("13909790001"),
    ):
        stage.answered(CALLER)
        stage.answered("13909790001")
        hangs_up(second_desk, 0.5)
        hangs_up(first, 0.3)


@shape
def survey(stage: Stage) -> None:
    async def asks(session: AgiSession) -> None:
        await step(session, "ask")
        keys = await one_key(session, 5000)
        await session.report(JourneyFact.SURVEY, {"Score": keys.digits})

    stage.flows.leads["survey"] = asks
    with stage.talk() as talk:
        talk.desk.hang_up()
        stage.ami.wait_event("HotlineStep", Node="ask")
        time.sleep(0.3)
        talk.caller.press("4")


@shape
def survey_hung_up(stage: Stage) -> None:
    async def asks(session: AgiSession) -> None:
        await step(session, "ask")
        await one_key(session)

    stage.flows.leads["survey"] = asks
    with stage.talk() as talk:
        talk.desk.hang_up()
        stage.ami.wait_event("HotlineStep", Node="ask")
        hangs_up(talk.caller, 0.5)


@shape
def agent_puts_down_while_told_then_another(stage: Stage) -> None:
    """AGENTDUMP: the agent hangs up while the queue announces the call to the agent; the caller goes on."""
    notice = stage.pbx.settings.sounds / "moh" / "waiting" / prompt_name("请稍候。").rpartition("/")[2]
    announced = f"[main]\nannounce = {notice}"
    with (
        stage.pbx.configured("queues.conf", lambda it: it.replace("[main]", announced), "queue reload all"),
        stage.agent("agent101") as desk,
        stage.calling(CALLER) as caller,
    ):
        assert desk.answered.wait(30)
        hangs_up(desk, 1.0)
        stage.ami.wait_event("AgentDump")
        assert desk.register(expires_s=0) == 200
        with stage.agent("agent102"):
            stage.ami.wait_event("AgentConnect", 40, CallerIDNum=CALLER)
            hangs_up(caller, 0.5)
