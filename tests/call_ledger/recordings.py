"""The recorded streams of a real PBX, as the AMI link would give them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facts.call import Call
from telephony.ami.codec import AmiMessage
from telephony.ami.events import parse_event
from telephony.call_fold import CallTracker, FoldRules
from ticketing_bridge.call_ledger import EventSpool, LedgerWriter
from ticketing_bridge.store import Database

FOLDER = Path(__file__).parents[1] / "telephony" / "call_fold" / "evidence"
RULES = FoldRules(frozenset({"agent101", "agent102", "agent103"}))
ANSWERED = ("answered_caller_hangs_up", "answered_agent_hangs_up", "second_agent_answers", "two_at_once")


def messages(name: str) -> list[AmiMessage]:
    """One recording; every message received 10 ms after the PBX stamped it."""
    blocks = (FOLDER / f"{name}.ami").read_text(encoding="utf-8").strip().split("\n\n")
    found = []
    for block in blocks:
        pairs = [line.partition(": ") for line in block.splitlines()]
        headers = {key.rstrip(":"): value for key, _, value in pairs}
        at = datetime.fromtimestamp(float(headers["Timestamp"]), UTC)
        found.append(AmiMessage(headers, at + timedelta(milliseconds=10)))
    return found


def mark(event: str, after: AmiMessage, **fields: str) -> AmiMessage:
    """A mark of the AMI link itself, one second after a message."""
    stamp = f"{float(after.headers['Timestamp']) + 1:.6f}"
    return AmiMessage(
        {"Event": event, "Timestamp": stamp, **fields}, after.received_at + timedelta(seconds=1)
    )


def empty_snapshot(after: AmiMessage) -> list[AmiMessage]:
    """The link is up again and the PBX has no channel any more."""
    return [
        mark("HotlineLinkUp", after),
        mark("HotlineSnapshotBegin", after, Number="1"),
        mark("HotlineSnapshotEnd", after, Number="1", Complete="yes"),
    ]


def folded(heard: Sequence[AmiMessage]) -> list[Call]:
    """Calls of a stream, without a database."""
    everything = CallTracker("city", RULES, forgets=False)
    for message in heard:
        if event := parse_event(message.headers, "city"):
            everything.take(event)
    return everything.changed_calls()


def tracker() -> CallTracker:
    return CallTracker("city", RULES)


def all_whole() -> Sequence[str]:
    return sorted(path.stem for path in FOLDER.glob("*.ami") if path.stem != "snapshot_of_two_calls")


#: recordings with which the PBX's own records are kept
SHAPES = sorted(path.stem for path in FOLDER.glob("*.cel"))


def stamp(message: AmiMessage) -> float:
    return float(message.headers["Timestamp"])


def stream(names: Sequence[str] = SHAPES) -> list[AmiMessage]:
    return sorted((message for name in names for message in messages(name)), key=stamp)


async def written(
    database: Database, folder: Path, heard: Sequence[AmiMessage], pbx_id: str = "city"
) -> dict[str, Call]:
    """A ledger that hears this; its rows."""
    calls = CallTracker(pbx_id, RULES)
    async with LedgerWriter(database, calls, EventSpool(folder, pbx_id)) as ledger:
        for message in heard:
            ledger.take(message)
        await ledger.settled()
    return await rows(database)


async def rows(database: Database) -> dict[str, Call]:
    """Every row, by its key."""
    async with database.unit_of_work() as uow:
        return {str(call.key): call for call in await uow.calls.list()}
