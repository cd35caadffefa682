"""What a PBX says of answered calls: one recorded call, copied with its own ids, times and number."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files

from telephony.ami.codec import AmiMessage, parse_message

END = b"\r\n\r\n"
PBX_ID = "city"
AGENTS = frozenset({"agent101"})
#: what is the recording's own in ``data/answered_call.ami`` (Asterisk 22.10, a simulated caller)
_CITIZEN, _AGENT = b"city-1795225533.64", b"city-1795225536.65"
_BRIDGE = b"c3de1b19-1f02-4a74-baed-3d334791ac9f"
_NUMBER = b"13997360077"
_CHANNEL = re.compile(rb"(PJSIP/[a-z0-9-]+-)0000000([01])")
_TIMESTAMP = re.compile(rb"^Timestamp: (\d+\.\d+)", re.MULTILINE)
_BEGAN = 1795225533.062


@cache
def recorded_call() -> tuple[bytes, ...]:
    """The messages of one answered call, as they came over the wire; without their ends."""
    data = files("ticketing_bridge.bench").joinpath("data/answered_call.ami").read_bytes()
    return tuple(data.removesuffix(END).split(END))


def calls_on_the_wire(calls: int, begin: datetime, *, apart_s: float = 0.5) -> list[bytes]:
    """The messages of many answered calls that overlap, in the order in which a PBX sends them."""
    stamped = [
        message for number in range(calls) for message in _copy(number, begin.timestamp() + number * apart_s)
    ]
    stamped.sort(key=lambda pair: pair[0])
    return [block for _, block in stamped]


def as_messages(blocks: Sequence[bytes]) -> list[AmiMessage]:
    """The same as the link gives them: received 10 ms after the PBX's stamp."""
    found = []
    for block in blocks:
        headers = parse_message(block)
        assert headers is not None
        at = datetime.fromtimestamp(float(headers["Timestamp"]), UTC)
        found.append(AmiMessage(headers, at + timedelta(milliseconds=10)))
    return found


def talking_call(begin: datetime) -> list[AmiMessage]:
    """A call up to where both talk: it stays open."""
    messages = as_messages([block for _, block in _copy(999_999, begin.timestamp())])
    over = next(at for at, message in enumerate(messages) if "Hangup" in message.headers["Event"])
    return messages[:over]


def _copy(number: int, begin_s: float) -> list[tuple[float, bytes]]:
    """One call's messages with their times."""
    bridge = str(uuid.UUID(int=number)).encode()
    stem = b"city-%d." % begin_s
    changes = (
        (_CITIZEN, stem + b"%d" % (2 * number)),
        (_AGENT, stem + b"%d" % (2 * number + 1)),
        (_BRIDGE, bridge),
        (_NUMBER, b"139%08d" % number),
    )
    made = []
    for recorded in recorded_call():
        block = _CHANNEL.sub(lambda it: it[1] + b"%08x" % (2 * number + int(it[2])), recorded)
        for old, new in changes:
            block = block.replace(old, new)
        stamp = _TIMESTAMP.search(block)
        assert stamp is not None
        at_s = begin_s + float(stamp[1]) - _BEGAN
        made.append((at_s, _TIMESTAMP.sub(b"Timestamp: %.6f" % at_s, block)))
    return made
