"""How far the PBX's clock is from ours, and how late its events come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class _Sample:
    round_trip_s: float
    offset_s: float


class ClockWatch:
    """Offset from round trips (the quickest of the last few is the truest), lag from events.

    All times are epoch seconds. Positive ``offset_s``: the PBX's clock is ahead of ours.
    """

    def __init__(self, samples: int = 8, lag_window: int = 500) -> None:
        self._samples: deque[_Sample] = deque(maxlen=samples)
        self._lags: deque[float] = deque(maxlen=lag_window)

    def answered(self, sent: float, received: float, pbx: float) -> None:
        """A Ping was sent and answered by our clock, and stamped by the PBX's."""
        self._samples.append(_Sample(received - sent, pbx - (sent + received) / 2))

    def event(self, received: float, stamped: float) -> None:
        """An event with its own time came in."""
        if self._samples:
            self._lags.append(received + self.offset_s - stamped)

    def reset(self) -> None:
        """Forget, for a new connection (the PBX's clock may have been set)."""
        self._samples.clear()
        self._lags.clear()

    @property
    def measured(self) -> bool:
        """Whether there is any sample."""
        return bool(self._samples)

    @property
    def offset_s(self) -> float:
        """PBX minus us, in seconds; 0 until measured."""
        return min(self._samples, key=lambda one: one.round_trip_s).offset_s if self._samples else 0.0

    @property
    def lag_s(self) -> float:
        """The latest that any of the last events came, in seconds."""
        return max(self._lags, default=0.0)

    def pbx_now(self, ours: float) -> str:
        """Our time as the PBX would write it in a Timestamp header."""
        return f"{ours + self.offset_s:.6f}"

    def pbx_datetime(self, ours: float) -> datetime:
        """Our time on the PBX's clock."""
        return datetime.fromtimestamp(ours, UTC) + timedelta(seconds=self.offset_s)
