"""What people read of a turn leads back to what was said, and when."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.text.display import DisplayText, KeptNames, display, moment
from asr.text.sentences import is_question
from asr.text.words import display_text, masked_turn
from facts.transcript import Leg, Turn, Word

spoken = st.sampled_from(
    [
        "您好",
        "三",
        "号楼",
        "幺三九七",
        "四六三",
        "幺五零八",
        "吗",
        "了",
        "我家",
        "暖气",
        "一",
        "点",
        "都",
        "不热",
        "百分之",
        "五十",
        "wifi",
        "5g",
        "下午",
        "三点半",
        "两万",
        "六",
        "昆仑路",
        "二十一",
        "个",
    ]
)


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """A turn as a recogniser gives it: words touch each other, or a pause stands between."""
    at, words = draw(st.floats(0, 100)), []
    for text in draw(st.lists(spoken, min_size=1, max_size=14)):
        at += draw(st.sampled_from([0.0, 0.0, 0.15, 0.3, 0.7]))
        words.append(Word(text, round(at, 3), round(at + 0.2 * len(text), 3), 0.9))
        at += 0.2 * len(text)
    text = display_text(word.text for word in words)
    return Turn(Leg.CALLER, text, words[0].start_s, words[-1].end_s, tuple(words))


def in_order(shown: DisplayText) -> None:
    place = said = 0
    for piece in shown.pieces:
        assert (piece.start, piece.said_start) == (place, said)
        place, said = piece.end, piece.said_end
    assert (place, said) == (len(shown.text), len(shown.said))


@settings(max_examples=150)
@given(turns())
def test_the_way_back_is_in_order_and_loses_nothing(turn: Turn) -> None:
    shown = display(turn)
    in_order(shown)
    word = 0
    for piece in shown.pieces:
        text, said = shown.text[piece.start : piece.end], turn.text[piece.said_start : piece.said_end]
        assert text == said if piece.plain else (re.search(r"[0-9]", text) or (text in "，。？" and not said))
        assert word <= piece.first_word <= piece.last_word or not said
        word = max(word, piece.last_word)
    assert word == len(turn.words) - 1


@settings(max_examples=150)
@given(turns(), st.data())
def test_every_span_leads_there_and_back(turn: Turn, data: st.DataObject) -> None:
    shown = display(turn)
    first = data.draw(st.integers(0, len(turn.text) - 1))
    end = data.draw(st.integers(first + 1, len(turn.text)))
    start, stop = shown.shown_span(first, end)
    assert start < stop
    back = shown.said_span(start, stop)
    assert back[0] <= first
    assert back[1] >= end
    assert shown.shown_span(*back) == (start, stop)
    head, tail = shown.words_at(start, stop)
    assert turn.words[head].start_s <= moment(turn, first) <= turn.words[tail].end_s


@settings(max_examples=150)
@given(turns())
def test_no_long_number_is_readable_once_it_is_masked(turn: Turn) -> None:
    shown = display(masked_turn(turn)).text
    assert not re.search(r"[0-9零〇幺一二两三四五六七八九]{7,}", shown)


@settings(max_examples=50)
@given(turns())
def test_without_figures_only_marks_are_new(turn: Turn) -> None:
    shown = display(turn, numbers=False)
    in_order(shown)
    assert re.sub("[，。？]", "", shown.text) == turn.text


def heard(*parts: str | float) -> Turn:
    words, at = [], 0.0
    for part in parts:
        if isinstance(part, str):
            words.append(Word(part, at, at + 0.4, 0.9))
            at += 0.4
        else:
            at += part
    return Turn(Leg.CALLER, display_text(word.text for word in words), 0.0, at, tuple(words))


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        (heard("您好", 0.15, "请问", "有什么", "可以", "帮您"), "您好，请问有什么可以帮您？"),
        (
            heard("已经", "好几天", "了", 0.3, "你们", "能不能", "派人", "来"),
            "已经好几天了。你们能不能派人来？",
        ),
        (heard("修好", "了", "吗", 0.15, "我", "等着", "呢"), "修好了吗？我等着呢。"),
        (heard("我家", 0.2, "在", "三", "号楼"), "我家，在3号楼。"),
        (heard("幺三九", 0.3, "七四六三", 0.3, "幺五零八"), "13974631508。"),
        (heard("两万", "六", "两万", "六"), "2万6，2万6。"),
    ],
)
def test_sentences(turn: Turn, shown: str) -> None:
    assert display(turn).text == shown


@pytest.mark.parametrize(
    "asked",
    [
        "什么时候开始的",
        "是哪个方向",
        "跟物业反映过没有",
        "能领证不",
        "那您的诉求是尽快修好对吧",
        "钱是打到卡里面吗",
    ],
)
def test_questions(asked: str) -> None:
    assert is_question(asked)


@pytest.mark.parametrize(
    "stated",
    ["没什么事了", "我不知道怎么办", "好几天了", "啥警示都没有", "修好就行吧", "我们已经在楼下站着呢"],
)
def test_statements(stated: str) -> None:
    assert not is_question(stated)


def test_a_number_leads_to_its_words() -> None:
    turn = heard("八一路", "三", "号楼", "着火", "了")
    shown = display(turn, names=KeptNames.of(["八一路", "昆仑路"]))
    assert shown.text == "八一路3号楼着火了。"
    at = shown.text.index("3")
    assert shown.words_at(at, at + 1) == (1, 2)
    assert shown.said_span(at, at + 1) == (3, 6)
    assert shown.shown_span(4, 5) == (3, 6)
