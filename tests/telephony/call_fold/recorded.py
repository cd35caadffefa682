"""Reads recorded manager messages, CEL and queue_log, and tells calls from them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from facts.call import Call
from facts.identity import CallKey
from telephony.ami.events import GapFilled, LinkLost, LinkUp, PbxEvent, Stage, parse_event
from telephony.call_fold import CallTracker, FoldRules
from telephony.call_fold.likeness import differing
from telephony.pbx_logs.cel import parse_cel
from telephony.pbx_logs.matching import EDGE, unheard
from telephony.pbx_logs.queue_log import parse_queue_log
from telephony.pbx_logs.reconstruct import events_of
from ticketing_bridge.call_ledger.evidence import read_evidence

FOLDER = Path(__file__).parent / "evidence"
RULES = FoldRules(frozenset({"agent101", "agent102", "agent103"}))
#: recordings of whole calls, from arrival to hang-up
WHOLE = sorted(path.stem for path in FOLDER.glob("*.ami") if path.stem != "snapshot_of_two_calls")
#: of these the PBX's own records are kept, too
SHAPES = sorted(path.stem for path in FOLDER.glob("*.cel"))
#: the PBX or the link failed: rows before (NAME.json) and after (NAME.filled.json) the gap was filled
OUTAGES = sorted(f"outages/{path.stem}" for path in (FOLDER / "outages").glob("*.ami"))
#: of cities, masked by ``hotline calls evidence``
CITIES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
#: examples of each property; HOTLINE_EXAMPLES=2000 for a long proof
EXAMPLES = int(os.environ.get("HOTLINE_EXAMPLES", "60"))
#: the same happening in two records of the PBX is so near (seconds)
NEAR_S = 0.05


def raw_messages(name: str) -> list[dict[str, str]]:
    """Headers of each message of a recording."""
    blocks = (FOLDER / f"{name}.ami").read_text(encoding="utf-8").strip().split("\n\n")
    pairs = ([line.partition(": ") for line in block.splitlines()] for block in blocks)
    return [{key.rstrip(":"): value for key, _, value in block} for block in pairs]


def raw_ami(name: str) -> list[PbxEvent]:
    """The typed events of a recording; every message of it must be readable."""
    events = [parse_event(headers, "city") for headers in raw_messages(name)]
    assert all(events), name
    return [event for event in events if event is not None]


def of_a_city(name: str) -> list[Call]:
    """The calls of a masked recording, by the rules that it brings along."""
    rules, events = read_evidence((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return calls_of(events, CallTracker(events[0].pbx_id, rules, forgets=False))


def raw_logs(name: str) -> list[PbxEvent]:
    """The typed events that the PBX's own records of the same minutes give."""
    cel = (FOLDER / f"{name}.cel").read_text(encoding="utf-8").splitlines()
    queue_log = (FOLDER / f"{name}.queue_log").read_text(encoding="utf-8").splitlines()
    return events_of(parse_cel(cel), parse_queue_log(queue_log), "city")


def expected_rows(name: str) -> list[dict[str, Any]]:
    """The call rows of a recording, as a person has checked them."""
    rows: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return rows


def filled(name: str) -> list[PbxEvent]:
    """A recording with a gap, and what fills it from the PBX's own records, in the order of a ledger."""
    heard = raw_ami(name)
    lost = next(event for event in heard if isinstance(event, LinkLost))
    up = next(event for event in heard if isinstance(event, LinkUp))
    place = heard.index(up)
    return [*heard[:place], *found_out(name, heard, lost.at, up.at), *heard[place:]]


def found_out(name: str, heard: Iterable[PbxEvent], lost_at: datetime, up_at: datetime) -> list[PbxEvent]:
    """What the PBX's own records say of a gap in what was heard, after the mark that it is filled."""
    mark = GapFilled(at=up_at, pbx_id="city", begin=lost_at - EDGE)
    return [mark, *unheard(heard, raw_logs(name), lost_at, up_at)]


def row_of(call: Call) -> dict[str, Any]:
    """A call as the evidence keeps it."""
    plain: dict[str, Any] = _plain(call)
    return plain


def _plain(value: object) -> Any:
    match value:
        case CallKey():
            return str(value)
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(it) for it in value]
        case frozenset():
            return sorted(value)
    if is_dataclass(value):
        shown = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(it) for name, it in shown if it not in (None, (), frozenset(), False)}
    return value


def alike(one: Call, other: Call) -> list[str]:
    """Fields in which two rows of one call differ, but for milliseconds."""
    return differing(one, other, NEAR_S)


def calls_of(events: Iterable[PbxEvent], tracker: CallTracker | None = None) -> list[Call]:
    """What a fresh tracker makes of a stream, by arrival."""
    tracker = tracker or CallTracker("city", RULES)
    for event in events:
        tracker.take(event)
    return sorted(tracker.changed_calls(), key=lambda call: call.key)


def only_call(events: Iterable[PbxEvent]) -> Call:
    """The one call of a stream."""
    (call,) = calls_of(events)
    return call


def not_by_the_caller(event: PbxEvent) -> PbxEvent:
    """As a dialplan that does not say who hung up would have told it."""
    return replace(event, by=None) if isinstance(event, Stage) else event


def main() -> Iterator[str]:
    """Write the rows that the fold gives now; read the difference before you keep it."""
    late = CallTracker("city", RULES, forgets=False)
    found = {name: calls_of(raw_ami(name)) for name in (*WHOLE, *OUTAGES)}
    found |= {f"{name}.filled": calls_of(filled(name), late) for name in OUTAGES}
    found |= {name: of_a_city(name) for name in CITIES}
    for name, calls in found.items():
        rows = [row_of(call) for call in calls]
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        path = FOLDER / f"{name}.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield name


if __name__ == "__main__":
    for changed in main():
        print(changed)
