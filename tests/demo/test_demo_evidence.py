"""Files that change behind the demo's back, recordings, live words, figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from demo_world import World, answered, at
from hypothesis import given
from hypothesis import strategies as st

from facts.call import Call
from facts.transcript import Leg, LiveText, Word
from telephony.simulation.play import SaidTurn
from telephony.simulation.scenario import Who
from telephony.simulation.speech import Dialogue, SpokenTurn
from ticketing_bridge.demo.evidence import began_since
from ticketing_bridge.demo.findings import Comparison, Disagreement, Witness
from ticketing_bridge.demo.growing import GrowingFile, RecordingWatch
from ticketing_bridge.demo.likeness import edits, error_rate, percentile
from ticketing_bridge.demo.live import Heard, latencies_s
from ticketing_bridge.demo.recordings import compare_recordings, compare_sound
from voice.pcm import silence
from voice.wav import write_wav

BASE = "city-1767600000.7"


def test_a_file_that_grows_is_followed_from_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    path.write_text("old\n")
    file = GrowingFile(path)
    with path.open("a") as out:
        out.write("one\ntw")
    file.look()
    assert file.lines() == ["one"]
    with path.open("a") as out:
        out.write("o\n")
    file.look()
    assert file.lines() == ["one", "two"]
    assert not file.damage


@pytest.mark.parametrize(
    "tampered",
    ["old\none\ntwo\n", "old\none\nTWO\nthree\n", "old\none\nthree\n", "old\ntwo\none\nthree\n", ""],
)
def test_lines_that_change_after_they_were_read_are_damage(tmp_path: Path, tampered: str) -> None:
    path = tmp_path / "queue_log"
    path.write_text("old\n")
    file = GrowingFile(path)
    path.write_text("old\none\ntwo\nthree\n")
    file.look()
    path.write_text(tampered)
    file.look()
    assert file.damage


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "none")
    file.look()
    assert (file.lines(), file.damage) == ([], [])


def _speechlike(seconds: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 3000, round(seconds * 8000))
    return np.convolve(noise, np.ones(8) / 8, "same").astype(np.int16)


def _recorded(folder: Path) -> tuple[World, Dialogue, RecordingWatch]:
    """A call of 28 s whose citizen speaks from second 10 of the recording and agent from second 18."""
    case = answered()
    row = replace(case.row, recording=BASE)
    length_s, citizen, agent = 28.0, _speechlike(4, 1), _speechlike(4, 2)
    caller, heard = silence(length_s), silence(length_s)
    caller[80000 : 80000 + len(citizen)] = citizen
    heard[144000 : 144000 + len(agent)] = agent
    for name, track in (("", caller + heard), ("-rx", caller), ("-tx", heard)):
        write_wav(folder / f"{BASE}{name}.wav", track)
    write_wav(folder / "c.wav", citizen)
    write_wav(folder / "a.wav", agent)
    dialogue = Dialogue(
        folder / "c",
        folder / "a",
        (SpokenTurn(Who.CITIZEN, "问", 0, 4, 4), SpokenTurn(Who.AGENT, "答", 0, 4, 4)),
        4,
    )
    said = (
        SaidTurn("c001", Who.CITIZEN, "问", at(3.02 + 10.3), at(17.3)),
        SaidTurn("c001", Who.AGENT, "答", at(3.02 + 17.8), at(24.8)),
    )
    watch = RecordingWatch(folder)
    watch.look({BASE})
    watch.look({BASE})
    return replace(case, row=row, played=replace(case.played, said=said)), dialogue, watch


def _heard_wrong(case: World, dialogue: Dialogue, watch: RecordingWatch) -> list[Disagreement]:
    found = Comparison("call")
    compare_recordings(case.row, watch, found)
    compare_sound(case.row, case.played, dialogue, watch, found)
    return found.disagreements


def test_an_untouched_recording_is_of_what_was_said(tmp_path: Path) -> None:
    assert _heard_wrong(*_recorded(tmp_path)) == []


def test_a_recording_of_something_else_is_found_even_with_the_right_length(tmp_path: Path) -> None:
    case, dialogue, _ = _recorded(tmp_path)
    write_wav(tmp_path / f"{BASE}-rx.wav", _speechlike(28, 9))
    watch = RecordingWatch(tmp_path)
    watch.look({BASE})
    watch.look({BASE})
    assert {it.field for it in _heard_wrong(case, dialogue, watch)} == {"citizen_sound"}


@pytest.mark.parametrize("name", ["", "-rx", "-tx"])
@pytest.mark.parametrize("how", ["bit", "cut", "gone", "longer", "rubbish"])
def test_every_tampering_with_a_recording_is_found(tmp_path: Path, name: str, how: str) -> None:
    case, dialogue, watch = _recorded(tmp_path)
    path = tmp_path / f"{BASE}{name}.wav"
    data = bytearray(path.read_bytes())
    if how == "bit":
        data[len(data) // 2] ^= 1
    changed = {"cut": data[: len(data) // 2], "longer": data + b"\0\0", "rubbish": b"RIFF"}.get(how, data)
    path.unlink() if how == "gone" else path.write_bytes(changed)
    wrong = _heard_wrong(case, dialogue, watch)
    assert wrong
    assert {it.witness for it in wrong} == {Witness.RECORDING}


def _text(final: bool, words: str, end_s: float, segment: int = 0, leg: Leg = Leg.CALLER) -> LiveText:
    each = tuple(
        Word(word, end_s - 0.3 * (len(words) - place), end_s - 0.3 * (len(words) - place - 1), 1.0)
        for place, word in enumerate(words)
    )
    return LiveText(f"city:{BASE}", leg, segment, final, words, 0.0, end_s, each if final else (), "s1")


def _latencies(row: Call, heard: list[Heard]) -> list[float]:
    turn = SaidTurn("c001", Who.CITIZEN, "路灯坏了", at(12), at(14))
    return latencies_s(row, [turn], heard)


def test_latency_counts_from_the_words_end_to_the_first_text_that_shows_it() -> None:
    row = answered().row
    heard = [
        Heard(at(13.2), _text(False, "路灯", 13.1)),
        Heard(at(14.4), _text(False, "路灯坏了", 14.2)),
        Heard(at(15.5), _text(True, "路灯坏了", 14.0)),
    ]
    assert _latencies(row, heard) == [pytest.approx(0.4)]
    assert _latencies(row, [heard[0], heard[2]]) == [pytest.approx(1.5)]
    assert _latencies(row, heard[:1]) == []
    other_leg = [replace(it, text=replace(it.text, leg=Leg.AGENT)) for it in heard]
    assert _latencies(row, other_leg) == []


def test_uniqueids_tell_when_a_channel_was_made() -> None:
    assert began_since(BASE, at(0))
    assert not began_since("city-1767599000.1", at(0))
    assert began_since("?", at(0))


@given(st.text("路灯坏了", max_size=12), st.text("路灯坏了", max_size=12))
def test_edits_are_a_distance(one: str, other: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert abs(len(one) - len(other)) <= edits(one, other) <= max(len(one), len(other))
    assert (edits(one, other) == 0) == (one == other)


def test_figures() -> None:
    assert error_rate("", "x") is None
    assert error_rate("路灯坏了", "路灯坏") == 0.25
    assert percentile([], 95) is None
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 95) == 95.0
