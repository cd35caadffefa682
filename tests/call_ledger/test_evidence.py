"""Evidence from production gives the same row, and nothing of a person is in it."""

from __future__ import annotations

import json

from recordings import RULES, SHAPES, folded, messages

from telephony.ami.events import event_from_json, event_to_json, parse_event
from telephony.call_fold import CallTracker
from ticketing_bridge.call_ledger.evidence import evidence


def test_evidence_folds_alike_and_names_nobody() -> None:
    for name in SHAPES:
        heard = [event for it in messages(name) if (event := parse_event(it.headers, "city"))]
        lines = evidence([event_to_json(event) for event in heard], b"salt")
        text = json.dumps(lines, ensure_ascii=False)
        for secret in ("13997361508", "13909790001", "有人受困", "20261126"):
            assert secret not in text, name
        tracker = CallTracker("city", RULES, forgets=False)
        for line in lines:
            tracker.take(event_from_json(line))
        whole = folded(messages(name))
        for call, real in zip(tracker.changed_calls(), whole, strict=True):
            assert (call.outcome, call.ended_by, call.flags) == (real.outcome, real.ended_by, real.flags)
            assert len(call.caller_number or "") == len(real.caller_number or "")
            assert call.key == real.key
