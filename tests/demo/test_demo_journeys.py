"""Simulated people who press keys, leave messages, are called back: witnesses and rows tell the same."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from real_play import Played, play, two_asterisks

from config.hotline import load_hotline
from facts.caller_session import JourneyFact
from telephony.agi.session import AgiSession
from telephony.ami.errands import originate_callback
from telephony.ami.link import AmiAddress, AmiLink
from telephony.pbx.program import AsteriskProgram
from tests.pbx import RunningPbx
from tests.pbx_people import Flows

pytestmark = [pytest.mark.pbx, pytest.mark.timeout(150)]

SCENARIO = """
- {says: "", number: "13900000061", at_s: 0, agents: none, hangs_up: never,
   keys: [{when: queue, after_s: 0.5, digits: "79"}], phoned: {says: 路灯还没有修好。, hangs_up_after_s: 4}}
- {says: "", number: "13900000062", at_s: 0, agents: none, line: business,
   hangs_up: {when: queue, after_s: 6},
   messages: [{when: greeting, after_s: 1, text: 我公司的执照办了三个月还没有办好请给我回电话}]}
- {says: "", number: "13900000063", at_s: 0, agents: none, line: safety, hangs_up: {when: queue, after_s: 4}}
- {says: "", number: "13900000064", at_s: 0, agents: none, line: stuck, hangs_up: {when: queue, after_s: 4},
   emergency: busy}
- {says: 河西停水了。, number: "13900000065", at_s: 1, hangs_up: survey,
   keys: [{when: survey, after_s: 1.0, digits: "5"}]}
- {says: 着火了，八一路八号。, number: "13900000066", at_s: 2, line: environment, agents: {answer_after_s: 3}}
- {says: 着火了。, number: "13900000067", at_s: 2, line: environment, agents: {answer_after_s: 2},
   emergency: busy, hangs_up: agent}
- {says: "", number: "13900000068", at_s: 3, line: environment, hangs_up: {when: queue, after_s: 6}}
"""


async def key(session: AgiSession, ms: int) -> str:
    keys = await session.collect([], max_digits=1, terminator="", first_timeout_ms=ms, between_timeout_ms=100)
    return keys.digits


async def callback(session: AgiSession) -> None:
    await session.report(JourneyFact.CALLBACK, {"Status": "confirmed", "Queue": session.queue})
    await session.hang_up()


async def message(session: AgiSession) -> None:
    await session.record(most_ms=30_000, silence_ms=15_000)


async def danger(session: AgiSession) -> None:
    await session.set_variable("HOTLINE_TRANSFER", "fire")


async def survey(session: AgiSession) -> None:
    await session.report(JourneyFact.SURVEY, {"Score": await key(session, 4000)})
    await key(session, 8000)


async def danger_with_an_agent(session: AgiSession) -> None:
    await session.set_variable("HOTLINE_AGENT_TOO", "1")
    await danger(session)


LEADS = {
    "environment": danger_with_an_agent,
    "callback": callback,
    "business": message,
    "safety": danger,
    "stuck": danger,
    "survey": survey,
}


def phone_back(pbx: RunningPbx, flows: Flows) -> None:
    """The dispatcher's part: once that call is over, take the place in the queue that it asked for."""
    deadline = time.monotonic() + 60
    asked = listening = False
    while (not asked or listening) and time.monotonic() < deadline:
        time.sleep(0.1)
        asked = any(came[0] == "callback" for came in flows.came)
        listening = asked and "13900000061" in pbx.cli("core show channels concise")

    async def ask() -> None:
        user, secret = "hotline-originator", pbx.secrets.ami_originator
        address = AmiAddress("127.0.0.1", pbx.settings.ami_port, user, secret, "city")
        async with AmiLink(address, follow=False) as link:
            await link.wait_up(20)
            await originate_callback(
                link, callback=3, number="13900000061", queue="main", arrived_at=datetime.now(UTC)
            )

    asyncio.run(ask())


@pytest.fixture(scope="module")
def played(asterisk_program: AsteriskProgram) -> Iterator[Played]:
    with (
        two_asterisks(asterisk_program, load_hotline()) as pbx,
        Flows(pbx.settings.agi_port, dict(LEADS)) as flows,
    ):
        dispatcher = threading.Thread(target=phone_back, args=(pbx, flows))
        dispatcher.start()
        try:
            yield asyncio.run(play(pbx, SCENARIO))
        finally:
            dispatcher.join()


def test_the_people_did_what_their_script_says(played: Played) -> None:
    asked_back, left, in_danger, not_reached, judged, both, agent_alone, service_alone = played.calls
    assert not asked_back.citizen.hung_up
    (own,) = asked_back.phoned
    assert own.answered_at
    assert own.hung_up
    assert left.citizen.left_at
    assert in_danger.emergency is not None
    assert in_danger.emergency.answered_at
    assert not_reached.emergency is not None
    assert not_reached.emergency.answered_at is None
    assert judged.answered_by is not None
    assert judged.answered_by.hung_up
    for call, service, agent in (
        (both, True, True),
        (agent_alone, False, True),
        (service_alone, True, False),
    ):
        assert call.emergency is not None
        assert call.rings
        assert (call.emergency.answered_at is not None, call.answered_by is not None) == (service, agent)


def test_every_witness_agrees_with_the_rows_folded_from_the_pbx(played: Played) -> None:
    assert played.wrong() == []
    rows = {row.caller_number: row for row in played.case.ledger.rows}
    assert {str(number)[-1]: str(row.outcome) for number, row in rows.items()} == {
        "1": "callback_requested",
        "2": "voicemail",
        "3": "transferred_emergency",
        "4": "abandoned_queue",
        "5": "answered",
        "6": "answered",
        "7": "answered",
        "8": "transferred_emergency",
    }
    assert rows["13900000066"].transferred_at is not None
    assert rows["13900000067"].transferred_at is None
    assert rows["13900000065"].survey_score == 5
    assert [leg.key for leg in rows["13900000061"].queue_legs] == ["9"]
