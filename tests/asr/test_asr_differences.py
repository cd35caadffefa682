"""Two hearings of one call: what differs, where and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asr.text.differences import Kind, differences
from asr.transcript import merge_turns
from facts.transcript import Leg, Transcript, Word


def said(text: str, at: float = 0.0) -> tuple[Word, ...]:
    """Words by spaces, a fifth of a second a character."""
    words = []
    for part in text.split():
        words.append(Word(part, round(at, 3), round(at + 0.2 * len(part), 3), 0.9))
        at += 0.2 * len(part)
    return tuple(words)


def heard(*segments: tuple[Word, ...], leg: Leg = Leg.CALLER, model: str = "m") -> Transcript:
    return Transcript(merge_turns({leg: segments}), model)


def test_another_word_is_shown_whole_with_its_moment() -> None:
    (found,) = differences(heard(said("我家 宏远 无业 不管")), heard(said("我家 宏远 物业 不管", 0.1)))
    assert (found.kind, found.live.text, found.record.text) == (Kind.REPLACED, "无业", "物业")  # type: ignore[union-attr]
    assert (found.start_s, found.end_s) == (0.9, 1.3)


def test_words_that_only_one_of_them_has() -> None:
    live = heard(said("暖气 不热 真的"))
    record = heard(said("暖气 都 不热"), said("谢谢 再见", 20))
    found = [(it.kind, (it.live or it.record).text) for it in differences(live, record)]  # type: ignore[union-attr]
    assert found == [(Kind.INSERTED, "都"), (Kind.MISSING, "真的"), (Kind.INSERTED, "谢谢再见")]


def test_the_same_word_at_another_time_is_not_the_same_word() -> None:
    found = differences(heard(said("好的")), heard(said("好的", 30)))
    assert {it.kind for it in found} == {Kind.MISSING, Kind.INSERTED}


def test_sounds_that_are_no_words_do_not_matter() -> None:
    assert differences(heard(said("嗯 暖气 不热")), heard(said("啊 暖气 啊 不热"))) == ()


words = st.lists(
    st.sampled_from(["我", "家", "暖气", "不热", "三号楼", "嗯", "物业"]), min_size=1, max_size=12
)
transcripts = st.builds(
    lambda one, two, pause: heard(said(" ".join(one)), said(" ".join(two), 0.2 * len("".join(one)) + pause)),
    words,
    words,
    st.floats(0.0, 5.0),
)


@given(transcripts)
def test_a_hearing_does_not_differ_from_itself(transcript: Transcript) -> None:
    assert differences(transcript, transcript) == ()


@given(transcripts, transcripts)
def test_places_hold_what_they_name_and_do_not_overlap(live: Transcript, record: Transcript) -> None:
    taken: set[tuple[int, int]] = set()
    for found in differences(live, record):
        assert (found.live is None, found.record is None) == (
            found.kind is Kind.INSERTED,
            found.kind is Kind.MISSING,
        )
        for place, side in ((found.live, live), (found.record, record)):
            if place is not None:
                assert side.turns[place.turn].text[place.start : place.end] == place.text
        if found.record is not None:
            spots = {(found.record.turn, it) for it in range(found.record.start, found.record.end)}
            assert not spots & taken
            taken |= spots
