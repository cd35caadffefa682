"""Calls that nobody answers."""

from __future__ import annotations

import time

from telephony.agi.session import AgiSession
from tests.telephony.call_fold.shapes.stage import CALLER, Stage, hangs_up, one_key, shape, step


@shape
def hangs_up_at_once(stage: Stage) -> None:
    with stage.calling(CALLER) as caller:
        caller.hang_up()


@shape
def hangs_up_in_notice(stage: Stage) -> None:
    with stage.calling(CALLER) as caller:
        hangs_up(caller, 0.8)


@shape
def hangs_up_in_flow(stage: Stage) -> None:
    async def waits(session: AgiSession) -> None:
        await session.enter("greeting", {"Flow": "main"})
        await one_key(session)

    stage.flows.leads["main"] = waits
    with stage.calling(CALLER) as caller:
        stage.ami.wait_event("HotlineFlow", Status="entered")
        hangs_up(caller, 0.8)


@shape
def hangs_up_in_queue(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.calling(CALLER) as caller:
        stage.ami.wait_event("AgentCalled")
        hangs_up(caller, 1.2)


@shape
def queue_timeout(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.calling(CALLER, "8410003"):
        stage.joined(CALLER, "short")


@shape
def queue_timeout_hung_up(stage: Stage) -> None:
    """A hang-up within the queue's patience is no timeout."""
    with stage.calling(CALLER, "8410003") as caller:
        stage.joined(CALLER, "short")
        hangs_up(caller, 1.0)


@shape
def queue_full(stage: Stage) -> None:
    async def sorry(session: AgiSession) -> None:
        await step(session, "sorry")
        await session.hang_up()

    stage.flows.leads["no_agent"] = sorry
    with stage.calling(CALLER, "8410001") as waits:
        stage.joined(CALLER, "tight")
        with stage.calling("13909790001", "8410001"):
            pass
        waits.hang_up()


@shape
def join_empty(stage: Stage) -> None:
    with stage.calling(CALLER, "8410002"):
        pass


@shape
def leave_empty(stage: Stage) -> None:
    with stage.agent("agent101", answers=False) as desk, stage.calling(CALLER, "8410005"):
        stage.joined(CALLER, "leave")
        assert desk.ringing.wait(30)
        assert desk.register(expires_s=0) == 200


@shape
def hung_up_by_the_pbx(stage: Stage) -> None:
    with stage.calling(CALLER):
        stage.joined(CALLER)
        time.sleep(0.5)
        stage.pbx.cli(f"channel request hangup {stage.channel(CALLER)}")


@shape
def flow_server_lost(stage: Stage) -> None:
    """The flows' server says nothing more; the caller is taken out of the flow, and waits."""

    async def silent(session: AgiSession) -> None:
        await one_key(session, 60_000)

    stage.flows.leads["main"] = silent
    with stage.calling(CALLER) as caller:
        stage.ami.wait_event("HotlineFlow", Status="entered")
        time.sleep(0.5)
        stage.redirect(stage.channel(CALLER), "hotline-rescue", "s")
        stage.joined(CALLER)
        hangs_up(caller, 0.5)
