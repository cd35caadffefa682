"""The stored events as a witness: folded again they must give the same row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from facts.call import Call, CallFlag
from telephony.ami.events import event_from_json
from telephony.call_fold.fold import fold_call
from telephony.call_fold.rules import FoldRules
from ticketing_bridge.demo.findings import Comparison, Witness
from ticketing_bridge.store.records import EventRecord


def compare_events(row: Call, records: Sequence[EventRecord], rules: FoldRules, found: Comparison) -> None:
    """The row against its own events.

    A call taken up from a snapshot also hangs on events that are not of one call; it is left
    to ``hotline calls rebuild``.
    """
    if CallFlag.GAP in row.flags:
        return
    events = [event_from_json(record.payload) for record in records]
    again = fold_call(row.key, events, rules)
    if not found.check(Witness.EVENTS, "row", again is not None, "a row", f"{len(records)} events give none"):
        return
    for field in fields(Call):
        found.same(Witness.EVENTS, field.name, getattr(row, field.name), getattr(again, field.name))
