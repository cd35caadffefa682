"""Rows of calls, and what hangs on them: jobs of calls that are over, the news of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from facts.call import Call, CallState, Outcome
from telephony.call_fold import FOLD_VERSION
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.job_repository import JobOf

#: NOTIFY channel that carries keys of calls whose row changed
CALL_CHANNEL: Final = "hotline_call"
#: what is handed out once when a call that an agent had is over: task → queue
AFTER_CALL: Final = {"draft_call": "draft", "transcribe_call": "speech"}
#: and when a call is over in which a message was left
AFTER_MESSAGE: Final = {"transcribe_voicemail": "speech"}


async def write_calls(uow: UnitOfWork, calls: Sequence[Call]) -> None:
    """Rows of calls, what is to be done after their end, and the news of it."""
    await uow.calls.upsert(calls, FOLD_VERSION)
    over = [call for call in calls if call.state is CallState.ENDED]
    talks = [str(call.key) for call in over if _had_agent(call)]
    messages = [str(call.key) for call in over if call.voicemail and not _had_agent(call)]
    await uow.jobs.defer_once(
        [
            JobOf(task, queue, key, {"call": key}, lock=f"call {key}")
            for tasks, keys in ((AFTER_CALL, talks), (AFTER_MESSAGE, messages))
            for task, queue in tasks.items()
            for key in keys
        ]
    )
    await uow.notify(CALL_CHANNEL, *(str(call.key) for call in calls))


def _had_agent(call: Call) -> bool:
    return call.outcome is Outcome.ANSWERED or bool(call.agent_legs)
