"""Callers' ways through flows, keys and queues."""

from __future__ import annotations

from facts.caller_session import JourneyFact
from telephony.agi.session import AgiSession
from tests.telephony.call_fold.shapes.stage import CALLER, Stage, hangs_up, one_key, shape, step


@shape
def key_to_another_queue(stage: Stage) -> None:
    with stage.pressing("2") as caller:
        stage.joined(CALLER, "second")
        hangs_up(caller, 0.7)


@shape
def key_to_another_queue_answered(stage: Stage) -> None:
    with stage.agent("agent103"), stage.pressing("2") as caller:
        stage.answered(CALLER)
        hangs_up(caller, 0.5)


@shape
def wrong_key_three_times(stage: Stage) -> None:
    with stage.pressing("777") as caller:
        hangs_up(caller, 0.5)


async def progress(session: AgiSession) -> None:
    await step(session, "ask_number", ms=30)
    await session.report(JourneyFact.ANSWER, {"Name": "工单", "Value": "20261126，0007"})
    await step(session, "told", ms=500)
    await session.report(JourneyFact.SELF_SERVICE, {"Kind": "progress"})


@shape
def progress_heard(stage: Stage) -> None:
    async def then_waits(session: AgiSession) -> None:
        await progress(session)
        await one_key(session)

    stage.flows.leads["progress"] = then_waits
    with stage.pressing("5") as caller:
        stage.ami.wait_event("HotlineFact", Fact="self_service")
        hangs_up(caller, 0.5)


@shape
def progress_and_back(stage: Stage) -> None:
    stage.flows.leads["progress"] = progress
    with stage.pressing("5") as caller:
        stage.ami.wait_event("HotlineFact", Fact="self_service")
        with stage.agent("agent101"):
            stage.answered(CALLER)
            hangs_up(caller, 0.5)


@shape
def callback_requested(stage: Stage) -> None:
    async def offers(session: AgiSession) -> None:
        await step(session, "offer", "1")
        await session.report(JourneyFact.CALLBACK, {})
        await session.hang_up()

    stage.flows.leads["callback"] = offers
    with stage.pressing("9"):
        pass


@shape
def closed(stage: Stage) -> None:
    async def says_closed(session: AgiSession) -> None:
        await step(session, "closed")
        await session.report(JourneyFact.CLOSED, {})
        await session.hang_up()

    stage.flows.leads["main"] = says_closed
    with stage.calling(CALLER):
        pass


def _message(stage: Stage, seconds: float) -> None:
    async def takes_a_message(session: AgiSession) -> None:
        await step(session, "leave")
        await session.record(most_ms=20_000, silence_ms=10_000)

    stage.flows.leads["no_agent"] = takes_a_message
    with stage.calling(CALLER, "8410002") as caller:
        stage.ami.wait_event("HotlineStep", Node="leave")
        hangs_up(caller, seconds)


@shape
def voicemail(stage: Stage) -> None:
    _message(stage, 4.0)


@shape
def voicemail_too_short(stage: Stage) -> None:
    _message(stage, 1.5)


async def to_the_fire_service(session: AgiSession) -> None:
    await session.report(JourneyFact.ANSWER, {"Name": "危险", "Value": "有人受困"})
    await session.set_variable("HOTLINE_QUEUE", "second")
    await session.set_variable("HOTLINE_TRANSFER", "fire")


@shape
def emergency_connected(stage: Stage) -> None:
    stage.flows.leads["main"] = to_the_fire_service
    with stage.telephones.carrier() as fire, stage.calling(CALLER):
        stage.ami.wait_event("HotlineTransfer", Status="connected")
        hangs_up(fire, 1.0)


@shape
def emergency_busy(stage: Stage) -> None:
    stage.flows.leads["main"] = to_the_fire_service
    with stage.telephones.carrier(refuses="486 Busy Here"), stage.calling(CALLER) as caller:
        stage.joined(CALLER, "second")
        hangs_up(caller, 0.7)


@shape
def emergency_busy_then_agent(stage: Stage) -> None:
    stage.flows.leads["main"] = to_the_fire_service
    with stage.telephones.carrier(refuses="486 Busy Here"), stage.talk(by="agent103") as talk:
        talk.caller.hang_up()


@shape
def overflow(stage: Stage) -> None:
    with stage.talk(by="agent103", did="8410004") as talk:
        talk.caller.hang_up()


@shape
def two_queues_then_timeout(stage: Stage) -> None:
    """The last leg's ending counts: given on by the first queue, the caller gives up in the second."""
    with stage.calling(CALLER, "8410004") as caller:
        stage.joined(CALLER, "second")
        hangs_up(caller, 0.7)
