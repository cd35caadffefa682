"""Calls that nobody answers."""

from __future__ import annotations

import time

from telephony.agi.session import AgiSession
from tests.telephony.call_fold.shapes.stage import Stage, shape, step


@shape
def hangs_up_at_once(stage: Stage) -> None:
    with stage.calling("13997361508") as caller:
        caller.hang_up()


@shape
def hangs_up_in_notice(stage: Stage) -> None:
    with stage.calling("13997361508") as caller:
        time.sleep(0.8)
        caller.hang_up()


@shape
def hangs_up_in_flow(stage: Stage) -> None:
    async def waits(session: AgiSession) -> None:
        await session.enter("greeting", {"Flow": "main"})
        await session.collect([], max_digits=1, terminator="", first_timeout_ms=9000, between_timeout_ms=100)

    stage.flows.leads["main"] = waits
    with stage.calling("13997361508") as caller:
        stage.ami.wait_event("HotlineFlow", 10, Status="entered")
        time.sleep(0.8)
        caller.hang_up()


@shape
def hangs_up_in_queue(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.calling("13997361508") as caller:
        stage.ami.wait_event("AgentCalled", 15)
        time.sleep(1.2)
        caller.hang_up()


@shape
def queue_timeout(stage: Stage) -> None:
    with stage.agent("agent101", answers=False), stage.calling("13997361508", "8410003"):
        stage.joined("13997361508", "short")


@shape
def queue_timeout_hung_up(stage: Stage) -> None:
    """A hang-up within the queue's patience is no timeout."""
    with stage.calling("13997361508", "8410003") as caller:
        stage.joined("13997361508", "short")
        time.sleep(1.0)
        caller.hang_up()


@shape
def queue_full(stage: Stage) -> None:
    async def sorry(session: AgiSession) -> None:
        await step(session, "sorry")
        await session.hang_up()

    stage.flows.leads["no_agent"] = sorry
    with stage.calling("13997361508", "8410001") as waits:
        stage.joined("13997361508", "tight")
        with stage.calling("13909790001", "8410001"):
            pass
        waits.hang_up()


@shape
def join_empty(stage: Stage) -> None:
    with stage.calling("13997361508", "8410002"):
        pass


@shape
def leave_empty(stage: Stage) -> None:
    with stage.agent("agent101", answers=False) as desk, stage.calling("13997361508", "8410005"):
        stage.joined("13997361508", "leave")
        assert desk.ringing.wait(10)
        assert desk.register(expires_s=0) == 200


@shape
def hung_up_by_the_pbx(stage: Stage) -> None:
    with stage.calling("13997361508"):
        stage.joined("13997361508")
        time.sleep(0.5)
        stage.pbx.cli(f"channel request hangup {stage.channel('13997361508')}")


@shape
def flow_server_lost(stage: Stage) -> None:
    """The flows' server says nothing more; the caller is taken out of the flow, and waits."""

    async def silent(session: AgiSession) -> None:
        await session.collect(
            [], max_digits=1, terminator="", first_timeout_ms=60_000, between_timeout_ms=100
        )

    stage.flows.leads["main"] = silent
    with stage.calling("13997361508") as caller:
        stage.ami.wait_event("HotlineFlow", 10, Status="entered")
        time.sleep(0.5)
        stage.redirect(stage.channel("13997361508"), "hotline-rescue", "s")
        stage.joined("13997361508")
        time.sleep(0.5)
        caller.hang_up()
