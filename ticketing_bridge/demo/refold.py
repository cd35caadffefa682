"""The stored events as a witness: folded again they must give the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from facts.call import Call
from telephony.ami.events import event_from_json
from telephony.call_fold import CallTracker, FoldRules
from ticketing_bridge.demo.findings import Comparison, Witness
from ticketing_bridge.store.records import EventRecord


def fold_again(records: Iterable[EventRecord], pbx_id: str, rules: FoldRules) -> dict[str, Call]:
    """Calls of these events, by call key; the events in the order in which they were stored."""
    tracker = CallTracker(pbx_id, rules)
    for record in records:
        tracker.take(event_from_json(record.payload))
    return {str(call.key): call for call in tracker.changed_calls()}


def compare_events(row: Call, again: Call | None, found: Comparison) -> None:
    """The row against what its events give."""
    if again is None:
        found.check(Witness.EVENTS, "row", False, "a row", "its events give none")
        return
    for field in fields(Call):
        found.same(Witness.EVENTS, field.name, getattr(row, field.name), getattr(again, field.name))
