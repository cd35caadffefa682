"""What a draft has right of what its call should have given; and where the rest was lost. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ticketing_bridge.drafting.evaluate import wilson

#: in the order of the table
FIELDS = ("places", "when", "purpose", "appeal", "unit", "party", "callback_phone", "emergency")
_JOINTS = re.compile(r"[\s、，。的]")


class Lost(StrEnum):
    """Where a field was lost."""

    #: from the words as they were said it is not drafted right, either
    DRAFTING = "drafting"
    #: it is right from the words as they were said: shown wrong of what was heard
    HEARD_OTHERWISE = "heard_otherwise"
    #: the same, and left blank
    NOT_SHOWN = "not_shown"


def values_of(content: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a stored draft as they are compared; empty ones are left out."""
    return {name: text for name in FIELDS if (text := _text(name, content.get(name)))}


def _text(name: str, kept: Any) -> str:
    if name == "places":
        return "".join(it["value"] or "" for it in kept or ())
    value = (kept or {}).get("value")
    if name == "when":
        return str((value or {}).get("start") or "")[:10]
    return "true" if value is True else str(value or "")


def same(name: str, given: str | None, wanted: str | None) -> bool:
    """Whether a value is right; of places the joints do not count."""
    if given is None or wanted is None:
        return given is wanted
    if name == "places":
        return _JOINTS.sub("", given) == _JOINTS.sub("", wanted)
    return given == wanted


@dataclass(slots=True)
class FieldScore:
    """One field over all calls."""

    wanted: int = 0
    shown: int = 0
    right: int = 0
    #: right when every word is heard as it was said
    right_if_heard: int = 0
    lost: dict[Lost, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """One field of one call that is not right."""

    call: str
    name: str
    wanted: str | None
    given: str | None
    lost: Lost


@dataclass(slots=True)
class Verdict:
    """All calls."""

    calls: int = 0
    fields: dict[str, FieldScore] = field(default_factory=lambda: {it: FieldScore() for it in FIELDS})
    faults: list[Fault] = field(default_factory=list)

    def add(
        self,
        call: str,
        wanted: Mapping[str, str],
        given: Mapping[str, str],
        if_heard: Mapping[str, str],
    ) -> None:
        """One call: what it should give, what was drafted of what was heard, and of what was said."""
        self.calls += 1
        for name in FIELDS:
            score, want, have = self.fields[name], wanted.get(name), given.get(name)
            ideal = same(name, if_heard.get(name), want)
            score.wanted += want is not None
            score.shown += have is not None
            score.right += want is not None and same(name, have, want)
            score.right_if_heard += want is not None and ideal
            if not same(name, have, want):
                lost = (
                    Lost.DRAFTING if not ideal else Lost.NOT_SHOWN if have is None else Lost.HEARD_OTHERWISE
                )
                score.lost[lost] = score.lost.get(lost, 0) + 1
                self.faults.append(Fault(call, name, want, have, lost))

    def total(self, name: str) -> int:
        """A count over all fields."""
        return sum(int(getattr(it, name)) for it in self.fields.values())

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        right, wanted, shown = (self.total(it) for it in ("right", "wanted", "shown"))
        heard = self.total("right_if_heard")
        return {
            "calls": self.calls,
            "fields_wanted": wanted,
            "fields_right": right,
            "share_right": right / wanted if wanted else None,
            "interval": wilson(right, wanted),
            "share_of_shown_right": right / shown if shown else None,
            "shown_interval": wilson(right, shown),
            "share_right_if_heard": heard / wanted if wanted else None,
            "if_heard_interval": wilson(heard, wanted),
            "fields": {
                name: {
                    "wanted": it.wanted,
                    "shown": it.shown,
                    "right": it.right,
                    "right_if_heard": it.right_if_heard,
                    "lost": {lost.value: count for lost, count in it.lost.items()},
                }
                for name, it in self.fields.items()
            },
            "faults": [
                {
                    "call": it.call,
                    "field": it.name,
                    "wanted": it.wanted,
                    "given": it.given,
                    "lost": it.lost.value,
                }
                for it in self.faults
            ],
        }


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that there are."""
    there = [it for it in values if it is not None]
    return sum(there) / len(there) if there else None
