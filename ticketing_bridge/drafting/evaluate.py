"""How right drafts are: precision, recall and F1 a field against labelled calls, with Wilson intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from config.catalogue import CityData
from ticketing_bridge.drafting.draft import draft_call
from ticketing_bridge.drafting.lines import call_of, read_labelled
from ticketing_bridge.drafting.model import Draft, DraftInput, Span, Value, When
from ticketing_bridge.drafting.noise import Disturbed, disturb

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
    def precision_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the precision."""
        return wilson(self.right, self.right + self.wrong)

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
    """Scores by field. ``title`` and ``demand`` are not compared: wording is free.

    ``noise`` is the share of characters that were disturbed before drafting.
    """

    calls: int
    fields: dict[str, Score]
    noise: float = 0.0


Drafter = Callable[[DraftInput], Draft]


def evaluate(
    lines: Iterable[str],
    data: CityData,
    *,
    noise: float = 0.0,
    seed: str = "",
    drafter: Drafter | None = None,
) -> Evaluation:
    """Draft every labelled call and compare; ``drafter`` is another way to draft than the rules.

    Raises:
        CallLineInvalid: a line is not a call or has no gold.
    """
    return evaluate_rows(read_labelled(lines), data, noise=noise, seed=seed, drafter=drafter)


def evaluate_rows(
    rows: Sequence[dict[str, Any]],
    data: CityData,
    *,
    noise: float = 0.0,
    seed: str = "",
    drafter: Drafter | None = None,
    into: dict[str, Score] | None = None,
) -> Evaluation:
    """The same of calls that were read already; ``into`` goes on counting where others were counted."""
    names = ("places", "when", *_SCALARS, "unit_top3", "dedicated_line_exact", *_FLAGS, "second_matter")
    scores = {name: Score() for name in names} if into is None else into
    make = drafter or partial(draft_call, data=data)
    for number, row in enumerate(rows, 1):
        call = call_of(row, number)
        disturbed = disturb(call, noise, seed)
        quotes = Quotes(call, disturbed if noise else None)
        _compare(make(disturbed.call if noise else call), row["gold"], scores, quotes)
    return Evaluation(len(rows), scores, noise)


@dataclass(frozen=True, slots=True)
class Quotes:
    """Whether a quotation of the draft is the one that is wanted.

    In a disturbed call it is, when it covers the same characters but for one at either end.
    """

    call: DraftInput
    disturbed: Disturbed | None

    def same(self, given: Value[Any], wanted: str | None) -> bool:
        text = given.value.text if isinstance(given.value, When) else given.value
        if text is None or wanted is None:
            return text is wanted
        if self.disturbed is None or not given.spans:
            return bool(text == wanted)
        span = given.spans[0]
        return any(
            span.turn == it.turn and abs(span.start - it.start) <= 1 and abs(span.end - it.end) <= 1
            for it in self._wanted(wanted)
        )

    def _wanted(self, text: str) -> Iterator[Span]:
        assert self.disturbed is not None
        for number, turn in enumerate(self.call.turns):
            for found in re.finditer(re.escape(text), turn.text):
                yield self.disturbed.span(Span(number, found.start(), found.end(), text))


def _compare(draft: Draft, gold: dict[str, Any], scores: dict[str, Score], quotes: Quotes) -> None:
    """Only the fields that the labels name: a call may be labelled in part."""
    given = draft.plain()
    for name in (it for it in _SCALARS if it in gold):
        if name == "party":
            shown = gold.get(name) if quotes.same(draft.party, gold.get(name)) else draft.party.value
            count(scores[name], draft.id, shown, gold.get(name))
        else:
            count(scores[name], draft.id, given[name], gold.get(name))
    if "when" in gold:
        when, wanted = given["when"], gold["when"] or {}
        if quotes.same(draft.when, wanted.get("text")):
            when = {**when, "text": wanted.get("text")}
        count(scores["when"], draft.id, _times(when), _times(wanted))
    if "places" in gold:
        _count_places(scores["places"], draft, gold["places"] or [], quotes)
    if "unit" in gold:
        likely = [draft.unit.value, *draft.unit.candidates][:3]
        top3 = gold["unit"] if gold["unit"] in likely else draft.unit.value
        count(scores["unit_top3"], draft.id, top3, gold["unit"])
    if "dedicated_line" in gold:
        line = (given["dedicated_line"] or "none", gold["dedicated_line"] or "none")
        count(scores["dedicated_line_exact"], draft.id, *line)
    for name in (it for it in _FLAGS if it in gold):
        count(scores[name], draft.id, given[name] or None, gold[name] or None)
    if "unit" not in gold:
        return
    second = (draft.second_matter.unit.value if draft.second_matter else None, _second_unit(gold))
    count(scores["second_matter"], draft.id, *second)


def _second_unit(gold: dict[str, Any]) -> object:
    second = gold.get("second_matter")
    return second.get("unit") if isinstance(second, dict) else None


def _times(when: dict[str, Any]) -> tuple[object, ...] | None:
    """What is compared of a time: the words, and both ends as resolved."""
    return (when["text"], when["start"], when["end"]) if when.get("text") else None


def count(score: Score, call: str, given: object, wanted: object) -> None:
    """Add one call's value; None is nothing shown, or nothing wanted."""
    score.right += given is not None and given == wanted
    score.wrong += given is not None and given != wanted
    score.missed += wanted is not None and given != wanted
    if given != wanted:
        score.faults.append((call, given, wanted))


def _count_places(score: Score, draft: Draft, wanted: list[str], quotes: Quotes) -> None:
    found = {it for it in wanted if any(quotes.same(place, it) for place in draft.places)}
    score.right += len(found)
    score.wrong += len(draft.places) - len(found)
    score.missed += len(wanted) - len(found)
    if len(found) < max(len(wanted), len(draft.places)):
        score.faults.append((draft.id, [it.value for it in draft.places], wanted))


def table(result: Evaluation) -> str:
    """The scores as plain text, one line a field."""

    def share(value: float | None) -> str:
        return "    —" if value is None else f"{value:5.2f}"

    def around(interval: tuple[float, float] | None) -> str:
        return f"{interval[0]:.2f}–{interval[1]:.2f}" if interval else "—"

    head = f"{result.calls} calls" + (f", {result.noise:.0%} of characters disturbed" if result.noise else "")
    lines = [head, f"{'field':<22}{'prec':>6}{'95 %':>12}{'rec':>7}{'95 %':>12}{'F1':>7}"]
    for name, score in result.fields.items():
        lines.append(
            f"{name:<22}{share(score.precision):>6}{around(score.precision_interval):>12}"
            f"{share(score.recall):>7}{around(score.recall_interval):>12}{share(score.f1):>7}"
        )
    return "\n".join(lines) + "\n"


def plain(result: Evaluation) -> dict[str, Any]:
    """The scores as facts for ``--json``."""
    return {
        "calls": result.calls,
        "noise": result.noise,
        "fields": {
            name: {
                "right": score.right,
                "wrong": score.wrong,
                "missed": score.missed,
                "precision": score.precision,
                "precision_interval": score.precision_interval,
                "recall": score.recall,
                "recall_interval": score.recall_interval,
                "f1": score.f1,
                "faults": [
                    {"id": id_, "given": given, "wanted": wanted} for id_, given, wanted in score.faults
                ],
            }
            for name, score in result.fields.items()
        },
    }
