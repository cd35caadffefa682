"""How like two texts are, and percentiles. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def edits(wanted: str, heard: str) -> int:
    """Fewest insertions, deletions and replacements of characters that make one text the other.

    >>> edits("路灯不亮", "路灯不量了")
    2
    """
    row = list(range(len(heard) + 1))
    for place, character in enumerate(wanted, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(heard, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (character != other)),
            )
    return row[-1]


def error_rate(wanted: str, heard: str) -> float | None:
    """Character error rate, None when nothing was said."""
    return edits(wanted, heard) / len(wanted) if wanted else None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that at least ``percent`` of the values do not exceed; None without values.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50), percentile([1.0, 2.0, 3.0, 4.0], 95)
    (2.0, 4.0)
    """
    if not values:
        return None
    ordered = sorted(values)
    place = -(-len(ordered) * percent // 100)
    return ordered[max(0, min(len(ordered), int(place)) - 1)]
