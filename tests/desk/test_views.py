"""Words, drafts and pictures as people see them: pure."""

from __future__ import annotations

import doctest
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.differences import differences
from config.catalogue import load_catalogue
from config.hotline import load_hotline
from facts.call import CallFlag, CallState, Outcome
from facts.identity import CallKey
from facts.masking import mask_spoken
from facts.transcript import Leg, Transcript, Turn, Word
from tests.desk.people import (
    DRAFT,
    NUMBER,
    RECORD,
    SPOKEN,
    TURNS,
    answered_call,
    missed_call,
    said,
    seconds,
    talking_call,
    waiting_call,
)
from ticketing_bridge.desk import views, words_view
from ticketing_bridge.desk.draft_view import draft_view, evidence_of, found_values, spoken_number
from ticketing_bridge.desk.feed import LiveWords
from ticketing_bridge.desk.health import STALE_AFTER_S, Health, TelephonyBeat
from ticketing_bridge.desk.labels import Labels
from ticketing_bridge.desk.picture import HourCount, hour_chart, rate_view
from ticketing_bridge.desk.rendering import Templates
from ticketing_bridge.desk.views import board_view, call_view, timeline
from ticketing_bridge.desk.words_view import (
    Evidence,
    anchors,
    live_view,
    newest_words,
    record_view,
    snapped,
    turn_view,
)
from ticketing_bridge.rate import Rate, measure, shipped
from ticketing_bridge.store.records import DraftRecord
from ticketing_bridge.transcripts.city import CityNames
from ticketing_bridge.transcripts.reading import reading

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
HOTLINE = load_hotline()
NAMES = CityNames.of(load_catalogue())
CHINESE = st.text(alphabet="昆仑路桥头路灯不亮一二三零九幺6号", max_size=40)


