"""What a connection rate is: pure, over calls that are over. Sources: docs/outcomes.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final

from facts.call import Call, CallFlag, Outcome

#: a person was reached
REACHED: Final = frozenset({Outcome.ANSWERED, Outcome.TRANSFERRED_EMERGENCY})
#: endings of a queue leg in which the caller never got a place
NO_PLACE: Final = frozenset({"full", "joinempty", "joinunavail"})
DASH: Final = "—"


@dataclass(frozen=True, slots=True)
class Definition:
    """A named rate. ``counts`` and ``reached`` see calls with an outcome, never unresolved ones.

    ``reached`` None: it cannot be said of this call (it is counted as not known).
    """

    name: str
    #: the formula in words
    formula: str
    counts: Callable[[Call], bool]
    reached: Callable[[Call], bool | None]


def _of_person(call: Call) -> bool:
    return call.outcome is not Outcome.SELF_SERVICE


def _person(call: Call) -> bool:
    return call.outcome in REACHED


def _answered(call: Call) -> bool:
    return call.outcome is Outcome.ANSWERED


def _queued(call: Call) -> bool:
    """In a queue; agents take callers from queues only, also when the waiting was not heard."""
    return _answered(call) or any(leg.ending not in NO_PLACE for leg in call.queue_legs)


def _short(call: Call) -> bool:
    return CallFlag.SHORT in call.flags


def _within(limit_s: float) -> Callable[[Call], bool | None]:
    def reached(call: Call) -> bool | None:
        if not _person(call):
            return False
        return None if call.wait_s is None else call.wait_s <= limit_s

    return reached


_ALL = (
    Definition("person", "(answered + transferred_emergency) ÷ (all − self_service)", _of_person, _person),
    Definition("strict", "answered ÷ all", lambda call: True, _answered),
    Definition(
        "person_without_short",
        "person, short abandons out of the base",
        lambda call: _of_person(call) and not _short(call),
        _person,
    ),
    Definition("queue_offered", "answered ÷ calls that got a place in a queue", _queued, _answered),
    *(
        Definition(
            f"within_{limit}s",
            f"of the base of person, reached a person within {limit} s of arrival",
            _of_person,
            _within(limit),
        )
        for limit in (15, 20, 30)
    ),
)

DEFINITIONS: Final[Mapping[str, Definition]] = MappingProxyType({it.name: it for it in _ALL})


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

    @property
    def percent(self) -> Decimal | None:
        """Two decimals, half up, from the unrounded quotient; None for 0 ÷ 0."""
        known = self.base - self.unknown
        if known == 0:
            return None
        quotient = Decimal(100 * self.reached) / Decimal(known)
        return quotient.quantize(Decimal("0.01"), ROUND_HALF_UP)

    @property
    def percent_text(self) -> str:
        """``96.43 %``, or a dash for 0 ÷ 0."""
        return DASH if self.percent is None else f"{self.percent} %"


def measure(definition: Definition, calls: Iterable[Call]) -> Rate:
    """The rate of these calls by one definition."""
    base = reached = unknown = unresolved = still_open = 0
    for call in calls:
        if call.outcome is None:
            still_open += 1
        elif call.outcome is Outcome.UNRESOLVED:
            unresolved += 1
        elif definition.counts(call):
            base += 1
            verdict = definition.reached(call)
            reached += verdict is True
            unknown += verdict is None
    return Rate(
        definition=definition.name,
        formula=definition.formula,
        base=base,
        reached=reached,
        misses=base - reached - unknown,
        unknown=unknown,
        unresolved=unresolved,
        open=still_open,
    )
