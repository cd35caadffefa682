"""Columns of the rate's cells, and how each is counted from facts (SQL over ``rate_call``'s columns)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from facts.call import Outcome
from ticketing_bridge.store.rate_facts import ABANDONED, REACHED

#: upper ends of the waits' histogram, seconds; the last bucket has none
EDGES_S: Final = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)
#: upper ends of the time until a missed caller was reached, minutes; a day is the longest
RECOVERED_MIN: Final = (5, 10, 15, 30, 60, 120, 240, 480, 1440)
#: outcomes whose callers may or may not have got a place in a queue
PLACED: Final = tuple(it for it in Outcome if it not in (Outcome.ANSWERED, Outcome.UNRESOLVED))
BUCKETS: Final = range(len(EDGES_S) + 1)


def _quoted(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(f"'{it}'" for it in sorted(outcomes))


def _between(column: str, edges: Sequence[int], at: int, unit_ms: int) -> str:
    """The bucket's condition: above the last edge, up to its own."""
    parts = [f"{column} > {edges[at - 1] * unit_ms}"] if at else []
    parts += [f"{column} <= {edges[at] * unit_ms}"] if at < len(edges) else []
    return " AND ".join(parts)


def _conditions() -> dict[str, str]:
    reached, abandoned = _quoted([*REACHED]), _quoted([*ABANDONED])
    found = {f"n_{it}": f"outcome = '{it}'" for it in Outcome}
    found |= {"short": "short", "short_placed": "short AND placed"}
    found |= {f"placed_{it}": f"outcome = '{it}' AND placed" for it in PLACED}
    for at in BUCKETS:
        found[f"wait_{at}"] = f"outcome IN ({reached}) AND {_between('until_ms', EDGES_S, at, 1000)}"
    found["wait_unknown"] = f"outcome IN ({reached}) AND until_ms IS NULL"
    for at in BUCKETS:
        found[f"queue_wait_{at}"] = (
            f"outcome IN ({reached}) AND placed AND {_between('queue_ms', EDGES_S, at, 1000)}"
        )
    found["queue_wait_unknown"] = f"outcome IN ({reached}) AND placed AND queue_ms IS NULL"
    for at in BUCKETS:
        found[f"lost_{at}"] = f"outcome IN ({abandoned}) AND {_between('until_ms', EDGES_S, at, 1000)}"
    for at in range(len(RECOVERED_MIN)):
        found[f"recovered_{at}"] = _between("recovered_ms", RECOVERED_MIN, at, 60_000)
    found["wait_known"] = f"outcome = '{Outcome.ANSWERED}' AND until_ms IS NOT NULL"
    return found


#: column of a cell → which facts it counts, excluded ones apart
COUNTS: Final[Mapping[str, str]] = MappingProxyType(_conditions())
#: column of a cell → what it adds up, of which facts
SUMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "wait_ms": ("until_ms", f"outcome = '{Outcome.ANSWERED}' AND until_ms IS NOT NULL"),
        "talk_ms": ("talk_ms", "true"),
    }
)
#: all of them, as the tables have them
COLUMNS: Final = ("excluded", *COUNTS, *SUMS)


def counted(column: str) -> str:
    """SQL of the column's value in a group of deltas: facts with a sign."""
    if column == "excluded":
        return "coalesce(sum(sign) FILTER (WHERE excluded), 0)"
    if column in SUMS:
        value, which = SUMS[column]
        return f"coalesce(sum(sign * {value}::bigint) FILTER (WHERE NOT excluded AND {which}), 0)"
    return f"coalesce(sum(sign) FILTER (WHERE NOT excluded AND {COUNTS[column]}), 0)"


def of_one(column: str) -> str:
    """SQL of what one delta adds to the column."""
    if column == "excluded":
        return "CASE WHEN excluded THEN sign ELSE 0 END"
    value, which = SUMS.get(column) or ("1", COUNTS[column])
    return f"CASE WHEN NOT excluded AND {which} THEN sign * {value}::bigint ELSE 0 END"
