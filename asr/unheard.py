"""Whether somebody speaks whom the recogniser has not had the time to understand: pure.

Words come some time after the voice, and a recogniser with too much to do comes later still. Who waits for an
answer must not take that for silence.
"""

from __future__ import annotations

import numpy as np

from asr.gate import SilenceGate

#: what is said has shown its first word when so much audio from its beginning on has been heard (seconds;
#: measured: 0.9 to 1.5): afterwards it was a noise
UNDERSTOOD_S = 2.0


class UnheardVoice:
    """One stream's. Positions are samples from its start."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._gate = SilenceGate(rate_hz)
        self._began: int | None = None

    @property
    def there(self) -> bool:
        """Whether there is a voice without a word so far."""
        return self._began is not None

    def listen(self, pcm: bytes, position: int) -> None:
        """Audio has come; the recogniser will get it."""
        gate = self._gate
        if position != gate.taken:
            gate.finish()
            gate.jump(position)
        was_open = gate.is_open
        gate.push(np.frombuffer(pcm, dtype="<i2"))
        if gate.is_open and not was_open:
            self._began = position

    def taken(self, position: int) -> None:
        """The recogniser has heard everything before this."""
        if self._began is not None and position - self._began >= UNDERSTOOD_S * self._rate_hz:
            self._began = None

    def understood(self) -> None:
        """There are words."""
        self._began = None
