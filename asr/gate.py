"""The silence gate: lets speech with its surroundings through, and keeps count of the time in between.

Decoding silence costs as much as decoding speech, and half of each leg is silence because the other side
talks. A gate that opens late or closes early cuts words, so this one errs on the open side: it opens at the
first loud block, gives the stretch before it (``preroll_s``), and stays open for ``hangover_s`` after the
last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

#: at or above this a block always counts as speech, below ``NEVER_DBFS`` never
ALWAYS_DBFS = -40.0
NEVER_DBFS = -60.0
#: what a block must stand out from the line's noise; stationary noise varies by ±1.5 dB over 20 ms blocks
MARGIN_DB = 5.0
#: the noise is the quietest block of this stretch: running speech pauses more often than this
NOISE_MEMORY_S = 4.0
BLOCK_S = 0.02
#: how much before the first loud block passes with it
PREROLL_S = 0.4
#: how much after the last; longer than the pauses at which models end a segment by themselves
HANGOVER_S = 0.8


@dataclass(frozen=True, slots=True)
class Passage:
    """Samples that passed the gate; ``position`` is the first one's, from the stream's start."""

    position: int
    samples: Samples
    #: nothing follows for a while: what is open shall be ended
    closes: bool = False


class SilenceGate:
    """One stream's gate. Give it samples in order; it gives passages in order."""

    def __init__(
        self, rate_hz: int, *, preroll_s: float = PREROLL_S, hangover_s: float = HANGOVER_S, start: int = 0
    ) -> None:
        self._block = int(rate_hz * BLOCK_S)
        self._hangover_blocks = round(hangover_s / BLOCK_S)
        self._before: deque[Samples] = deque(maxlen=max(1, round(preroll_s / BLOCK_S)))
        self._levels: deque[float] = deque(maxlen=round(NOISE_MEMORY_S / BLOCK_S))
        self._rest: Samples = np.zeros(0, dtype=np.int16)
        self._position = start
        self._quiet_blocks = 0
        self.is_open = False

    @property
    def taken(self) -> int:
        """Position behind the last sample that was given in."""
        return self._position + len(self._rest)

    def push(self, samples: Samples) -> list[Passage]:
        """Take samples; returns what passes, at most one passage between two closings."""
        pending = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(pending) // self._block * self._block
        self._rest = pending[whole:].copy()
        passing = _Passing()
        for block in pending[:whole].reshape(-1, self._block):
            self._take_block(block, passing)
        passing.cut()
        return passing.passages

    def finish(self) -> list[Passage]:
        """The end, or a hole in the stream: what is left passes if the gate is open, and the gate closes."""
        passing = _Passing()
        if self.is_open:
            passing.add(self._position, self._rest)
        self._position += len(self._rest)
        self._rest = self._rest[:0]
        self._close(passing)
        return passing.passages

    def jump(self, position: int) -> None:
        """The next sample given in is at ``position``; only for a gate that has just finished."""
        self._position = position
        self._before.clear()

    def _take_block(self, block: Samples, passing: _Passing) -> None:
        loud = self._is_loud(block)
        if self.is_open:
            passing.add(self._position, block)
        elif loud:
            self.is_open = True
            for index, earlier in enumerate(self._before):
                passing.add(self._position - (len(self._before) - index) * self._block, earlier)
            self._before.clear()
            passing.add(self._position, block)
        else:
            self._before.append(block)
        self._position += self._block
        if self.is_open:
            self._quiet_blocks = 0 if loud else self._quiet_blocks + 1
            if self._quiet_blocks >= self._hangover_blocks:
                self._close(passing)

    def _close(self, passing: _Passing) -> None:
        if self.is_open:
            passing.close()
        self.is_open = False
        self._quiet_blocks = 0
        self._before.clear()

    def _is_loud(self, block: Samples) -> bool:
        level = _level_dbfs(block)
        self._levels.append(level)
        return level >= min(max(min(self._levels) + MARGIN_DB, NEVER_DBFS), ALWAYS_DBFS)


class _Passing:
    """Collects neighbouring blocks into passages."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self._parts: list[Samples] = []
        self._position = 0

    def add(self, position: int, samples: Samples) -> None:
        if not self._parts:
            self._position = position
        self._parts.append(samples)

    def cut(self, *, closes: bool = False) -> None:
        if self._parts or closes:
            joined = np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.int16)
            self.passages.append(Passage(self._position, joined, closes))
        self._parts = []

    def close(self) -> None:
        self.cut(closes=True)


def _level_dbfs(block: Samples) -> float:
    """Root mean square below full scale; digital silence is -100. A constant offset is no sound."""
    spread = float(np.std(block.astype(np.float32)))
    return 20.0 * float(np.log10(spread / 32768.0)) if spread > 0.33 else -100.0
