"""Which number a caller may want: found in what is being said. Pure: no clock, no SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from asr.text.searching import normal
from facts.errors import HotlineError
from ticketing_bridge.store.knowledge_records import PhoneEntry, PhoneText

#: how much a word counts by where it stands: names of the unit tell more than words of its duties
_UNIT: Final = 6.0
_OFFICE: Final = 5.0
_DUTY: Final = 2.0
_SUGGESTED: Final = 3.0
#: what was said before the newest turns counts less
_FADES: Final = 0.8
_LEAST: Final = 2.0
#: endings and beginnings of unit names that people leave out
_LEFT_OUT = re.compile(r"^(?:格尔木)?市|(?:有限责任|有限)?公司$|(?:委员会|管理局|服务中心|局)$")
_NUMBER = re.compile(r"[0-9]{3,15}(?:[-转][0-9]{1,6})?")


class PhoneInvalid(HotlineError):
    """A line of the phone book lacks something."""

    error_id = "phone-entry-invalid"


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """An entry that fits, how well, and the words that say so."""

    entry: PhoneEntry
    score: float
    because: tuple[str, ...]


def checked_number(entry: PhoneText) -> PhoneText:
    """The entry with a number of digits only (an extension behind ``-``).

    Raises:
        PhoneInvalid: the unit is missing, the number is none, or a closed office names no reason to be kept.
    """
    number = re.sub(r"[\s()（）]", "", entry.number).replace("－", "-").replace("—", "-")
    number = re.sub(r"^(0\d{2,3})-(?=\d{7,8})", r"\1", number)
    if not entry.unit.strip():
        raise PhoneInvalid("a number without a unit", fix="name the unit as the unit directory does")
    if not _NUMBER.fullmatch(number):
        raise PhoneInvalid(f"{entry.number!r} is no number", fix="digits, with an extension behind -")
    return PhoneText(
        unit=entry.unit.strip(),
        number=number,
        office=entry.office.strip(),
        duties=tuple(it.strip() for it in entry.duties if it.strip()),
        hours=entry.hours.strip(),
        address=entry.address.strip(),
        note=entry.note.strip(),
        closed=entry.closed,
        successor=entry.successor.strip(),
        checked_on=entry.checked_on,
    )


def short_names(unit: str, aliases: Iterable[str] = ()) -> tuple[str, ...]:
    """What people call a unit: its name, its aliases, and the name without what is left out in speech.

    >>> short_names("市住房和城乡建设局", ["住建局"])
    ('市住房和城乡建设局', '住建局', '住房和城乡建设')
    """
    found = [unit, *aliases]
    bare = unit
    while (shorter := _LEFT_OUT.sub("", bare)) != bare:
        bare = shorter
    if len(bare) >= 2:
        found.append(bare)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class BookEntry:
    """A number, and the words that ask for it with how much each counts."""

    entry: PhoneEntry
    words: tuple[tuple[str, float], ...]


def phone_book(
    entries: Iterable[PhoneEntry],
    *,
    aliases: Mapping[str, Sequence[str]],
    duties: Mapping[str, Sequence[str]],
) -> tuple[BookEntry, ...]:
    """The phone book made ready to be looked through with every sentence.

    Args:
        entries: the phone book.
        aliases: what people call each unit, from the unit directory.
        duties: words of each unit's duties, from the unit directory.
    """
    return tuple(
        BookEntry(entry, tuple(_words(entry.text, aliases, duties.get(entry.text.unit, ()))))
        for entry in entries
    )


def _words(
    text: PhoneText, aliases: Mapping[str, Sequence[str]], duties: Sequence[str]
) -> Iterator[tuple[str, float]]:
    for words, weight in (
        (short_names(text.unit, aliases.get(text.unit, ())), _UNIT),
        ((text.office,), _OFFICE),
        (text.duties, _DUTY + 1),
        (duties, _DUTY),
    ):
        for word in map(normal, words):
            if len(word) >= 2:
                yield word, weight


def find_numbers(
    book: Iterable[BookEntry], turns: Sequence[str], *, suggested: Sequence[str] = (), most: int = 5
) -> list[FoundNumber]:
    """The entries that fit what was said, the best first; closed ones behind all others.

    Args:
        book: what ``phone_book`` made ready.
        turns: what the caller has said, the newest first.
        suggested: units that the draft proposes, the likeliest first.
        most: how many are wanted.
    """
    said = [normal(turn) for turn in turns]
    found = []
    for it in book:
        unit = it.entry.text.unit
        score, because = 0.0, []
        for word, weight in it.words:
            if worth := _worth(word, said):
                score += weight * worth
                because.append(word)
        if score and unit in suggested:
            score += _SUGGESTED / (1 + suggested.index(unit))
        elif unit in suggested[:1]:
            score = _SUGGESTED
        if score >= _LEAST:
            found.append(FoundNumber(it.entry, round(score, 2), tuple(dict.fromkeys(because))[:4]))
    found.sort(key=lambda it: (it.entry.text.closed, -it.score, it.entry.dead, it.entry.id))
    return found[:most]


def _worth(word: str, said: Sequence[str]) -> float:
    """How much it counts that a word was said: longer words more, older turns less."""
    for back, turn in enumerate(said):
        if word in turn:
            return (len(word) / 2) * _FADES ** min(back, 6)
    return 0.0


def spoken_groups(number: str) -> tuple[str, ...]:
    """A number as one reads it out: in groups, 1 as 幺.

    >>> spoken_groups("09798412345")
    ('零九七九', '八四幺二', '三四五')
    >>> spoken_groups("12345")
    ('幺二三', '四五')
    """
    digits, _, extension = number.partition("-")
    spoken = "".join(_SPOKEN[int(it)] for it in digits if it.isdigit())
    size = 3 if len(spoken) <= 6 else 4
    groups = [spoken[at : at + size] for at in range(0, len(spoken), size)]
    if len(digits) == 11 and digits.startswith("1"):
        groups = [spoken[:3], spoken[3:7], spoken[7:]]
    if extension:
        groups.append("转" + "".join(_SPOKEN[int(it)] for it in extension if it.isdigit()))
    return tuple(groups)


_SPOKEN: Final = "零幺二三四五六七八九"
