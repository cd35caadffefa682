"""Recordings that another model shall hear: which, and the jobs for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facts.errors import HotlineError
from ticketing_bridge.call_ledger.rows import AFTER_CALL
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.records import RecordedCall

TASK = "transcribe_call"
#: after the calls of now
PRIORITY = -10


class RecordingUnknown(HotlineError):
    """There is no such call, or nothing was recorded of it."""

    error_id = "recording-unknown"


@dataclass(frozen=True, slots=True)
class HearAgain:
    """Calls whose recordings will be heard again, and those whose jobs wait already."""

    given: tuple[str, ...]
    waiting: tuple[str, ...]
    #: recorded calls that need no hearing
    left: int


async def hear_again(
    uow: UnitOfWork,
    model: str,
    *,
    calls: Sequence[str] = (),
    made_by: str | None = None,
    everything: bool = False,
) -> HearAgain:
    """Hand out a job for each recording that ``model`` (its id) has not heard, or that is asked for.

    Args:
        calls: only these, whoever has heard them.
        made_by: only those whose transcript of record is of this model (id, or the beginning of one).
        everything: all recordings, whoever has heard them.

    Raises:
        RecordingUnknown: one of ``calls`` is not recorded.
    """
    recorded = {one.call: one for one in await uow.transcripts.recorded_calls()}
    unknown = [call for call in calls if call not in recorded]
    if unknown:
        raise RecordingUnknown(
            f"no recording of an answered call: {', '.join(unknown)}",
            fix="hotline calls list shows the calls",
        )
    chosen = [recorded[call] for call in dict.fromkeys(calls)] or [
        one for one in recorded.values() if everything or _is_wanted(one, model, made_by)
    ]
    given = [one.call for one in chosen if not one.waiting]
    for call in given:
        await uow.jobs.defer(
            TASK, {"call": call}, queue=AFTER_CALL[TASK], lock=f"call {call}", priority=PRIORITY
        )
    waiting = tuple(one.call for one in chosen if one.waiting)
    return HearAgain(tuple(given), waiting, len(recorded) - len(chosen))


def _is_wanted(one: RecordedCall, model: str, made_by: str | None) -> bool:
    if made_by is not None:
        return one.model is not None and one.model.startswith(made_by)
    return one.model != model