@pytest.mark.parametrize("module", [views, words_view])
def test_examples_in_the_documentation_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(CHINESE, st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45)), max_size=5), st.data())
def test_pieces_are_the_turn_cut_at_borders(
    text: str, spans: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever the spans: nothing is lost or doubled, and evidence covers exactly its characters."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)) | {0, len(text)})
    words = tuple(Word(text[a:b], 0, 1, data.draw(st.floats(0, 1))) for a, b in pairwise(cuts) if a < b)
    evidence = [Evidence(f"f{number}", 0, a, b) for number, (a, b) in enumerate(spans)]
    said = reading(Transcript((Turn(Leg.CALLER, text, 0, 1, words),), "m"), NAMES)
    shown = said.shown[0]
    view = turn_view("live-0", 0, said.transcript.turns[0], shown, evidence)
    assert "".join(piece.text for piece in view.pieces) == shown.text
    for it in evidence:
        marked = sum(len(piece.text) for piece in view.pieces if it.field in piece.fields)
        right = 0 <= it.start < it.end <= len(text)
        start, end = shown.shown_span(it.start, it.end) if right else (0, 0)
        assert marked == end - start


@given(CHINESE)
def test_long_numbers_that_were_said_are_masked_in_place(text: str) -> None:
    shown = mask_spoken(text)
    assert len(shown) == len(text)
    assert all(a in (b, "*") for a, b in zip(shown, text, strict=True))
    assert SPOKEN not in mask_spoken(text + SPOKEN)


def test_words_the_recogniser_doubts_and_stretches_it_missed_are_marked() -> None:
    view = record_view(reading(RECORD, NAMES))
    assert [piece.text for turn in view.turns for piece in turn.pieces if piece.unsure] == ["路桥头"]
    assert [turn.gap for turn in view.turns] == [None, None, "lost"]
    assert view.source == "record"


def test_what_only_the_summary_rests_on_is_not_marked_before_it_is_asked_for() -> None:
    said = reading(RECORD, NAMES)
    evidence = [Evidence("content", 1, 0, 9), Evidence("places-0", 1, 0, 2)]
    view = turn_view("live-1", 1, TURNS[1], said.shown[1], evidence, doubtful=said.doubtful[1])
    assert [(piece.text, piece.look) for piece in view.pieces[:2]] == [
        ("昆仑", ""),
        ("路桥头", "wide unsure"),
    ]


def heard(text: str, model: str) -> Transcript:
    """One turn of the caller, a word a character."""
    words = tuple(Word(it, 10 + place, 11 + place, 0.9) for place, it in enumerate(text))
    return Transcript((Turn(Leg.CALLER, text, 10.0, 10.0 + len(text), words),), model)


def test_evidence_in_a_number_marks_the_figure_and_leads_to_it() -> None:
    said = reading(heard("我住三号楼二单元", "m"), NAMES)
    evidence = snapped([Evidence("places-0", 0, 3, 5), Evidence("gone", 7, 0, 2)], said)
    view = live_view(said, evidence, live=False)
    (mark,) = [piece for piece in view.turns[0].pieces if piece.fields]
    assert (mark.text, mark.anchor) == ("3号楼", anchors(evidence, 1)["places-0"])


def test_names_that_sound_alike_and_the_other_hearing_are_told_and_nothing_is_replaced() -> None:
    live, record = (
        heard("江源中路的电话幺三九零九七九幺二三四", "live"),
        heard("江原中路的电话幺三九零九七九幺二三四", "big"),
    )
    said = reading(record, NAMES)
    found = differences(reading(live, NAMES).transcript, said.transcript)
    view = record_view(said, (), found)
    (name,) = [piece for piece in view.turns[0].pieces if piece.perhaps and piece.differs]
    assert (name.text, name.hint) == ("原", "可能是：江源中路；实时转写为：源")
    assert "".join(piece.text for piece in view.turns[0].pieces).startswith("江原中路的电话139****1234")
    assert [(it.heard, it.instead) for it in view.suggestions] == [("江原中路", "可能是：江源中路")]
    assert [(it.heard, it.instead, it.at_s) for it in view.differences] == [("原", "实时转写为：源", 11.0)]


def test_a_draft_shows_only_what_it_has_with_its_proof() -> None:
    record = DraftRecord("city:1", 1, "live", DRAFT, NOW)
    evidence = evidence_of(DRAFT)
    view = draft_view(record, evidence, len(TURNS))
    by_id = {field.id: field for field in view.fields}
    assert list(by_id) == [
        "title",
        "purpose",
        "places-0",
        "when",
        "unit",
        "callback_phone",
        "emergency",
        "content",
    ]
    assert by_id["places-0"].anchor == "said-1-0"
    assert by_id["places-0"].level == "ok"
    assert by_id["when"].value == "昨晚（2026-11-20）"
    assert by_id["unit"].confidence is None
    assert NUMBER not in repr(view)
    assert SPOKEN not in repr(view)
    assert spoken_number(DRAFT) == NUMBER


@given(
    st.dictionaries(
        st.sampled_from(["title", "places", "unit", "callback_phone"]), st.none() | st.just([]), max_size=4
    )
)
def test_a_draft_with_holes_is_shown_all_the_same(content: dict[str, object]) -> None:
    assert list(found_values(content)) == []
    assert spoken_number(content) is None


def test_a_call_tells_its_story_in_order() -> None:
    call = answered_call(at=NOW)
    steps = timeline(call, HOTLINE)
    assert [round(step.offset_s) for step in steps] == [0, 0, 3, 5, 5, 6, 8, 73]
    assert steps[-1].tone == "ok"
    assert "一号话务员" in steps[-2].detail


def test_what_ticks_is_the_time_in_the_present_state() -> None:
    waiting, talking = waiting_call(at=NOW), talking_call(at=NOW)
    later = NOW + seconds(30)
    assert call_view(waiting, HOTLINE, later).since_s == 30
    assert call_view(talking, HOTLINE, later).since_s == 22
    assert call_view(answered_call(at=NOW), HOTLINE, later).since_s is None


def test_those_who_wait_come_first_and_longest_first() -> None:
    keys = [CallKey("city", f"city-{n}.1") for n in range(3)]
    calls = [
        talking_call(keys[0], NOW),
        waiting_call(keys[1], NOW + seconds(5)),
        waiting_call(keys[2], NOW + seconds(1)),
    ]
    view = board_view(calls, [], HOTLINE, NOW + seconds(60), drafts={}, saying={})
    assert [call.key for call in view.live] == [str(keys[2]), str(keys[1]), str(keys[0])]
    assert (view.live_talking, view.live_waiting) == (1, 2)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_word_and_a_tone(outcome: Outcome) -> None:
    call = replace(missed_call(CallKey("city", "x"), outcome), flags=frozenset(CallFlag))
    view = call_view(call, HOTLINE, NOW)
    assert view.outcome
    assert view.tone in {"ok", "miss", "mute"}
    assert len(view.flags) == len(CallFlag)


@pytest.mark.parametrize("state", list(CallState))
def test_every_state_has_a_word(state: CallState) -> None:
    assert call_view(replace(waiting_call(), state=state, rings=()), HOTLINE, NOW).state


def test_a_missing_label_is_found_at_start(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "labels.yaml"
    text = (Path(views.__file__).parent / "labels.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("  timeout:", "  other_name:", 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"other_name|timeout"):
        Labels(path)


@given(
    st.dictionaries(
        st.integers(0, 23), st.builds(HourCount, st.integers(0, 9000), st.integers(0, 9000)), max_size=24
    ),
    st.integers(0, 23),
)
def test_the_picture_stays_in_its_frame(counts: dict[int, HourCount], now_hour: int) -> None:
    chart = hour_chart(counts, now_hour)
    assert len(chart.bars) == 24
    for bar in chart.bars:
        assert 0 <= bar.missed_y <= bar.answered_y <= chart.floor
        assert bar.x + chart.bar <= chart.width
        if bar.answered:
            assert bar.answered_h > 0
    assert all(0 <= line.y <= chart.floor for line in chart.grid)


OUTCOMES = st.lists(st.sampled_from([*Outcome, None]), max_size=30)


@given(OUTCOMES)
def test_the_rate_never_shows_more_than_it_knows(outcomes: list[Outcome | None]) -> None:
    calls = [
        replace(missed_call(CallKey("city", "x")), outcome=outcome, arrived_at=NOW + seconds(number * 1800))
        for number, outcome in enumerate(outcomes)
    ]
    rate = measure(shipped()["person"], calls)
    view = rate_view(rate, 98.0)
    assert view.reached + view.missed == view.base
    assert 0 <= view.gauge_x <= 300
    assert view.tone == (
        "mute" if not view.base else "ok" if 100 * view.reached >= 98 * view.base else "miss"
    )


def test_what_is_judged_is_the_figure_that_is_printed() -> None:
    for reached, base, tone in ((97994, 100000, "miss"), (97995, 100000, "ok"), (98, 100, "ok")):
        view = rate_view(Rate("person", "", base, reached, base - reached, 0, 0, 0), 98.0)
        assert view.tone == tone
        assert (float(view.percent_text) >= 98.0) == (tone == "ok")


def test_the_board_shows_the_end_of_what_is_said_last() -> None:
    words = LiveWords()
    assert newest_words(words) == ""
    words.take(said("昨天停水了", at=9))
    words.take(said("是哪个小区", Leg.AGENT, at=12, final=False))
    assert newest_words(words) == "话务员：是哪个小区"
    words.take(said(f"我的电话{SPOKEN}" * 3, segment=1, at=15, final=False))
    assert newest_words(words).startswith("市民：…")
    assert SPOKEN not in newest_words(words)


def test_silence_and_a_broken_link_are_told_apart() -> None:
    health = Health()
    assert health.view(NOW, live_connected=True).telephony_stale, "nobody has said anything yet"
    health.take(TelephonyBeat("city", linked=True, since=NOW), NOW)
    assert not health.view(NOW + seconds(1), live_connected=True).telephony_stale
    assert health.view(NOW + seconds(STALE_AFTER_S + 0.1), live_connected=True).telephony_stale
    health.take(TelephonyBeat("other", linked=False, since=NOW), NOW + seconds(5))
    health.take(TelephonyBeat("city", linked=True, since=NOW), NOW + seconds(5))
    view = health.view(NOW + seconds(5), live_connected=True)
    assert (view.telephony_stale, view.pbx_linked, view.link_since) == (False, False, NOW)


def test_the_page_names_the_pbx_that_is_lost_while_the_other_works() -> None:
    def banner(health: Health, at: datetime) -> str:
        view = health.view(at, live_connected=True)
        return Templates("热线").render("_health.html", {"health": view})

    health = Health(["city", "east"])
    health.take(TelephonyBeat("city", linked=True, since=NOW), NOW)
    assert "已过时（east）" in banner(health, NOW)
    assert "尚未报告" in banner(health, NOW)
    health.take(TelephonyBeat("east", linked=False, since=NOW), NOW)
    assert "与交换机（east）的连接中断" in banner(health, NOW)
    health.take(TelephonyBeat("east", linked=True, since=NOW), NOW)
    assert "banner" not in banner(health, NOW)
    later = NOW + seconds(STALE_AFTER_S + 1)
    health.take(TelephonyBeat("city", linked=True, since=NOW), later)
    assert "已过时（east）" in banner(health, later)
    alone = Health(["city"])
    alone.take(TelephonyBeat("city", linked=False, since=NOW), NOW)
    assert "与交换机的连接中断" in banner(alone, NOW)


def test_a_beat_travels_as_it_is() -> None:
    beat = TelephonyBeat("city", linked=False, since=NOW)
    assert TelephonyBeat.parse(beat.payload()) == beat
    for broken in ("", "[]", "{}", '{"pbx_id":"a","linked":true,"since":"2026-01-01T00:00:00"}'):
        with pytest.raises((ValueError, KeyError, TypeError)):
            TelephonyBeat.parse(broken)
