"""A scenario on two real Asterisks, and a case made of what the hotline's AMI told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from config.hotline import Hotline
from telephony.ami.codec import AmiMessage
from telephony.ami.connection import AmiAddress, AmiConnection, WireCounts
from telephony.ami.events import event_to_json, parse_event
from telephony.call_fold import FoldRules
from telephony.pbx.program import AsteriskProgram
from telephony.simulation.diary import Diary
from telephony.simulation.outside import outside_world
from telephony.simulation.outside_config import OutsidePaths
from telephony.simulation.play import PlayedCall, Player
from telephony.simulation.scenario_file import parse_scenario, plan
from telephony.simulation.speech import Dialogue, speak_all
from tests.pbx import RunningPbx, free_rtp_range, pbx_up
from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.demo.case import Case
from ticketing_bridge.demo.evidence import Evidence
from ticketing_bridge.demo.findings import Disagreement, Witness
from ticketing_bridge.demo.ledger import Ledger
from ticketing_bridge.demo.refold import fold_again
from ticketing_bridge.demo.result import DemoResult
from ticketing_bridge.demo.run import prompt_times
from ticketing_bridge.store.records import EventRecord


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario played on two real Asterisks, and a case made of what the hotline's AMI told."""

    pbx: RunningPbx
    calls: list[PlayedCall]
    case: Case

    def wrong(self, case: Case | None = None) -> list[Disagreement]:
        """Disagreements; nothing was drafted or transcribed here, so those are left out."""
        findings, others = (case or self.case).compare(self.calls)
        result = DemoResult(None, findings, others, 0.0)
        return [it for it in result.disagreements if it.witness is not Witness.DERIVED]


async def play(pbx: RunningPbx, scenario: str, *, slots: int = 6) -> Played:
    """Everything of ``hotline demo`` that needs no database and no speech recognition."""
    settings, hotline = pbx.settings, pbx.hotline
    told: list[AmiMessage] = []
    address = AmiAddress("127.0.0.1", settings.ami_port, "hotline-reader", pbx.secrets.ami_reader, "city")
    connection = AmiConnection(address, told.append, WireCounts())
    assert await connection.open(5)
    calls = plan(parse_scenario(scenario), hotline)
    paths = OutsidePaths.of(settings)
    dialogues: dict[str, Dialogue] = await asyncio.to_thread(speak_all, calls, paths.speech)
    since = datetime.now(UTC)
    async with (
        outside_world(settings, hotline, pbx.secrets, pbx.program) as phones,
        Evidence(settings) as evidence,
    ):
        with Diary(paths.diary) as diary:
            emergency = frozenset(service.number for service in hotline.emergency)
            times = prompt_times(settings, hotline)
            player = Player(
                phones, diary, dialogues, times, run_id="test", at_once=slots, emergency=emergency
            )
            played = await player.play(calls)
        await asyncio.sleep(1.0)
        await evidence.finish()
    connection.close()
    records = _records(told)
    rows = fold_again(records, "city", rules_of(pbx))
    ledger = Ledger(tuple(rows.values()), {}, {}, records)
    return Played(pbx, played, Case(settings, hotline, evidence, ledger, dialogues, since))


def rules_of(pbx: RunningPbx) -> FoldRules:
    return FoldRules(frozenset(agent.id for agent in pbx.hotline.agents), pbx.settings.t_short_s)


def _records(told: list[AmiMessage]) -> tuple[EventRecord, ...]:
    events = [event for message in told if (event := parse_event(message.headers, "city"))]
    return tuple(
        EventRecord(
            "city", b"", 0, it.at, it.at, type(it).__name__, it.uniqueid, it.linkedid, event_to_json(it)
        )
        for it in events
    )


@contextmanager
def two_asterisks(program: AsteriskProgram, hotline: Hotline) -> Iterator[RunningPbx]:
    """The hotline's PBX, with ports for the world outside."""
    first, last = free_rtp_range()
    outside = {
        "outside_sip_port": free_port(socket.SOCK_DGRAM),
        "outside_ami_port": free_port(),
        "outside_rtp_first": first,
        "outside_rtp_last": last,
    }
    with pbx_up(program, hotline, **outside) as pbx:
        yield pbx
