"""Simulated people on two real Asterisks: they talk over SIP and RTP, and every witness tells the same."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from real_play import Played, play, two_asterisks

from config.hotline import load_hotline
from telephony.pbx.process import AsteriskProcess
from telephony.pbx.program import AsteriskProgram
from telephony.simulation.diary import Diary
from telephony.simulation.outside import DemoRuns, outside_world
from telephony.simulation.outside_config import OutsidePaths
from telephony.simulation.phones import OutsideWorldLost
from telephony.simulation.play import Player
from ticketing_bridge.demo.findings import Witness
from ticketing_bridge.demo.run import prompt_times

pytestmark = [pytest.mark.pbx, pytest.mark.timeout(150)]

SCENARIO = """
- {says: 八一路的路灯坏了。, at_s: 0, number: "13997361508", agents: {answer_after_s: 1}}
- {says: 河西停水了。, at_s: 0, number: null, line: environment, hangs_up: agent,
   agents: {first_ignores: 1, ignore_how: decline, answer_after_s: 0.6}}
- {says: "", at_s: 0, number: 0979 8412345, hangs_up: notice}
- {says: "", at_s: 1, hangs_up: {when: queue, after_s: 2}, line: "8412303", agents: none}
"""


@pytest.fixture(scope="module")
def played(asterisk_program: AsteriskProgram) -> Iterator[Played]:
    with two_asterisks(asterisk_program, load_hotline()) as pbx:
        yield asyncio.run(play(pbx, SCENARIO))


def test_the_people_did_what_their_script_says(played: Played) -> None:
    talk, ignored, in_notice, gave_up = played.calls
    assert talk.answered_by is not None
    assert talk.citizen.hung_up
    assert [turn.text for turn in talk.said][1] == "八一路的路灯坏了。"
    assert [ring.answered_at is not None for ring in ignored.rings] == [False, True]
    assert ignored.answered_by is not None
    assert ignored.answered_by.hung_up
    assert not ignored.citizen.hung_up
    assert not in_notice.rings
    assert in_notice.citizen.hung_up
    assert gave_up.rings
    assert gave_up.answered_by is None


def test_every_witness_agrees_with_the_rows_folded_from_the_pbx(played: Played) -> None:
    assert played.wrong() == []
    outcomes = [row.outcome for row in sorted(played.case.ledger.rows, key=lambda row: row.arrived_at)]
    assert sorted(map(str, outcomes)) == ["abandoned_ivr", "abandoned_queue", "answered", "answered"]


def test_both_sides_are_in_the_recording(played: Played) -> None:
    findings, _ = played.case.compare(played.calls)
    assert {"citizen_sound", "agent_sound"} <= set(findings[0].comparison.fields[Witness.RECORDING])


def test_a_ledger_row_changed_behind_our_back_is_found(played: Played) -> None:
    first, *others = played.case.ledger.rows
    ledger = replace(played.case.ledger, rows=(replace(first, line="stuck"), *others))
    wrong = played.wrong(replace(played.case, ledger=ledger))
    assert {Witness.PEOPLE, Witness.EVENTS, Witness.QUEUE_LOG} <= {it.witness for it in wrong}
    missing = played.wrong(replace(played.case, ledger=replace(ledger, rows=tuple(others))))
    assert {"existence"} <= {it.field for it in missing}
    assert {Witness.QUEUE_LOG, Witness.CDR, Witness.PEOPLE} <= {it.witness for it in missing}


def test_a_recording_changed_behind_our_back_is_found(played: Played) -> None:
    row = next(row for row in played.case.ledger.rows if row.recording and row.answered_at)
    path: Path = played.pbx.settings.recordings / f"{row.recording}-rx.wav"
    shutil.copy(path, kept := path.with_suffix(".kept"))
    try:
        data = bytearray(path.read_bytes())
        data[-200] ^= 0xFF
        path.write_bytes(data)
        assert [it.field for it in played.wrong()] == ["rx_digest"]
    finally:
        kept.replace(path)
    assert played.wrong() == []


def test_a_queue_log_line_changed_behind_our_back_is_found(played: Played) -> None:
    evidence = played.case.evidence
    path = evidence.queue_log.path
    text = path.read_text()
    path.write_text(text.replace("|ABANDON|", "|CONNECT|", 1))
    try:
        evidence.look()
        assert {it.witness for it in played.wrong()} == {Witness.QUEUE_LOG}
        assert {"unchanged", "lines", "outcome"} <= {it.field for it in played.wrong()}
    finally:
        path.write_text(text)


def test_a_line_about_another_call_is_found(played: Played) -> None:
    evidence = played.case.evidence
    path = evidence.queue_log.path
    before = path.read_text()
    evidence.over.add("city-1000000000.1")
    try:
        for uniqueid in ("city-1000000000.1", "city-9000000000.1"):
            with path.open("a") as out:
                out.write(f"9000000001|{uniqueid}|main|NONE|ABANDON|1|1|4\n")
        evidence.look()
        unknown = {it.call for it in played.wrong() if it.field == "existence"}
        assert unknown == {"city-1000000000.1", "city-9000000000.1"}
    finally:
        path.write_text(before)


def test_an_outside_world_that_dies_is_one_clear_error(played: Played) -> None:
    pbx = played.pbx
    paths = OutsidePaths.of(pbx.settings)
    process = AsteriskProcess(pbx.program, paths.config, paths.run, paths.output)

    async def phone() -> None:
        async with outside_world(pbx.settings, pbx.hotline, pbx.secrets, pbx.program) as phones:
            with Diary() as diary:
                times = prompt_times(pbx.settings, pbx.hotline)
                player = Player(phones, diary, played.case.dialogues, times, run_id="lost")
                first, second, *_ = (call.plan for call in played.calls)
                playing = asyncio.create_task(player.play([first, replace(second, at_s=4.0)]))
                await asyncio.sleep(1.5)
                await process.stop()
                await playing

    with pytest.raises(OutsideWorldLost, match=r"outside\.log"):
        asyncio.run(phone())


def test_a_second_demo_in_the_same_home_is_refused(played: Played) -> None:
    pbx = played.pbx

    async def twice() -> None:
        async with (
            outside_world(pbx.settings, pbx.hotline, pbx.secrets, pbx.program),
            outside_world(pbx.settings, pbx.hotline, pbx.secrets, pbx.program),
        ):
            pass

    with pytest.raises(DemoRuns, match="HOTLINE_HOME"):
        asyncio.run(twice())
