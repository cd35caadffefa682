"""How far the live words of a leg lie from the same words of its recording. Pure.

The live timeline is made from arrivals; the recording counts samples in the PBX. Words that both heard
show whether the two clocks began together and whether they went apart.
"""

from __future__ import annotations

import difflib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from facts.transcript import Word

#: matches of fewer characters in a row say little: common words fit anywhere
SHORTEST_MATCH = 2
#: words at each end of the leg that are compared, at most
AT_AN_END = 8


@dataclass(frozen=True, slots=True)
class Drift:
    """Seconds that the live words come later than the recording's (negative: earlier)."""

    #: how many words were compared
    words: int
    #: over the whole leg
    offset_s: float
    #: how much more at the leg's end than at its beginning
    drift_s: float


def drift_of(live: Sequence[Word], record: Sequence[Word]) -> Drift | None:
    """Compare the words of one leg, each in order of time; None when too few are the same."""
    matcher = difflib.SequenceMatcher(
        None, [word.text for word in live], [word.text for word in record], autojunk=False
    )
    late_s = [
        live[block.a + index].start_s - record[block.b + index].start_s
        for block in matcher.get_matching_blocks()
        if sum(len(word.text) for word in live[block.a : block.a + block.size]) >= SHORTEST_MATCH
        for index in range(block.size)
    ]
    if len(late_s) < 2:
        return None
    end = min(AT_AN_END, len(late_s) // 2)
    drift_s = statistics.median(late_s[-end:]) - statistics.median(late_s[:end])
    return Drift(len(late_s), round(statistics.median(late_s), 3), round(drift_s, 3))
