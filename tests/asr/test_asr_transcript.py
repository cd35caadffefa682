"""What people read: text without stray spaces, turns in order, documents that players accept."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from asr.transcript import (
    TranscriptFormat,
    display_text,
    export,
    merge_turns,
    transcript_from_json,
    transcript_to_json,
    uncertain_words,
    word_spans,
)
from facts.transcript import Gap, Leg, Transcript, Turn, Word

SPEAKERS = {Leg.CALLER: "市民", Leg.AGENT: "话务员"}
texts = st.sampled_from(["市民", "热线", "我", "要", "wifi", "5g", "<b>", "坏了", "-->"])


@st.composite
def segments(draw: st.DrawFn) -> list[tuple[Word, ...]]:
    """Segments of one leg: times rise within a leg, as a recogniser gives them."""
    at, made = draw(st.floats(0, 4000)), []
    for _ in range(draw(st.integers(0, 4))):
        words = []
        for _ in range(draw(st.integers(1, 8))):
            start, at = at, at + draw(st.floats(0.0, 1.0))
            words.append(Word(draw(texts), round(start, 3), round(at, 3), draw(st.floats(0, 1))))
        made.append(tuple(words))
        at += draw(st.floats(0.5, 30))
    return made


transcripts = st.builds(
    lambda caller, agent: Transcript(merge_turns({Leg.CALLER: caller, Leg.AGENT: agent}), "m@1"),
    segments(),
    segments(),
)


def test_chinese_has_no_spaces_and_foreign_words_keep_theirs() -> None:
    assert display_text(["市民", "热线", "wi", "fi", "坏", "了"]) == "市民热线wi fi坏了"
    assert display_text([]) == ""


def test_both_sides_speaking_at_once_stay_two_turns() -> None:
    caller = [(Word("喂", 1.0, 1.2, 1.0), Word("听见", 4.0, 5.0, 1.0))]
    agent = [(Word("您好", 1.1, 2.0, 1.0),)]
    turns = merge_turns({Leg.CALLER: caller, Leg.AGENT: agent})
    assert [(turn.leg, turn.text) for turn in turns] == [(Leg.CALLER, "喂听见"), (Leg.AGENT, "您好")]
    assert turns[0].end_s > turns[1].start_s


def test_a_segment_cut_in_the_middle_of_speech_is_one_turn() -> None:
    caller = [
        (Word("一直", 0.0, 20.0, 1.0),),
        (Word("停水", 20.05, 20.5, 1.0),),
        (Word("对", 22.0, 22.2, 1.0),),
    ]
    assert [turn.text for turn in merge_turns({Leg.CALLER: caller})] == ["一直停水", "对"]


def test_doubtful_words_are_found_in_the_text() -> None:
    words = (
        Word("昆仑路", 0, 1, 0.99),
        Word("wi", 1, 2, 0.99),
        Word("fi", 2, 3, 0.4),
        Word("坏了", 3, 4, 0.9),
    )
    turn = Turn(Leg.CALLER, display_text(word.text for word in words), 0, 4, words)
    assert [turn.text[span.first : span.end] for span in uncertain_words(turn)] == ["fi"]


@given(transcripts)
def test_every_word_is_kept_once_and_turns_are_ordered(transcript: Transcript) -> None:
    starts = [turn.start_s for turn in transcript.turns]
    assert starts == sorted(starts)
    for turn in transcript.turns:
        assert turn.text == display_text(word.text for word in turn.words)
        assert all(turn.text[span.first : span.end] == span.word.text for span in word_spans(turn.words))
        assert turn.start_s <= turn.words[0].start_s <= turn.end_s


@given(transcripts)
def test_json_gives_the_same_transcript_again(transcript: Transcript) -> None:
    written = json.loads(export(transcript, TranscriptFormat.JSON))
    assert transcript_from_json(written) == transcript
    gap = Transcript(transcript.turns, "m", (Gap(Leg.AGENT, 1.0, 2.0, "lost"),))
    assert transcript_from_json(json.loads(json.dumps(transcript_to_json(gap)))) == gap


def seconds(clock: str) -> float:
    hours, minutes, rest = re.split(":", clock.replace(",", "."))
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@given(transcripts)
def test_subtitles_are_numbered_and_their_times_rise(transcript: Transcript) -> None:
    text = export(transcript, "srt", speakers=SPEAKERS)
    times = re.findall(r"^(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})$", text, re.MULTILINE)
    starts = [seconds(start) for start, _ in times]
    assert starts == sorted(starts)
    assert all(seconds(end) > seconds(start) for start, end in times)
    blocks = [block for block in text.split("\n\n") if block.strip()]
    assert [block.split("\n")[0] for block in blocks] == [str(n + 1) for n in range(len(times))]
    spoken = "".join(word.text for turn in transcript.turns for word in turn.words)
    assert sum(len(cue) for cue in blocks) >= len(spoken)


@given(transcripts)
def test_web_subtitles_name_the_speaker_and_escape_markup(transcript: Transcript) -> None:
    text = export(transcript, "vtt", speakers=SPEAKERS)
    assert text.startswith("WEBVTT\n")
    for line in text.splitlines():
        if line.startswith("<v "):
            assert re.fullmatch(r"<v (市民|话务员)>[^<>]*(</v>)?", line)


def test_plain_text_has_a_line_a_turn() -> None:
    turns = merge_turns(
        {Leg.CALLER: [(Word("停水", 61.5, 62.0, 1.0),)], Leg.AGENT: [(Word("好", 63, 64, 1),)]}
    )
    transcript = Transcript(turns, "m")
    assert export(transcript, "text", speakers=SPEAKERS) == (
        "[00:01:01.500] 市民：停水。\n[00:01:03.000] 话务员：好。\n"
    )
    assert export(transcript, "text", speakers={}).startswith("[00:01:01.500] 停水。\n")
