"""Which columns of the cells answer a definition. Pure: names in, names out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.rates import Clock, RateDefinition
from facts.call import Outcome
from ticketing_bridge.store.rate_columns import EDGES_S, RECOVERED_MIN
from ticketing_bridge.store.rate_facts import ABANDONED, REACHED

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Columns to be added up; ``-column`` is taken away."""

    base: Columns
    reached: Columns
    unknown: Columns = ()


def plan_of(definition: RateDefinition) -> Plan | None:
    """How the cells answer this definition; None: only the calls themselves can.

    The histogram knows waits to its edges only, and those of everybody who reached a person together.
    """
    base_of = [it for it in Outcome if it is not Outcome.UNRESOLVED and it not in definition.left_out]
    base = tuple(_column(it, definition) for it in base_of)
    if definition.without_short:
        if not set(base_of) >= ABANDONED:
            return None
        base += ("-short_placed" if definition.queued_only else "-short",)
    if definition.within_s is not None:
        return _within(definition, base)
    done = tuple(_column(it, definition) for it in base_of if it in definition.reached)
    if definition.recovered_min is None:
        return Plan(base, done)
    if (
        definition.recovered_min not in RECOVERED_MIN
        or definition.queued_only
        or definition.without_short
        or set(definition.left_out) - {Outcome.SELF_SERVICE}
        or set(definition.reached) != REACHED
    ):
        return None
    buckets = range(RECOVERED_MIN.index(definition.recovered_min) + 1)
    return Plan(base, done + tuple(f"recovered_{at}" for at in buckets))


def _within(definition: RateDefinition, base: Columns) -> Plan | None:
    of_queue = definition.clock is Clock.QUEUE
    fits = of_queue is definition.queued_only and set(definition.reached) == REACHED
    if not fits or definition.within_s not in EDGES_S:
        return None
    name = "queue_wait" if of_queue else "wait"
    buckets = range(EDGES_S.index(definition.within_s) + 1)
    return Plan(base, tuple(f"{name}_{at}" for at in buckets), (f"{name}_unknown",))


def _column(outcome: Outcome, definition: RateDefinition) -> str:
    """Every answered call got a place."""
    if definition.queued_only and outcome is not Outcome.ANSWERED:
        return f"placed_{outcome}"
    return f"n_{outcome}"


def wanted(plans: Iterable[tuple[str, Plan]]) -> dict[str, Columns]:
    """Columns of several definitions under names of their own (``b_person`` …)."""
    found: dict[str, Columns] = {}
    for name, plan in plans:
        found |= {f"b_{name}": plan.base, f"r_{name}": plan.reached, f"u_{name}": plan.unknown}
    return found
