"""How right drafts are: precision, recall and F1 a field against labelled calls, with Wilson intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from config.catalogue import CityData
from ticketing_bridge.drafting.draft import draft_call
from ticketing_bridge.drafting.lines import CallLineInvalid, call_of, read_object
from ticketing_bridge.drafting.model import Draft

_SCALARS = ("purpose", "appeal", "dedicated_line", "party", "callback_phone", "unit")
_FLAGS = ("confidential", "emergency", "repeat", "answered_online")
#: 95 %
_Z = 1.96


@dataclass(slots=True)
class Score:
    """Counts of one field: shown and right, shown and wrong, not shown or wrong where something was there."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    #: what was given and what was wanted, with the call's id
    faults: list[tuple[str, object, object]] = field(default_factory=list)

    @property
    def precision(self) -> float | None:
        """Right of all shown; None when nothing was shown."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Found of all that were there; None when nothing was there."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        base = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / base if base else None

    @property
    def recall_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the recall."""
        return wilson(self.right, self.right + self.missed)


def wilson(right: int, of: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval.

    >>> [round(it, 3) for it in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not of:
        return None
    share, extra = right / of, _Z**2 / of
    middle = (share + extra / 2) / (1 + extra)
    half = _Z / (1 + extra) * math.sqrt(share * (1 - share) / of + extra / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores by field. ``title`` and ``demand`` are not compared: wording is free."""

    calls: int
    fields: dict[str, Score]


def evaluate(lines: Iterable[str], data: CityData) -> Evaluation:
    """Draft every labelled call and compare.

    Raises:
        CallLineInvalid: a line is not a call or has no gold.
    """
    names = ("places", "when", *_SCALARS, "unit_top3", "dedicated_line_exact", *_FLAGS)
    scores = {name: Score() for name in names}
    calls = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = read_object(line, number)
        gold = row.get("gold")
        if not isinstance(gold, dict):
            raise CallLineInvalid(f"line {number}: gold is missing", fix="label the call first")
        calls += 1
        _compare(draft_call(call_of(row, number), data), gold, scores)
    return Evaluation(calls, scores)


def _compare(draft: Draft, gold: dict[str, Any], scores: dict[str, Score]) -> None:
    given = draft.plain()
    for name in _SCALARS:
        _count(scores[name], draft.id, given[name], gold.get(name))
    when, wanted = given["when"], gold.get("when") or {}
    _count(scores["when"], draft.id, _times(when), _times(wanted))
    _count_places(scores["places"], draft.id, given["places"], gold.get("places") or [])
    likely = [draft.unit.value, *draft.unit.candidates][:3]
    top3 = gold.get("unit") if gold.get("unit") in likely else draft.unit.value
    _count(scores["unit_top3"], draft.id, top3, gold.get("unit"))
    line = (given["dedicated_line"] or "none", gold.get("dedicated_line") or "none")
    _count(scores["dedicated_line_exact"], draft.id, *line)
    for name in _FLAGS:
        _count(scores[name], draft.id, given[name] or None, gold.get(name) or None)


def _times(when: dict[str, Any]) -> tuple[object, ...] | None:
    """What is compared of a time: the words, and both ends as resolved."""
    return (when["text"], when["start"], when["end"]) if when.get("text") else None


def _count(score: Score, call: str, given: object, wanted: object) -> None:
    score.right += given is not None and given == wanted
    score.wrong += given is not None and given != wanted
    score.missed += wanted is not None and given != wanted
    if given != wanted:
        score.faults.append((call, given, wanted))


def _count_places(score: Score, call: str, given: list[str], wanted: list[str]) -> None:
    right = len(set(given) & set(wanted))
    score.right += right
    score.wrong += len(given) - right
    score.missed += len(wanted) - right
    if set(given) != set(wanted):
        score.faults.append((call, given, wanted))


def table(result: Evaluation) -> str:
    """The scores as plain text, one line a field."""

    def share(value: float | None) -> str:
        return "    —" if value is None else f"{value:5.2f}"

    lines = [f"{result.calls} calls", f"{'field':<22}{'prec':>6}{'rec':>6}{'F1':>6}   recall 95 %"]
    for name, score in result.fields.items():
        around = score.recall_interval
        interval = f"{around[0]:.2f}–{around[1]:.2f}" if around else "—"
        lines.append(
            f"{name:<22}{share(score.precision):>6}{share(score.recall):>6}{share(score.f1):>6}   {interval}"
        )
    return "\n".join(lines) + "\n"
