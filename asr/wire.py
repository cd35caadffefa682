"""How the speech role and its recogniser processes talk: small binary messages over two pipes.

Every message is a header (kind, stream number, payload length; little-endian) and a payload. Audio is
signed 16-bit little-endian mono; positions count samples from the stream's start.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, BinaryIO

from facts.errors import HotlineError

HEADER = struct.Struct("<BII")
POSITION = struct.Struct("<Q")
PROGRESS = struct.Struct("<QQ")
#: processor seconds that a lane has used, and seconds of audio that it has heard for them, since its start
WORK = struct.Struct("<dd")

#: no message of ours is longer; a longer one means that the two ends lost step
LONGEST_BYTES = 1 << 20


class WireBroken(HotlineError):
    """A recogniser process sent bytes that are no message."""

    error_id = "speech-wire-broken"


class Kind(IntEnum):
    """What a message is: below 64 to the recogniser process, above from it."""

    OPEN = 1  # JSON: rate_hz, start, grammar, question
    AUDIO = 2  # position of the first sample, then samples
    FLUSH = 3  # end the open segment now
    CLOSE = 4  # end the open segment, forget the stream
    PING = 5  # stream = number of the lane that must answer
    GRAMMAR = 6  # JSON: grammar; ends the open segment

    READY = 64  # JSON: lanes, cost (processor seconds for a second of audio, at the first try)
    PARTIAL = 65  # JSON: text, start_s, end_s
    FINAL = 66  # JSON: words [text, start_s, end_s, confidence]
    PROGRESS = 67  # samples taken, samples settled (nothing before is still open)
    CLOSED = 68
    PONG = 69  # what the lane has done so far


def lane_of(stream: int, lanes: int, processes: int) -> int:
    """Which lane of its process hears a stream.

    Streams are numbered in the order of their opening and go to the processes in turn: the number alone
    would leave lanes empty whose number no stream of that process has.
    """
    return stream // processes % lanes


_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Message:
    """One message, either way."""

    kind: Kind
    stream: int = 0
    payload: bytes = b""

    @classmethod
    def of(cls, kind: Kind, stream: int, content: Mapping[str, Any]) -> Message:
        """A message with JSON inside."""
        return cls(kind, stream, json.dumps(content, ensure_ascii=False).encode())

    def json(self) -> Any:
        """The JSON inside."""
        return json.loads(self.payload)

    def to_bytes(self) -> bytes:
        """Header and payload."""
        return HEADER.pack(self.kind, self.stream, len(self.payload)) + self.payload


def parse_header(data: bytes | bytearray) -> tuple[Kind, int, int]:
    """Kind, stream and payload length; raises ``WireBroken`` for anything else."""
    kind, stream, length = HEADER.unpack(data)
    known = _KINDS.get(kind)
    if known is None or length > LONGEST_BYTES:
        raise WireBroken(f"not a message: kind {kind}, {length} bytes")
    return known, stream, length


class MessageReader:
    """Cuts what comes into messages, wherever the pipe cut it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages completed by these bytes; raises ``WireBroken``."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        at = 0
        while len(buffer) - at >= HEADER.size:
            kind, stream, length = parse_header(buffer[at : at + HEADER.size])
            end = at + HEADER.size + length
            if end > len(buffer):
                break
            messages.append(Message(kind, stream, bytes(buffer[at + HEADER.size : end])))
            at = end
        del buffer[:at]
        return messages


def read_message(pipe: BinaryIO) -> Message | None:
    """The next message of a blocking pipe, None when the other end has gone."""
    head = _read_exactly(pipe, HEADER.size)
    if head is None:
        return None
    kind, stream, length = parse_header(head)
    payload = _read_exactly(pipe, length)
    return None if payload is None else Message(kind, stream, payload)


def _read_exactly(pipe: BinaryIO, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        more = pipe.read(count - len(data))
        if not more:
            return None
        data += more
    return data
