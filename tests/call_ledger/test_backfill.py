"""After an outage of any length the ledger is what it would have been: the PBX's own records fill the gap."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recordings import FOLDER, RULES, SHAPES, folded, mark, messages, rows, stamp, stream, written

from facts.call import Call, CallFlag, Outcome
from telephony.ami.codec import AmiMessage
from telephony.pbx_logs.source import FileLogs
from ticketing_bridge.call_ledger import rebuild
from ticketing_bridge.call_ledger.backfill import Backfill
from ticketing_bridge.store import Database

#: fields that say when something was taken in, or hold times that two records give a little differently
_TIMES = ("arrived_at", "answered_at", "ended_at", "notice_at")


def logs(folder: Path, names: Sequence[str] = SHAPES) -> FileLogs:
    """The PBX's files, rotated in the middle: the older part compressed, the newer one not."""
    for suffix, base in (("cel", "Master.csv"), ("queue_log", "queue_log")):
        lines = [
            line
            for name in sorted(names, key=lambda name: stamp(messages(name)[0]))
            for line in (FOLDER / f"{name}.{suffix}").read_text().splitlines(keepends=True)
        ]
        first, second = len(lines) // 3, 2 * len(lines) // 3
        (folder / f"{base}.2.gz").write_bytes(gzip.compress("".join(lines[:first]).encode()))
        (folder / f"{base}.1").write_text("".join(lines[first:second]))
        (folder / base).write_text("".join(lines[second:]) + "a line that is being writ")
        for age, name in enumerate((base, f"{base}.1", f"{base}.2.gz")):
            os.utime(folder / name, (1e10 - age, 1e10 - age))
    return FileLogs(folder / "Master.csv", folder / "queue_log")


def with_gaps(heard: Sequence[AmiMessage], *gaps: tuple[float, float]) -> list[AmiMessage]:
    """The stream without what fell into the gaps (parts of the whole); the link's marks in their place."""
    kept: list[AmiMessage] = []
    last_place = len(heard) - 1
    bounds = [
        (stamp(heard[int(first * last_place)]), stamp(heard[int(last * last_place)])) for first, last in gaps
    ]
    for message in heard:
        if not any(lost <= stamp(message) <= up for lost, up in bounds):
            kept.append(message)
    for number, (_, up) in enumerate(bounds):
        place = next((i for i, it in enumerate(kept) if stamp(it) > up), len(kept))
        before = kept[place - 1]
        at = replace(before, headers={**before.headers, "Timestamp": f"{up - 1:.6f}"})
        lost = mark(
            "HotlineLinkLost",
            replace(before, headers={**before.headers, "Timestamp": f"{stamp(before) - 0.9:.6f}"}),
        )
        marks = [
            *([lost] if number == 0 else []),
            mark("HotlineLinkUp", at),
            mark("HotlineSnapshotBegin", at, Number=str(number)),
            mark("HotlineSnapshotEnd", at, Number=str(number), Complete="yes"),
        ]
        kept[place:place] = marks
    return kept


def facts(call: Call) -> tuple[object, ...]:
    """What must not depend on how it was learnt."""
    return (
        call.outcome,
        call.ended_by,
        call.hangup_cause,
        call.caller_number,
        call.flags - {CallFlag.BACKFILLED},
        [(leg.queue, leg.ending, leg.position, leg.key) for leg in call.queue_legs],
        [(ring.agent, ring.result) for ring in call.rings],
        [(leg.agent, leg.uniqueid) for leg in call.agent_legs],
        [(step.flow, step.node, step.key) for step in call.steps],
        call.answers,
        (call.recording, call.survey_score, call.voicemail_ms, call.callback_requested, call.transfer_target),
    )


async def test_gaps_are_filled_and_the_rows_are_those_of_a_ledger_that_missed_nothing(
    database: Database, tmp_path: Path
) -> None:
    heard = stream()
    whole = {str(call.key): call for call in folded(heard)}
    missing_rows = await written(database, tmp_path, with_gaps(heard, (0.1, 0.35), (0.5, 0.8)))
    assert len(missing_rows) < len(whole)
    backfill = Backfill(database, "city", RULES, logs(tmp_path))
    gaps = await backfill.gaps(since=datetime(2020, 1, 1, tzinfo=UTC))
    assert len(gaps) == 2
    filled = await backfill.fill_all(since=datetime(2020, 1, 1, tzinfo=UTC))
    assert [it.why for it in filled] == [None, None]
    found = await rows(database)
    assert {key: facts(call) for key, call in found.items()} == {
        key: facts(call) for key, call in whole.items()
    }
    assert not [call for call in found.values() if call.outcome is Outcome.UNRESOLVED]
    for key, call in found.items():
        for name in _TIMES:
            one, other = getattr(call, name), getattr(whole[key], name)
            assert (one is None) == (other is None), (key, name)
            assert one is None or abs(one - other) < timedelta(milliseconds=50)
    assert any(CallFlag.BACKFILLED in call.flags for call in found.values())
    report = await rebuild(database, RULES)
    assert (report.different, report.unsupported) == ((), ())
    assert await backfill.fill_all(since=datetime(2020, 1, 1, tzinfo=UTC)) == []
