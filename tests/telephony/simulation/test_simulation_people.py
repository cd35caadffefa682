"""Speech laid out to the sample, diaries folded to each telephone's view."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from config.hotline import load_hotline
from telephony.simulation import play
from telephony.simulation.diary import Diary, DiaryEntry, Saw, phone_sides, rings_of
from telephony.simulation.phones import Notice, PhoneEvent, phone_event
from telephony.simulation.scenario import Turn, Who
from telephony.simulation.scenario_file import parse_scenario, plan
from telephony.simulation.speech import Dialogue, lay_out, speak_all, turns_of
from voice.pcm import tone
from voice.wav import read_wav

T0 = datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_both_sides_begin_together_and_do_not_talk_over_each_other(tmp_path: Path) -> None:
    parts = [
        (Turn(who=Who.AGENT, text="您好", pause_s=0.5), tone(440, 1.0)),
        (Turn(who=Who.CITIZEN, text="停水了", pause_s=1.0), tone(660, 2.0)),
    ]
    dialogue = lay_out(parts, tmp_path / "c", tmp_path / "a")
    citizen, agent = read_wav(tmp_path / "c.wav"), read_wav(tmp_path / "a.wav")
    assert len(citizen) == len(agent) == round(dialogue.length_s * 8000)
    agents, citizens = dialogue.turns
    for track, turn, other in ((agent, agents, citizens), (citizen, citizens, agents)):
        assert np.abs(track[round(turn.start_s * 8000) : round(turn.end_s * 8000)]).max() > 1000
        assert not track[round(other.start_s * 8000) : round(other.end_s * 8000)].any()
    assert citizens.start_s == agents.end_s + 1.0


def test_a_script_without_agent_turns_gets_an_opening_and_a_closing() -> None:
    (call,) = parse_scenario("- 路灯坏了")
    assert [turn.who for turn in turns_of(call)] == [Who.AGENT, Who.CITIZEN, Who.AGENT]
    (silent,) = parse_scenario("- {says: 路灯坏了, mute: true}")
    assert {turn.who for turn in turns_of(silent)} == {Who.AGENT}


def test_words_nobody_has_seen_are_spoken(tmp_path: Path) -> None:
    calls = plan(
        parse_scenario("- 喀什噶尔北路九十七号 ABC 楼的暖气片 2.5 米长漏水！\n- ……\n"), load_hotline()
    )
    dialogues = speak_all(calls, tmp_path)
    assert dialogues["c001"].length_s > 6
    assert read_wav(tmp_path / "c001-citizen.wav").any()


def _entry(seconds: float, person: str, channel: str, saw: Saw, number: str = "139") -> DiaryEntry:
    return DiaryEntry(T0 + timedelta(seconds=seconds), person, channel, saw, number)


def test_each_telephone_tells_its_own_story(tmp_path: Path) -> None:
    entries = [
        _entry(0, "citizen", "r-c001", Saw.DIALLED, "12345"),
        _entry(0.1, "citizen", "r-c001", Saw.ANSWERED, "12345"),
        _entry(5, "agent101", "o.1", Saw.RANG),
        _entry(6, "agent101", "o.1", Saw.HUNG_UP),
        _entry(6, "agent101", "o.1", Saw.ENDED),
        _entry(7, "agent102", "o.2", Saw.RANG),
        _entry(9, "agent102", "o.2", Saw.ANSWERED),
        _entry(20, "citizen", "r-c001", Saw.HUNG_UP, "12345"),
        _entry(20, "citizen", "r-c001", Saw.ENDED, "12345"),
        _entry(20.1, "agent102", "o.2", Saw.OTHER_HUNG_UP),
        _entry(20.1, "agent102", "o.2", Saw.HUNG_UP),
        _entry(20.1, "agent102", "o.2", Saw.ENDED),
        _entry(25, "agent101", "o.3", Saw.RANG),
        _entry(6, "agent103", "o.4", Saw.RANG, "999"),
    ]
    with Diary(tmp_path / "diary.jsonl") as diary:
        for entry in entries:
            diary.write(entry)
    citizen, *agents = phone_sides(diary.entries)
    assert (citizen.hung_up, citizen.other_hung_up) == (True, False)
    rings = rings_of(citizen, agents, "139")
    assert [(ring.person, ring.answered_at is not None) for ring in rings] == [
        ("agent101", False),
        ("agent102", True),
    ]
    assert rings[1].other_hung_up
    assert not rings[1].hung_up
    kept = [json.loads(line) for line in (tmp_path / "diary.jsonl").read_text("utf-8").splitlines()]
    assert len(kept) == len(entries)


def test_the_outside_asterisks_messages_become_what_a_telephone_noticed() -> None:
    event = phone_event(
        {
            "Event": "UserEvent",
            "UserEvent": "AgentRings",
            "Timestamp": "1795224105.967444",
            "Channel": "PJSIP/agent101-00000002",
            "Uniqueid": "outside-1795224105.2",
            "CallerIDNum": "13997361508",
            "Agent": "agent101",
        }
    )
    assert event is not None
    assert (event.notice, event.number, event.agent) == (Notice.AGENT_RINGS, "13997361508", "agent101")
    assert phone_event({"Event": "Newexten"}) is None
    failed = phone_event(
        {"Event": "OriginateResponse", "Response": "Failure", "Uniqueid": "r-1", "Reason": "8"}
    )
    assert failed is not None
    assert failed.notice is Notice.NOT_REACHED
    assert phone_event({"Event": "OriginateResponse", "Response": "Success"}) is None


class BusyExchange:
    """It has the call a moment after it was asked for it, and overhears the first end."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[PhoneEvent] = asyncio.Queue()
        self.asked: list[str] = []

    async def next_event(self) -> PhoneEvent:
        return await self.events.get()

    async def dial(self, uniqueid: str, number: str | None, did: str, speech: Path | None) -> None:
        asyncio.get_running_loop().call_later(0.3, self._notice, Notice.DIALLED, uniqueid)

    async def hang_up(self, channel: str, cause: int = 16) -> bool:
        self.asked.append(channel)
        if len(self.asked) == 2:
            self._notice(Notice.GONE, channel)
        return True

    def _notice(self, notice: Notice, uniqueid: str) -> None:
        self.events.put_nowait(PhoneEvent(datetime.now(UTC), notice, uniqueid, uniqueid))


async def test_who_hangs_up_before_it_rings_is_gone_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "_HANG_UP_AGAIN_S", 0.05)
    calls = plan(parse_scenario("- {says: '', hangs_up: {when: dial, after_s: 0.1}}"), load_hotline())
    exchange = BusyExchange()
    with Diary(tmp_path / "diary.jsonl") as diary:
        silent = {calls[0].id: Dialogue(tmp_path / "c", tmp_path / "a", (), 1.0)}
        player = play.Player(exchange, diary, silent, play.PromptTimes(1.0, 1.0), run_id="r")  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            (played,) = await player.play(calls)
    assert exchange.asked == [f"r-{calls[0].id}"] * 2, "not before there is a call, and again while it is on"
    assert played.citizen.ended_at is not None
