"""Calls that an agent answers."""

from __future__ import annotations

import time

from facts.caller_session import JourneyFact
from facts.prompts import prompt_name
from telephony.agi.session import AgiSession
from tests.telephony.call_fold.shapes.stage import Stage, shape, step


@shape
def answered_caller_hangs_up(stage: Stage) -> None:
    with stage.agent("agent101"), stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(1.5)
        caller.hang_up()


@shape
def answered_agent_hangs_up(stage: Stage) -> None:
    with stage.agent("agent101") as desk, stage.calling("13997361508"):
        stage.answered("13997361508")
        time.sleep(1.0)
        desk.hang_up()


@shape
def second_agent_answers(stage: Stage) -> None:
    with (
        stage.agent("agent101", answers=False),
        stage.agent("agent102"),
        stage.calling("13997361508") as caller,
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def first_agent_declines(stage: Stage) -> None:
    with (
        stage.agent("agent101", refuses="486 Busy Here"),
        stage.agent("agent102") as desk,
        stage.calling("13997361508"),
    ):
        stage.answered("13997361508")
        time.sleep(0.5)
        desk.hang_up()


@shape
def nobody_answers_then_the_same_agent(stage: Stage) -> None:
    with stage.agent("agent101", answers=False) as desk, stage.calling("13997361508") as caller:
        stage.ami.wait_event("AgentRingNoAnswer", 15, CallerIDNum="13997361508")
        desk.answers = True
        stage.answered("13997361508")
        time.sleep(0.5)
        caller.hang_up()


@shape
def withheld_number(stage: Stage) -> None:
    with stage.agent("agent101"), stage.telephones.citizen("anonymous") as caller:
        assert caller.call("12345") == 200
        stage.ami.wait_event("AgentConnect", 15)
        time.sleep(0.5)
        caller.hang_up()
        stage.ami.wait_event("HotlineEnded", 10)


@shape
def two_at_once(stage: Stage) -> None:
    with (
        stage.agent("agent101"),
        stage.agent("agent102") as second_desk,
        stage.calling("13997361508") as first,
        stage.calling("13909790001"),
    ):
        stage.answered("13997361508")
        stage.answered("13909790001")
        time.sleep(0.5)
        second_desk.hang_up()
        time.sleep(0.3)
        first.hang_up()


@shape
def survey(stage: Stage) -> None:
    async def asks(session: AgiSession) -> None:
        await step(session, "ask")
        keys = await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=5000, between_timeout_ms=100
        )
        await session.report(JourneyFact.SURVEY, {"Score": keys.digits})

    stage.flows.leads["survey"] = asks
    with stage.agent("agent101") as desk, stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(0.5)
        desk.hang_up()
        stage.ami.wait_event("HotlineStep", 10, Node="ask")
        time.sleep(0.3)
        caller.press("4")


@shape
def survey_hung_up(stage: Stage) -> None:
    async def asks(session: AgiSession) -> None:
        await step(session, "ask")
        await session.collect([], max_digits=1, terminator="", first_timeout_ms=9000, between_timeout_ms=100)

    stage.flows.leads["survey"] = asks
    with stage.agent("agent101") as desk, stage.calling("13997361508") as caller:
        stage.answered("13997361508")
        time.sleep(0.5)
        desk.hang_up()
        stage.ami.wait_event("HotlineStep", 10, Node="ask")
        time.sleep(0.5)
        caller.hang_up()


@shape
def agent_puts_down_while_told_then_another(stage: Stage) -> None:
    """AGENTDUMP: the agent hangs up while the queue announces the call to the agent; the caller goes on."""
    config = stage.pbx.pbx.paths.etc / "queues.conf"
    before = config.read_text()
    notice = stage.pbx.settings.sounds / "moh" / "waiting" / prompt_name("请稍候。").rpartition("/")[2]
    config.write_text(before.replace("[main]", f"[main]\nannounce = {notice}"))
    stage.pbx.cli("queue reload all")
    try:
        with stage.agent("agent101") as desk, stage.calling("13997361508") as caller:
            assert desk.answered.wait(15)
            time.sleep(1.0)
            desk.hang_up()
            stage.ami.wait_event("AgentDump", 10)
            assert desk.register(expires_s=0) == 200
            with stage.agent("agent102"):
                stage.ami.wait_event("AgentConnect", 40, CallerIDNum="13997361508")
                time.sleep(0.5)
                caller.hang_up()
    finally:
        config.write_text(before)
        stage.pbx.cli("queue reload all")
