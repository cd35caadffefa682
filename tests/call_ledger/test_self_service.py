"""Self-service holds when the number does not ring again within half an hour, and is undone when it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from recordings import RULES, messages, rows, stamp, written

from facts.call import CallFlag, Outcome
from telephony.ami.codec import AmiMessage
from ticketing_bridge.call_ledger import rebuild
from ticketing_bridge.call_ledger.self_service import SelfService
from ticketing_bridge.store import Database


def later(message: AmiMessage, seconds: float) -> AmiMessage:
    """The same of another call, some time later."""
    headers = {
        name: value.replace("city-1", "city-2") if name in ("Uniqueid", "Linkedid") else value
        for name, value in message.headers.items()
    }
    headers["Timestamp"] = f"{stamp(message) + seconds:.6f}"
    return replace(message, headers=headers)


async def test_nobody_rings_again(database: Database, tmp_path: Path) -> None:
    (call,) = (await written(database, tmp_path, messages("progress_heard"))).values()
    assert (call.outcome, call.flags) == (Outcome.SELF_SERVICE, {CallFlag.PROVISIONAL})
    assert call.ended_at
    settling = SelfService(database, "city", RULES)
    assert await settling.settle(call.ended_at + timedelta(minutes=29)) == []
    assert await settling.settle(call.ended_at + timedelta(minutes=31)) == [call.key]
    (settled,) = (await rows(database)).values()
    assert settled == replace(call, flags=frozenset())
    assert (await rebuild(database, RULES)).different == ()


async def test_the_number_rings_again(database: Database, tmp_path: Path) -> None:
    first = messages("progress_heard")
    begin = stamp(first[0]) - stamp(messages("hangs_up_in_notice")[0])
    again = [later(message, begin + 1500) for message in messages("hangs_up_in_notice")]
    await written(database, tmp_path, [*first, *again])
    found = await rows(database)
    (call,) = [it for it in found.values() if it.self_service]
    assert call.ended_at
    assert await SelfService(database, "city", RULES).settle(call.ended_at + timedelta(minutes=26)) == [
        call.key
    ]
    undone = (await rows(database))[str(call.key)]
    assert (undone.outcome, undone.flags) == (Outcome.ABANDONED_QUEUE, {CallFlag.SHORT})
    assert undone.self_service == "progress"
    assert (await rebuild(database, RULES)).different == ()
