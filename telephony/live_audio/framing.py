"""AudioSocket on the wire, pure: kind (1 byte), length (2 bytes, big-endian), payload.

Source: Asterisk's res_audiosocket (22.10). Audio is 8 kHz signed 16-bit little-endian mono.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import IntEnum

from facts.errors import HotlineError

_HEADER_BYTES = 3
#: 20 ms of audio are 320 bytes; more than 256 ms in one frame is not telephony
MAX_PAYLOAD_BYTES = 4096
#: 20 ms of 8 kHz 16-bit
FRAME_BYTES = 320


class Kind(IntEnum):
    """What a frame is."""

    HANGUP = 0x00
    UUID = 0x01
    DTMF = 0x03
    AUDIO = 0x10
    ERROR = 0xFF


class AudioSocketError(HotlineError):
    """The other side does not speak AudioSocket."""

    error_id = "audiosocket-protocol"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``kind`` may be one that ``Kind`` does not name."""

    kind: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        return bytes((self.kind,)) + len(self.payload).to_bytes(2, "big") + self.payload


def stream_id(frame: Frame) -> str:
    """The UUID of the first frame.

    Raises:
        AudioSocketError: it is no UUID frame.
    """
    if frame.kind != Kind.UUID or len(frame.payload) != 16:
        raise AudioSocketError("the first frame is not a UUID")
    return str(uuid.UUID(bytes=frame.payload))


class FrameReader:
    """Cuts a stream of bytes into frames, wherever TCP cut it."""

    def __init__(self, max_payload: int = MAX_PAYLOAD_BYTES) -> None:
        self._buffer = bytearray()
        self._max_payload = max_payload

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by these bytes.

        Raises:
            AudioSocketError: a frame says it is longer than allowed.
        """
        self._buffer += data
        frames: list[Frame] = []
        at = 0
        while len(self._buffer) - at >= _HEADER_BYTES:
            length = int.from_bytes(self._buffer[at + 1 : at + _HEADER_BYTES], "big")
            if length > self._max_payload:
                raise AudioSocketError(f"a frame of {length} bytes")
            end = at + _HEADER_BYTES + length
            if end > len(self._buffer):
                break
            frames.append(Frame(self._buffer[at], bytes(self._buffer[at + _HEADER_BYTES : end])))
            at = end
        del self._buffer[:at]
        return frames
