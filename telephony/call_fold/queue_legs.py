"""The stays of one caller in queues."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from facts.call import QueueLeg

#: endings in which the caller never waited
NEVER_WAITED = frozenset({"full", "joinempty", "joinunavail"})


@dataclass(slots=True)
class _Leg:
    queue: str
    joined_at: datetime
    left_at: datetime | None = None
    ending: str | None = None
    position: int | None = None
    key: str | None = None


@dataclass(slots=True)
class QueueLegs:
    """Grows with the events; ``legs`` gives the facts."""

    _legs: list[_Leg] = field(default_factory=list)

    def _open(self) -> _Leg | None:
        last = self._legs[-1] if self._legs else None
        return last if last and last.left_at is None and last.ending is None else None

    def sent(self, queue: str, at: datetime, before: str = "") -> None:
        """The dialplan sends the caller to a queue; whether there is room shows later.

        ``before`` is QUEUESTATUS of the queue that gave the caller on; without it the caller left by a key.
        """
        self.exited(at, before.lower() or "exit_key")
        self._legs.append(_Leg(queue, at))

    def exited(self, at: datetime, ending: str, key: str | None = None) -> None:
        """The caller left the queue in this way, unless it is known to have left before."""
        if not self._legs:
            return
        last = self._legs[-1]
        if last.ending is None:
            last.ending, last.key = ending, key
            if last.left_at is None:
                last.left_at = last.joined_at if ending in NEVER_WAITED else at

    def joined(self, queue: str, at: datetime, position: int | None) -> None:
        """The caller has a place."""
        leg = self._open()
        if leg is None or leg.queue != queue or leg.position is not None:
            self.sent(queue, at)
            leg = self._legs[-1]
        leg.joined_at, leg.position = at, position

    def taken_up(self, queue: str, joined_at: datetime, position: int) -> bool:
        """A snapshot shows the caller waiting; True when that was not known."""
        leg = self._open()
        if leg and leg.queue == queue:
            return False
        self.joined(queue, joined_at, position)
        return True

    def left(self, at: datetime) -> None:
        """The caller is out of the queue, for whatever reason."""
        if leg := self._open():
            leg.left_at = at

    def answered(self, at: datetime) -> None:
        """An agent took the caller out of the queue."""
        if self._legs and self._legs[-1].ending is None:
            leg = self._legs[-1]
            leg.ending, leg.left_at = "answered", leg.left_at or at

    def close(self, ended_at: datetime | None, queue_status: str, *, abandoned: bool) -> None:
        """The call is over: the last leg's ending is Queue()'s own word, else the caller left."""
        if not self._legs or self._legs[-1].ending is not None:
            return
        leg = self._legs[-1]
        if ended_at is None:
            return
        status = queue_status.lower()
        leg.ending = "answered" if status == "continue" else status or "abandoned"
        if leg.left_at is None:
            leg.left_at = leg.joined_at if status in NEVER_WAITED else ended_at

    def legs(self) -> tuple[QueueLeg, ...]:
        return tuple(
            QueueLeg(it.queue, it.joined_at, it.left_at, it.ending, it.position, it.key) for it in self._legs
        )
