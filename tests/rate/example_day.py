"""The day of docs/rates.md: ten calls as the ledger has them, and what each counts for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from facts.call import Call, CallFlag, CallState, Outcome, QueueLeg
from facts.identity import CallKey
from ticketing_bridge.store.rate_facts import RateFact, fact_of

NINE = datetime(2026, 11, 21, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """One call of the day, in words and as it counts."""

    text: str
    call: Call
    recovered_ms: int | None = None

    @property
    def fact(self) -> RateFact:
        fact = fact_of(self.call)
        assert fact is not None
        return replace(fact, recovered_ms=self.recovered_ms)


def _row(number: int, text: str, outcome: Outcome, *, queued: str = "", recovered_ms: int | None = None,
         lasted_s: float = 90, **changes: Any) -> Row:  # fmt: skip
    at = NINE + timedelta(minutes=5 * number)
    moments = {name: at + timedelta(seconds=s) for name, s in changes.items() if name.endswith("_at")}
    legs = (QueueLeg("main", at + timedelta(seconds=4), None, queued),) if queued else ()
    call = Call(
        CallKey("city", str(number)), "", "", f"1390979000{number % 10}", "12345", "main", at,
        state=CallState.ENDED, outcome=outcome, queue_legs=legs,
        ended_at=at + timedelta(seconds=lasted_s), flags=changes.get("flags", frozenset()), **moments,
    )  # fmt: skip
    return Row(f"{number:<2} {text}", call, recovered_ms)


SHORT = frozenset({CallFlag.SHORT})
DAY = (
    _row(1, "answered after 9 s", Outcome.ANSWERED, queued="answered", answered_at=9),
    _row(2, "answered after 14 s", Outcome.ANSWERED, queued="answered", answered_at=14),
    _row(3, "answered after 31 s", Outcome.ANSWERED, queued="answered", answered_at=31),
    _row(
        4,
        "connected to 120 after 12 s, by key while waiting",
        Outcome.TRANSFERRED_EMERGENCY,
        queued="exit_key",
        transferred_at=12,
    ),
    _row(5, "progress of a ticket heard to its end", Outcome.SELF_SERVICE),
    _row(
        6,
        "gave up in the queue after 40 s; called back and reached 20 min later",
        Outcome.ABANDONED_QUEUE,
        queued="abandoned",
        lasted_s=44,
        recovered_ms=20 * 60_000,
    ),
    _row(7, "gave up in the queue after 25 s", Outcome.ABANDONED_QUEUE, queued="abandoned", lasted_s=29),
    _row(8, "hung up after 2 s, during the notice", Outcome.ABANDONED_IVR, lasted_s=2, flags=SHORT),
    _row(9, "hung up after 11 s, during the greeting", Outcome.ABANDONED_IVR, lasted_s=11),
    _row(
        10,
        "answered, and the link to the PBX was lost until it was over: unresolved",
        Outcome.UNRESOLVED,
        queued="answered",
        answered_at=8,
    ),
)
