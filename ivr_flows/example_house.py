"""A small house in memory, for trying flows without a database: its data is told to whoever tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from facts.caller_session import FollowUpTask, ProgressAnswer, QueueOutlook, TicketProgress
from facts.identity import CallKey

#: wrong attempts from which on nothing more is told
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ExampleTicket:
    """A ticket as a progress query needs it. A confidential one is never found."""

    number: str
    phone: str
    progress: str
    confidential: bool = False


TICKETS = (
    ExampleTicket("20261121001", "13900000000", "您反映的路灯不亮，市城市管理局正在办理，预计明天办结。"),
    ExampleTicket("20261121002", "13800001111", "", confidential=True),
)


@dataclass(slots=True)
class ExampleHouse:
    """``HotlineServices`` over a handful of tickets."""

    notice: str = ""
    tickets: Sequence[ExampleTicket] = TICKETS
    waiting: int = 3
    #: number, line and queue of every call-back that was promised
    promised: list[tuple[str, str, str]] = field(default_factory=list)
    #: question and answer of the follow-up
    answers: list[tuple[str, str]] = field(default_factory=list)
    _wrong: int = 0

    def told(self) -> list[str]:
        """The data, in lines."""
        tickets = [
            f"ticket {ticket.number}, phone {ticket.phone}"
            + (" (confidential)" if ticket.confidential else "")
            for ticket in self.tickets
        ]
        return [
            *tickets,
            f"{self.waiting} callers wait, about 4 minutes",
            f"notice of the hour: {self.notice or 'none'}",
            f"follow-up 1: {self._task.matter}",
        ]

    async def ticket_progress(
        self, number: str, last_digits: str, caller_number: str | None
    ) -> TicketProgress | None:
        """By number and last digits of the phone, or by the calling number and last digits of the number."""
        if self._wrong >= _ATTEMPTS:
            return TicketProgress(ProgressAnswer.LOCKED)
        for ticket in self.tickets:
            if number:
                fits = ticket.number == number and ticket.phone.endswith(last_digits)
            else:
                fits = ticket.phone == caller_number and ticket.number.endswith(last_digits)
            if fits and not ticket.confidential:
                return TicketProgress(ProgressAnswer.FOUND, ticket.progress)
        self._wrong += 1
        return TicketProgress(ProgressAnswer.UNKNOWN)

    async def queue_outlook(self, queue: str) -> QueueOutlook | None:
        """Always the same."""
        del queue
        return QueueOutlook(waiting=self.waiting, free_agents=0, agents=4, estimated_wait_s=240.0)

    async def hour_notice(self, line: str) -> str | None:
        """For every line."""
        del line
        return self.notice

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        """Nobody is owed a call-back."""
        del call, caller_number
        return False

    async def request_callback(self, call: CallKey, number: str, line: str, queue: str) -> bool | None:
        """Promised to every number that is long enough."""
        del call
        if len(number) < 7:
            return False
        self.promised.append((number, line, queue))
        return True

    async def follow_up(self, task: int) -> FollowUpTask | None:
        """One task."""
        return self._task if task == self._task.id else None

    async def follow_up_answer(self, task: int, question: str, answer: str) -> bool | None:
        """Kept."""
        del task
        self.answers.append((question, answer))
        return True

    @property
    def _task(self) -> FollowUpTask:
        closed_at = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
        return FollowUpTask(1, "小区路灯不亮的问题", closed_at)
