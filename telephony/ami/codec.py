"""AMI on the wire: bytes to messages. Pure: no socket, no clock.

A message ends with an empty line (CR LF CR LF). Bytes are framed first and a whole
message is decoded at once, so that a character is never torn by where TCP cuts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

#: no message of Asterisk's comes near it; more is an error or an attack
MAX_MESSAGE_BYTES = 1 << 20
_END = b"\r\n\r\n"
_BANNER = "Asterisk Call Manager/"


@dataclass(frozen=True, slots=True)
class AmiMessage:
    """One message. Repeated headers are joined by LF, which no single value can hold.

    ``received_at`` is our clock (UTC); the header ``Timestamp`` is the PBX's.
    """

    headers: Mapping[str, str]
    received_at: datetime


class MessageFramer:
    """Cuts a stream of bytes into messages; what is too long is dropped whole and counted."""

    def __init__(self, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._buffer = bytearray()
        self._max_bytes = max_bytes
        self._skipping = False
        #: messages dropped because they were longer than allowed
        self.oversized = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages completed by these bytes, without their ends."""
        searched = max(0, len(self._buffer) - len(_END) + 1)
        self._buffer += data
        messages: list[bytes] = []
        begin = 0
        while (end := self._buffer.find(_END, max(begin, searched))) >= 0:
            self._take(bytes(self._buffer[begin:end]), messages)
            begin = end + len(_END)
        del self._buffer[:begin]
        if len(self._buffer) > self._max_bytes + len(_END) - 1:
            # keep what may be the first bytes of the end
            del self._buffer[: -len(_END) + 1]
            self._skipping = True
        return messages

    def _take(self, message: bytes, messages: list[bytes]) -> None:
        if self._skipping or len(message) > self._max_bytes:
            self.oversized += 1
            self._skipping = False
        else:
            messages.append(message)


def parse_message(block: bytes) -> dict[str, str] | None:
    """The headers of one framed message, or None when it is neither event nor response.

    Bytes that are not UTF-8 become U+FFFD; lines without a colon are ignored.
    """
    lines = block.decode("utf-8", "replace").split("\r\n")
    try:
        headers = dict([line.split(": ", 1) for line in lines])
    except ValueError:
        return _with_oddities(lines)
    if len(headers) != len(lines) or ":" in "".join(headers):
        return _with_oddities(lines)
    return headers if "Event" in headers or "Response" in headers else None


def _with_oddities(lines: Sequence[str]) -> dict[str, str] | None:
    """The headers of a message some of whose lines are not plainly ``Name: value``, each once."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.removeprefix(" ")
        if name in headers:
            headers[name] = f"{headers[name]}\n{value}"
        else:
            headers[name] = value
    return headers if "Event" in headers or "Response" in headers else None


_EVENT = b"Event: "


def event_name(block: bytes) -> bytes | None:
    """What an event that nobody asked for is called; None for everything else. Reads no more than that."""
    if not block.startswith(_EVENT) or b"\r\nActionID: " in block:
        return None
    end = block.find(b"\r\n")
    return block[len(_EVENT) :] if end < 0 else block[len(_EVENT) : end]


def banner_version(block: bytes) -> str | None:
    """The protocol's version, when the block begins with the greeting line."""
    if not block.startswith(_BANNER.encode()):
        return None
    line = block.partition(b"\r\n")[0].decode("ascii", "replace")
    return line.removeprefix(_BANNER).strip()
