"""Audio formats and the tap on one leg of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from facts.identity import CallKey
from facts.transcript import Leg


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Linear PCM, signed little-endian."""

    rate_hz: int = 8000
    width_bytes: int = 2
    channels: int = 1

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second."""
        return self.rate_hz * self.width_bytes * self.channels


#: what every leg of a call is inside the hotline
TELEPHONE = AudioFormat()


@dataclass(frozen=True, slots=True)
class TapRequest:
    """Please send me this leg's audio: ``stream`` is the UUID that AudioSocket will show."""

    call: CallKey
    leg: Leg
    #: the Asterisk channel to listen to (its Uniqueid and name)
    channel: str
    channel_uniqueid: str
    stream: str
    #: seconds from the call's arrival at which the tap was asked for
    offset_s: float
    #: only these phrases can be heard (words with spaces between them, ``[unk]`` for anything else): the
    #: answers to a spoken question. Empty: anything
    grammar: tuple[str, ...] = ()
    #: the answer to a spoken question: its words are for who asks, and are not kept as the call's
    question: bool = False


class LegTap(Protocol):
    """A way to hear one leg live (ChanSpy to AudioSocket, ARI snoop, …)."""

    async def start(self, request: TapRequest) -> None:
        """Begin to send the leg's audio; raises ``HotlineError`` when the PBX refuses."""

    async def stop(self, stream: str) -> None:
        """End the tap; unknown streams are not an error."""
