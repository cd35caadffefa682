"""The PBX's call detail records as a witness of a call's existence, numbers, agent and times."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from facts.call import Call, CallFlag
from telephony.pbx.paths import CDR_FIELDS
from ticketing_bridge.demo.findings import Comparison, Witness

WITHIN_S = 1.0
_TRUNK = "PJSIP/hotline-trunk-"


@dataclass(frozen=True, slots=True)
class CdrLine:
    """One record; a call has one for every agent that was tried with it, and one for the rest."""

    uniqueid: str
    start: datetime | None
    end: datetime | None
    src: str
    did: str
    disposition: str
    channel: str
    dstchannel: str

    @property
    def answered(self) -> bool:
        """Whether whom it is about took up."""
        return self.disposition == "ANSWERED"

    @property
    def agent(self) -> str:
        """The agent's id of an answered leg, empty when there was none."""
        return self.called if self.answered else ""

    @property
    def called(self) -> str:
        """The id of the agent who was rung, empty when it was somebody else, such as an emergency service."""
        if not self.dstchannel.startswith("PJSIP/") or self.away:
            return ""
        return self.dstchannel.removeprefix("PJSIP/").rpartition("-")[0]

    @property
    def away(self) -> bool:
        """Whether somebody outside was called."""
        return self.dstchannel.startswith(_TRUNK)

    @property
    def lasted_s(self) -> float:
        """Seconds; 0 when they are not known."""
        return (self.end - self.start).total_seconds() if self.start and self.end else 0.0


def parse_cdr(lines: Iterable[str]) -> list[CdrLine]:
    """Records of the file; the columns are the renderer's."""
    records: list[CdrLine] = []
    for cells in csv.reader(lines):
        row = dict(zip(CDR_FIELDS, cells, strict=False))
        records.append(
            CdrLine(
                uniqueid=row.get("uniqueid", ""),
                start=_moment(row.get("start", "")),
                end=_moment(row.get("end", "")),
                src=row.get("src", ""),
                did=row.get("did", ""),
                disposition=row.get("disposition", ""),
                channel=row.get("channel", ""),
                dstchannel=row.get("dstchannel", ""),
            )
        )
    return records


def citizens_records(records: Sequence[CdrLine]) -> dict[str, list[CdrLine]]:
    """Records of calls from the trunk, by Uniqueid."""
    calls: dict[str, list[CdrLine]] = defaultdict(list)
    for record in records:
        if record.channel.startswith(_TRUNK):
            calls[record.uniqueid].append(record)
    return calls


def compare_cdr(
    call: Call, records: Sequence[CdrLine], found: Comparison, helpers: Sequence[CdrLine] = ()
) -> None:
    """The call's records, and those of whom a flow called to it (``helpers``), against its row."""
    if not found.check(Witness.CDR, "existence", bool(records), "a record", "none"):
        return
    starts = [record.start for record in records if record.start]
    ends = [record.end for record in records if record.end]
    if CallFlag.GAP not in call.flags:
        found.near(Witness.CDR, "arrived_at", call.arrived_at, min(starts, default=None), WITHIN_S)
    if not helpers or any(record.answered for record in helpers):
        # of the time that a caller is alone in a room the PBX writes no record
        found.near(Witness.CDR, "ended_at", call.ended_at, max(ends, default=None), WITHIN_S)
    number = records[0].src
    shown = number if number.lstrip("+").isdigit() else None
    found.same(Witness.CDR, "caller_number", call.caller_number, shown)
    if records[0].did:
        found.same(Witness.CDR, "did", call.did, records[0].did)
    agents = [record.agent for record in (*records, *helpers) if record.agent]
    reached = any(record.away and record.answered for record in (*records, *helpers))
    if CallFlag.GAP not in call.flags:
        found.same(Witness.CDR, "emergency", call.transferred_at is not None, reached)
    found.same(Witness.CDR, "agent", call.agent, agents[0] if agents else None)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC) if text else None
    except ValueError:
        return None
