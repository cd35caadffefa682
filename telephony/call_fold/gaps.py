"""When a call went unheard, and what of that the PBX's own records have filled since."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from telephony.ami.events import GapFilled, LinkLost, LinkUp, SnapshotEnd


@dataclass(slots=True)
class Gaps:
    """Grows with the events. A gap lasts up to a ``LinkUp``; ``GapFilled`` of the same time fills it."""

    _marks: list[LinkLost | LinkUp] = field(default_factory=list)
    _filled: list[GapFilled] = field(default_factory=list)
    #: a complete snapshot did not hold the caller's channel, and this is the last that was said of it
    swept: bool = False
    swept_filled: bool = False

    def mark(self, event: LinkLost | LinkUp) -> None:
        """The link went, or came back."""
        self._marks.append(event)

    def fill(self, event: GapFilled) -> None:
        """What was missed is known."""
        self._filled.append(event)

    def sweep(self, event: SnapshotEnd) -> None:
        """The PBX does not have the caller's channel any more."""
        self.swept = True
        self.swept_filled = self.known_at(event.at)

    def known_at(self, at: datetime) -> bool:
        """Whether the gap before this snapshot is filled: then the snapshot has nothing to add."""
        before = [mark.at for mark in self._marks if mark.at <= at]
        filled = [it.at for it in self._filled if it.at <= at]
        return bool(filled) and max(filled) >= max(before, default=filled[0])

    @property
    def lost_at(self) -> datetime | None:
        """When the PBX was last heard before it was lost; None when the link was never lost."""
        return max((mark.at for mark in self._marks if isinstance(mark, LinkLost)), default=None)

    @property
    def unfilled(self) -> bool:
        """Something is still missing."""
        return any(not self._covered(mark) for mark in self._marks)

    def _covered(self, mark: LinkLost | LinkUp) -> bool:
        return any(it.begin <= mark.at <= it.at for it in self._filled)
