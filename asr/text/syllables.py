"""How like two Chinese characters sound: pinyin, and what speakers and recognisers confuse. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

#: initials that many speakers of the north-west and the south do not tell apart
_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "hu": "f"}
_FINALS = (("iang", "ian"), ("uang", "uan"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
TONE_COST = 0.1
_INITIAL_COST = 0.25
_FINAL_COST = 0.25


@dataclass(frozen=True, slots=True)
class Syllable:
    """One reading of a character. Syllables with one ``kind`` may be taken for each other."""

    initial: str
    final: str
    tone: str
    kind: str


def spoken(name: str) -> tuple[Syllable, ...]:
    """How a text is read, a syllable a character, by its phrases; empty when it is not all Chinese."""
    if not all("\u4e00" <= it <= "\u9fff" for it in name):
        return ()
    from pypinyin import Style, pinyin  # noqa: PLC0415 - a fifth of a second for readers of transcripts only

    read = pinyin(name, style=Style.TONE3, neutral_tone_with_five=True)
    return tuple(syllable(found[0]) for found in read)


@cache
def syllable(toned: str) -> Syllable:
    """A syllable from its pinyin with the tone behind it: ``zhong1``."""
    plain, tone = toned.rstrip("12345"), toned[-1:]
    length = 2 if plain[:2] in {"zh", "ch", "sh"} else 1 if plain[:1] not in "aeo" else 0
    initial, final = plain[:length], plain[length:]
    # hua, huang are heard as fa, fang: the glide belongs to the consonant there
    if initial == "h" and final.startswith("u") and len(final) > 1:
        initial, final = "hu", final[1:]
    return Syllable(initial, final, tone, _INITIALS.get(initial, initial) + _merged(final))


def _merged(final: str) -> str:
    return next((short for long, short in _FINALS if final == long), final)


def distance(heard: Syllable, meant: Syllable) -> float:
    """0 for the same sound, up to 0.6 for one that is easily taken for it, 1 for another.

    >>> distance(syllable("wu2"), syllable("wu4")), distance(syllable("cheng2"), syllable("chen2"))
    (0.1, 0.25)
    """
    if heard.kind != meant.kind:
        return 1.0
    cost = TONE_COST * (heard.tone != meant.tone)
    cost += _INITIAL_COST * (heard.initial != meant.initial) + _FINAL_COST * (heard.final != meant.final)
    return round(cost, 2)
