"""A house whose answers are written down, and one that answers nothing: for trials and tests of flows."""

from __future__ import annotations

from dataclasses import dataclass, field

from facts.caller_session import FollowUpTask, QueueOutlook, TicketProgress
from facts.identity import CallKey


@dataclass(slots=True)
class ScriptedServices:
    """A house whose answers are written down; what is None is not answered."""

    progress: TicketProgress | None = None
    outlook: QueueOutlook | None = None
    notice: str | None = None
    owed: bool | None = None
    promises: bool | None = None
    task: FollowUpTask | None = None
    #: every question: name and arguments
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def ticket_progress(
        self, number: str, last_digits: str, caller_number: str | None
    ) -> TicketProgress | None:
        """As written."""
        self.asked.append(("ticket_progress", number, last_digits, caller_number))
        return self.progress

    async def queue_outlook(self, queue: str) -> QueueOutlook | None:
        """As written."""
        self.asked.append(("queue_outlook", queue))
        return self.outlook

    async def hour_notice(self, line: str) -> str | None:
        """As written."""
        self.asked.append(("hour_notice", line))
        return self.notice

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        """As written."""
        self.asked.append(("calls_back", call, caller_number))
        return self.owed

    async def request_callback(self, call: CallKey, number: str, line: str, queue: str) -> bool | None:
        """As written."""
        self.asked.append(("request_callback", call, number, line, queue))
        return self.promises

    async def follow_up(self, task: int) -> FollowUpTask | None:
        """As written."""
        self.asked.append(("follow_up", task))
        return self.task

    async def follow_up_answer(self, task: int, question: str, answer: str) -> bool | None:
        """Kept."""
        self.asked.append(("follow_up_answer", task, question, answer))
        return True


class NoServices(ScriptedServices):
    """A house that answers nothing."""
