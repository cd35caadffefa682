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
        self._preroll_blocks = max(1, round(preroll_s / BLOCK_S))
        self._noise = _Quietest(round(NOISE_MEMORY_S / BLOCK_S))
        #: what has not passed and still may: blocks found quiet, then less than a block; from ``_position``
        self._held: Samples = _NOTHING
        self._judged_blocks = 0
        self._position = start
        self._quiet_blocks = 0
        self.is_open = False

    @property
    def taken(self) -> int:
        """Position behind the last sample that was given in."""
        return self._position + len(self._held)

    def push(self, samples: Samples) -> list[Passage]:
        """Take samples; returns what passes, at most one passage between two closings."""
        held = np.concatenate((self._held, samples)) if len(self._held) else samples
        blocks = len(held) // self._block
        passages: list[Passage] = []
        begin = 0 if self.is_open else None
        kept = 0
        powers = _powers(held[self._judged_blocks * self._block : blocks * self._block], self._block)
        for index, power in enumerate(powers, self._judged_blocks):
            loud = power >= min(max(self._noise.after(power) * _MARGIN, _NEVER), _ALWAYS)
            if begin is not None:
                self._quiet_blocks = 0 if loud else self._quiet_blocks + 1
                if self._quiet_blocks >= self._hangover_blocks:
                    kept = index + 1
                    passages.append(self._passage(held, begin, kept, closes=True))
                    begin = None
            elif loud:
                begin = max(kept, index - self._preroll_blocks)
                self._quiet_blocks = 0
        self.is_open = begin is not None
        if begin is None:
            kept = max(kept, blocks - self._preroll_blocks)
        else:
            kept = blocks
            if powers:
                passages.append(self._passage(held, begin, kept))
        self._held = held[kept * self._block :].copy()
        self._judged_blocks = blocks - kept
        self._position += kept * self._block
        return passages

    def finish(self) -> list[Passage]:
        """The end, or a hole in the stream: what is left passes if the gate is open, and the gate closes."""
        passages = [Passage(self._position, self._held, closes=True)] if self.is_open else []
        self.jump(self.taken)
        self.is_open = False
        return passages

    def jump(self, position: int) -> None:
        """The next sample given in is at ``position``; only for a gate that has just finished."""
        self._position = position
        self._held = _NOTHING
        self._judged_blocks = 0

    def _passage(self, held: Samples, first: int, last: int, *, closes: bool = False) -> Passage:
        """These blocks of what is held."""
        samples = held[first * self._block : last * self._block]
        return Passage(self._position + first * self._block, samples, closes)


class _Quietest:
    """The least of the last ``length`` values."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._count = 0
        #: (value, its number), rising: whatever is followed by something smaller can never be the least
        self._rising: deque[tuple[float, int]] = deque()

    def after(self, value: float) -> float:
        """The least, this value included."""
        rising = self._rising
        self._count += 1
        while rising and rising[-1][0] >= value:
            rising.pop()
        rising.append((value, self._count))
        if rising[0][1] <= self._count - self._length:
            rising.popleft()
        return rising[0][0]


def _powers(samples: Samples, block: int) -> list[float]:
    """Mean square of each block about its own mean: a constant offset is no sound.

    In few steps: between two pieces a model has emptied the processor's caches, and each function costs.
    """
    blocks = samples.astype(np.float64).reshape(-1, block)
    sums = np.add.reduce(blocks, axis=1)
    squares = np.add.reduce(np.multiply(blocks, blocks, out=blocks), axis=1)
    powers: list[float] = ((squares - sums * sums / block) / block).tolist()
    return powers


def _power(dbfs: float) -> float:
    """Mean square of a level below full scale."""
    return 32768.0**2 * _ratio(dbfs)


def _ratio(decibel: float) -> float:
    return float(10.0 ** (decibel / 10.0))


_NOTHING: Samples = np.zeros(0, dtype=np.int16)
_ALWAYS, _NEVER, _MARGIN = _power(ALWAYS_DBFS), _power(NEVER_DBFS), _ratio(MARGIN_DB)
