"""Where a live frame belongs in time: frames are stamped by arrival, holes become silence.

A leg may send nothing for a while (hold, loss, discontinuous transmission), and nothing in AudioSocket says
so: without silence in the holes the two legs of a call drift apart. Frames that were only *late* come in a
burst, and no silence belongs before them: so the first frame after a hole waits for its successor, which
shows whether the stream catches up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: lateness up to this is jitter
TOLERANCE_S = 0.06
#: frames are held for at most this much audio while a burst goes on
LONGEST_HOLD_S = 2.0


@dataclass(slots=True)
class Timeline:
    """One stream's time; ``origin_s`` is the moment of sample 0, by default where the first frame starts."""

    rate_hz: int = 8000
    origin_s: float | None = None
    #: samples given out so far, silence included
    samples: int = 0
    #: seconds of silence put in so far
    filled_s: float = 0.0
    _held: list[bytes] = field(default_factory=list)
    _lateness_s: float = 0.0

    def place(self, pcm: bytes, arrived_s: float) -> tuple[int, bytes]:
        """Samples of silence, and the bytes after it; nothing yet when the frame is held."""
        frame_s = len(pcm) / 2 / self.rate_hz
        if self.origin_s is None:
            self.origin_s = arrived_s - frame_s
        held_s = sum(map(len, self._held)) / 2 / self.rate_hz if self._held else 0.0
        lateness = arrived_s - self.origin_s - self.samples / self.rate_hz - held_s - frame_s
        if lateness < 0:  # the quickest frame shows the true time
            self.origin_s += lateness
            lateness = 0.0
        if lateness <= TOLERANCE_S and not self._held:
            self.samples += len(pcm) // 2
            return 0, pcm
        catching_up = not self._held or lateness < self._lateness_s - frame_s / 2
        self._lateness_s = lateness
        self._held.append(pcm)
        if lateness <= TOLERANCE_S:
            return self._release(0.0)
        if catching_up and held_s < LONGEST_HOLD_S:
            return 0, b""
        return self._release(lateness)

    def finish(self) -> tuple[int, bytes]:
        """What is still held, at the end of the stream."""
        return self._release(self._lateness_s if self._lateness_s > TOLERANCE_S and self._held else 0.0)

    def _release(self, silence_s: float) -> tuple[int, bytes]:
        silence = round(silence_s * self.rate_hz)
        data = b"".join(self._held)
        self._held.clear()
        self.samples += silence + len(data) // 2
        self.filled_s += silence / self.rate_hz
        return silence, data
