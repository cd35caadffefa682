"""What is found in a transcript, where it is marked, and when it was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.searching import MOST_TERMS, Terms, leg_lines, normal, pairs, snippets
from facts.transcript import Leg, Transcript, Turn, Word


def turn(text: str, leg: Leg = Leg.CALLER) -> Turn:
    """A character a second."""
    words = tuple(Word(it, float(at), at + 1.0, 0.9) for at, it in enumerate(text))
    return Turn(leg, text, 0.0, float(len(text)), words)


TRANSCRIPT = Transcript(
    (
        turn("您好请讲", Leg.AGENT),
        turn("昆仑路三号楼路灯坏了电话幺三九零九七九幺二三四请记一下谢谢"),
        turn("好的"),
    ),
    "m",
)


@pytest.mark.parametrize(
    ("typed", "marked", "at_s"),
    [
        ("路灯", ["路灯"], 6),
        ("3号楼", ["3号楼"], 3),
        ("三号楼", ["3号楼"], 3),
        ("号楼路灯", ["3号楼路灯"], 3),
        ("13909791234", ["139****1234"], 12),
        ("九零九七", ["139****1234"], 12),
        ("幺三九零", ["139****1234"], 12),
        ("昆仑 记一下", ["昆仑", "记一下"], 0),
        ("没有", [], 0),
    ],
)
def test_words_and_numbers_are_marked_where_they_are_read(typed: str, marked: list[str], at_s: float) -> None:
    found = snippets(TRANSCRIPT, Terms.of(typed))
    assert [text for it in found for text, hit in it.pieces if hit] == marked
    for it in found:
        assert (it.turn, it.leg, it.at_s) == (1, Leg.CALLER, at_s)
        assert "13909791234" not in "".join(text for text, _ in it.pieces)


def test_one_side_only_and_the_text_around_is_cut() -> None:
    assert snippets(TRANSCRIPT, Terms.of("您好"), Leg.CALLER) == ()
    long = Transcript((turn("前" * 40 + "路灯" + "后" * 40),), "m")
    (found,) = snippets(long, Terms.of("路灯"))
    assert found.pieces[0][0].startswith("…前")
    assert found.pieces[-1][0].endswith("后…")


words = st.text(alphabet="昆仑路灯abＡ１2，。 三十幺", max_size=30)


@given(words, st.data())
def test_whatever_was_said_is_found_by_its_keys(said: str, data: st.DataObject) -> None:
    lines = leg_lines(Transcript((Turn(Leg.CALLER, said, 0, 1),), "m"), Leg.CALLER)
    keys = {key for line in lines for key in pairs(line)}
    plain = normal(said)
    first = data.draw(st.integers(0, len(plain)))
    term = plain[first : data.draw(st.integers(first, len(plain)))]
    for wanted in Terms.of(term).keys:
        for key in wanted:
            assert key in keys
    assert bool(lines) == bool(plain)


@given(st.text(max_size=300))
def test_anything_may_be_typed(typed: str) -> None:
    terms = Terms.of(typed)
    assert len(terms.terms) <= MOST_TERMS
    assert all(term == normal(term) for term in terms.terms) or not typed.isascii()
    assert snippets(Transcript((), "m"), terms) == ()
