"""Subtitles that can be read: two lines, seven seconds, numbers in one piece, times of the words."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from asr.text.export import CUE_S, LINE_CHARACTERS, cues, export, transcript_from_json
from asr.text.words import display_text, masked
from facts.transcript import Leg, Transcript, Turn, Word

SPEAKERS = {Leg.CALLER: "市民", Leg.AGENT: "话务员"}
parts = st.sampled_from(
    ["您好", "我家住在", "昆仑中路", "三号楼", "暖气", "不热", "了", "吗", "幺三九零九七九幺二三四", "wifi"]
)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    made, at = [], 0.0
    for _ in range(draw(st.integers(0, 4))):
        words = []
        at += draw(st.floats(0.5, 5))
        for text in draw(st.lists(parts, min_size=1, max_size=25)):
            words.append(Word(text, round(at, 3), round(at + 0.2 * len(text), 3), 0.9))
            at += 0.2 * len(text) + draw(st.sampled_from([0.0, 0.2, 0.6]))
        text = display_text(word.text for word in words)
        timed = draw(st.booleans())
        made.append(
            Turn(
                draw(st.sampled_from(Leg)),
                text,
                words[0].start_s,
                words[-1].end_s,
                tuple(words) if timed else (),
            )
        )
    return Transcript(tuple(made), "m")


@settings(max_examples=60)
@given(transcripts(), st.integers(0, 5))
def test_every_subtitle_can_be_read_in_its_time(transcript: Transcript, lead: int) -> None:
    made = cues(transcript, lead=dict.fromkeys(Leg, lead))
    first_s = min((turn.start_s for turn in transcript.turns), default=0)
    last_s = max((turn.end_s for turn in transcript.turns), default=0)
    for cue in made:
        assert 1 <= len(cue.lines) <= 2
        assert len(cue.lines[0]) + lead <= LINE_CHARACTERS
        assert all(len(line) <= LINE_CHARACTERS for line in cue.lines)
        assert cue.end_s - cue.start_s <= CUE_S
        assert first_s - 0.001 <= cue.start_s <= cue.end_s <= last_s + 0.001
    assert [cue.start_s for cue in made] == sorted(cue.start_s for cue in made)


def turn(*words: str, leg: Leg = Leg.CALLER) -> Turn:
    at, made = 0.0, []
    for text in words:
        made.append(Word(text, at, at + 0.5, 0.9))
        at += 0.5
    return Turn(leg, display_text(words), 0.0, at, tuple(made))


def test_a_telephone_number_stands_on_one_line_hidden_or_not() -> None:
    transcript = Transcript(
        (turn("我家暖气坏了好几天麻烦记一下", "电话", "幺三九零九七九", "幺二三四", "谢谢"),), "m"
    )
    assert "13909791234" in export(transcript, "srt", speakers=SPEAKERS)
    hidden = export(masked(transcript), "srt", speakers=SPEAKERS)
    assert "139****1234" in hidden
    assert "139097" not in hidden


def test_a_subtitle_begins_with_its_first_word_and_ends_with_its_last() -> None:
    spoken = (turn("您好请问"), turn("暖气坏了", "三", "号楼"))
    assert [(cue.lines, cue.start_s, cue.end_s) for cue in cues(Transcript(spoken[1:], "m"))] == [
        (("暖气坏了3号楼。",), 0.0, 1.5)
    ]


def test_json_has_what_was_heard_and_what_is_read() -> None:
    transcript = Transcript((turn("三", "号楼"),), "m")
    written = json.loads(export(transcript, "json"))
    assert (written["turns"][0]["text"], written["turns"][0]["display"]) == ("三号楼", "3号楼。")
    assert transcript_from_json(written) == transcript
    hidden = json.dumps(
        json.loads(export(masked(Transcript((turn(*"幺三九零九七九"),), "m")), "json")), ensure_ascii=False
    )
    assert [it["text"] for it in json.loads(hidden)["turns"][0]["words"]] == [*"幺三***七九"]
