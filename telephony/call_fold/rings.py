"""The ringing of an agent's telephone, while it is being put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facts.call import AgentRing


@dataclass(slots=True)
class Ring:
    """Grows with the events; ``fact`` gives what is known."""

    agent: str
    queue: str
    rang_at: datetime
    ended_at: datetime | None = None
    result: str | None = None

    def end(self, at: datetime | None, result: str) -> None:
        if self.result is None:
            self.ended_at, self.result = at, result

    def fact(self) -> AgentRing:
        return AgentRing(self.agent, self.queue, self.rang_at, self.ended_at, self.result)
