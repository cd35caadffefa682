"""Names that sound like what was heard are suggested; what is right is left alone."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from asr.text.syllables import spoken
from asr.text.vocabulary import Reason, Vocabulary

NAMES = (
    "盐桥路",
    "昆仑中路",
    "金桥丽景小区",
    "江源中路",
    "育红巷",
    "市住房和城乡建设局",
    "南山口",
    "物业",
    "物流园区",
    "陈家巷",
)
VOCABULARY = Vocabulary.of(NAMES, known=["热线"])


@pytest.mark.parametrize(
    ("heard", "wrong", "meant", "reason"),
    [
        ("我家在盐乔路附近", "盐乔路", "盐桥路", Reason.SAME_SOUND),
        ("江原中路三十号", "江原中路", "江源中路", Reason.SAME_SOUND),
        ("金乔利景小区六号楼", "金乔利景小区", "金桥丽景小区", Reason.SAME_SOUND),
        ("就在蓝山口那边", "蓝山口", "南山口", Reason.CONFUSED_SOUND),
        ("住在城家巷", "城家巷", "陈家巷", Reason.CONFUSED_SOUND),
    ],
)
def test_a_name_written_with_other_characters_is_suggested(
    heard: str, wrong: str, meant: str, reason: Reason
) -> None:
    (found,) = VOCABULARY.suggestions(heard)
    assert (found.heard, found.suggested, found.reason) == (wrong, meant, reason)
    assert heard[found.start : found.end] == wrong


@pytest.mark.parametrize("right", ["我家在盐桥路附近", "昆仑中路物业热线", "今天天气很好", "", "wifi坏了"])
def test_what_is_right_is_left_alone(right: str) -> None:
    assert VOCABULARY.suggestions(right, doubtful=[(0, len(right))]) == ()


def test_short_words_and_other_syllables_are_suggested_only_where_the_recogniser_doubts() -> None:
    for heard, span, meant in (
        ("找无业也没用", (1, 3), "物业"),
        ("是住房城乡建设局", (1, 8), "市住房和城乡建设局"),
    ):
        assert VOCABULARY.suggestions(heard) == ()
        assert [it.suggested for it in VOCABULARY.suggestions(heard, doubtful=[span])] == [meant]


def test_most_homophones_are_found_and_nothing_else() -> None:
    """Generated errors: one or two characters of a name replaced by others that sound alike."""
    by_sound = defaultdict(list)
    for (
        character
    ) in "盐严言沿桥乔侨昆坤仑轮伦中忠钟路录金今斤丽利力景井锦江将源元原育玉预红虹洪巷向象南蓝山三口":
        by_sound[spoken(character)[0].kind].append(character)
    draw = random.Random(7)
    found = tried = others = 0
    for _ in range(300):
        name = draw.choice([it for it in NAMES if len(it) > 2])
        wrong = list(name)
        for place in draw.sample(range(len(name)), draw.choice([1, 2])):
            wrong[place] = draw.choice(by_sound[spoken(name)[place].kind] or [name[place]])
        if "".join(wrong) == name:
            continue
        suggested = VOCABULARY.suggestions(f"我家在{''.join(wrong)}附近")
        tried += 1
        found += any(it.suggested == name for it in suggested)
        others += sum(it.suggested != name for it in suggested)
    assert found >= 0.9 * tried
    assert others <= 0.01 * tried
