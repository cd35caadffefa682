"""What a connection rate is: pure, over calls that are over. Sources: docs/rates.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from config.rates import Clock, RateDefinition, built_in_rates
from facts.call import Call, Outcome
from facts.percent import percent_of
from ticketing_bridge.store.rate_facts import MISSED, RateFact, fact_of

DASH: Final = "—"


@cache
def shipped() -> Mapping[str, RateDefinition]:
    """The shipped definitions by name."""
    return MappingProxyType({it.name: it for it in built_in_rates().definitions})


def counts(definition: RateDefinition, fact: RateFact) -> bool:
    """Whether a call is in the base."""
    return (
        not fact.excluded
        and fact.outcome is not Outcome.UNRESOLVED
        and fact.outcome not in definition.left_out
        and not (definition.without_short and fact.short)
        and (fact.placed or not definition.queued_only)
    )


def reached(definition: RateDefinition, fact: RateFact) -> bool | None:
    """Whether a call of the base counts as reached; None: it cannot be said (its wait is not known)."""
    if fact.outcome not in definition.reached:
        if definition.recovered_min is None or fact.outcome not in MISSED or fact.recovered_ms is None:
            return False
        return fact.recovered_ms <= definition.recovered_min * 60_000
    if definition.within_s is None:
        return True
    wait_ms = fact.queue_ms if definition.clock is Clock.QUEUE else fact.until_ms
    return None if wait_ms is None else wait_ms <= definition.within_s * 1000


@lru_cache(maxsize=256)
def formula_of(definition: RateDefinition) -> str:
    """The formula in words, always that of the definition.

    >>> formula_of(shipped()["person"])
    '(answered + transferred_emergency) ÷ (all − self_service)'
    >>> formula_of(shipped()["within_15s_of_queue"])
    '(answered + transferred_emergency, within 15 s of entering a queue) ÷ (queued − self_service)'
    """
    above = " + ".join(definition.reached)
    if definition.within_s is not None:
        since = "entering a queue" if definition.clock is Clock.QUEUE else "arrival"
        above += f", within {definition.within_s} s of {since}"
    if definition.recovered_min is not None:
        above += f" + missed and called back within {definition.recovered_min} min"
    below = " − ".join(
        [
            "queued" if definition.queued_only else "all",
            *definition.left_out,
            *(["short"] if definition.without_short else []),
        ]
    )
    window = f", least of any continuous {definition.window_h} h" if definition.window_h else ""
    left, right = (f"({part})" if " " in part else part for part in (above, below))
    return f"{left} ÷ {right}{window}"


@dataclass(frozen=True, slots=True)
class Rate:
    """One figure with what it rests on. ``reached + misses + unknown == base``."""

    definition: str
    formula: str
    base: int
    reached: int
    misses: int
    #: calls of the base of which it cannot be said (the moment of the answer fell into a gap)
    unknown: int
    #: calls whose events are missing: in no base, printed beside
    unresolved: int
    #: calls that are not over: in no base
    open: int
    #: calls that two people left out (tests, the carrier's, pranks)
    excluded: int = 0
    #: in Chinese
    title: str = ""
    #: False: the stored histogram cannot answer this, the calls themselves were counted
    from_cells: bool = True

    @property
    def percent(self) -> Decimal | None:
        """Two decimals, half up, from the unrounded quotient; None for 0 ÷ 0."""
        return percent_of(self.reached, self.base - self.unknown)

    @property
    def percent_text(self) -> str:
        """``96.43 %``, or a dash for 0 ÷ 0."""
        return DASH if self.percent is None else f"{self.percent} %"

    def plus(self, other: Rate) -> Rate:
        """Both periods together."""
        added = ("base", "reached", "misses", "unknown", "unresolved", "open", "excluded")
        return replace(
            other,
            **{name: getattr(self, name) + getattr(other, name) for name in added},
            from_cells=self.from_cells and other.from_cells,
        )


def measure(definition: RateDefinition, calls: Iterable[Call | RateFact]) -> Rate:
    """The rate of these calls by one definition."""
    base = done = unknown = unresolved = still_open = excluded = 0
    for call in calls:
        fact = fact_of(call) if isinstance(call, Call) else call
        if fact is None:
            still_open += 1
        elif fact.excluded:
            excluded += 1
        elif fact.outcome is Outcome.UNRESOLVED:
            unresolved += 1
        elif counts(definition, fact):
            base += 1
            verdict = reached(definition, fact)
            done += verdict is True
            unknown += verdict is None
    return Rate(
        definition=definition.name,
        formula=formula_of(definition),
        base=base,
        reached=done,
        misses=base - done - unknown,
        unknown=unknown,
        unresolved=unresolved,
        open=still_open,
        excluded=excluded,
        title=definition.title,
    )
