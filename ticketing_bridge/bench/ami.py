"""From AMI bytes to typed events: our codec, panoramisk's own, and the whole link over TCP.

All variants see the same bytes in the same pieces, in turn, within one run: their ratio means
something on a busy machine as well.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

from telephony.ami.codec import MessageFramer, parse_message
from telephony.ami.events import parse_event
from telephony.ami.link import AmiAddress, AmiLink
from telephony.ami.testing import FakeAmi
from ticketing_bridge.bench.figures import Figure, Size
from ticketing_bridge.bench.traffic import END, PBX_ID, calls_on_the_wire

#: bytes a read; a busy PBX's writes come in such pieces
PIECE = 4096


class _Counter:
    """panoramisk's factory, as far as its parsing needs one."""

    save_stream = None

    def __init__(self) -> None:
        self.messages = 0

    def dispatch(self, message: Message) -> None:
        self.messages += 1


def bare_panoramisk(pieces: Sequence[bytes]) -> int:
    """Messages that panoramisk makes of these bytes, as it is."""
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.factory = counter = _Counter()
    protocol.encoding = "utf-8"
    for piece in pieces:
        protocol.data_received(piece)
    return counter.messages


def our_headers(pieces: Sequence[bytes]) -> int:
    """Messages that our codec makes of these bytes."""
    framer = MessageFramer()
    return sum(parse_message(block) is not None for piece in pieces for block in framer.feed(piece))


def our_events(pieces: Sequence[bytes]) -> int:
    """Messages taken all the way to typed events (or to the finding that they do not matter)."""
    framer = MessageFramer()
    messages = 0
    for piece in pieces:
        for block in framer.feed(piece):
            headers = parse_message(block)
            if headers is not None:
                parse_event(headers, PBX_ID)
                messages += 1
    return messages


async def measure(size: Size) -> list[Figure]:
    """Messages a second of every variant, medians of several turns."""
    blocks = calls_on_the_wire(size.of(200, 4), datetime.now(UTC))
    data = END.join(blocks) + END
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    variants: dict[str, Callable[[Sequence[bytes]], int]] = {
        "events": our_events,
        "headers": our_headers,
        "panoramisk": bare_panoramisk,
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(size.of(9, 2)):
        for name, variant in variants.items():
            gc.collect()
            began = time.perf_counter()
            found = variant(pieces)
            rates[name].append(found / (time.perf_counter() - began))
            assert found == len(blocks), f"{name}: {found} of {len(blocks)} messages"
    typed = sum(_is_event(block) for block in blocks) / len(blocks)
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratios = [ours / theirs for ours, theirs in zip(rates["events"], rates["panoramisk"], strict=True)]
    over_tcp = await _through_the_link(data, len(blocks))
    return [
        Figure("messages_per_s", middle["events"], "messages/s", "bytes to typed events, our codec"),
        Figure("events_per_s", middle["events"] * typed, "events/s", "typed events among them (aim: 10,000)"),
        Figure("headers_per_s", middle["headers"], "messages/s", "bytes to headers only, our codec"),
        Figure("panoramisk_per_s", middle["panoramisk"], "messages/s", "panoramisk alone, untyped messages"),
        Figure("ratio", statistics.median(ratios), "×", "ours with typed events to panoramisk alone"),
        Figure("link_per_s", over_tcp, "messages/s", "typed events through the whole link, over TCP"),
    ]  # fmt: skip


def _is_event(block: bytes) -> bool:
    headers = parse_message(block)
    return headers is not None and parse_event(headers, PBX_ID) is not None


async def _through_the_link(data: bytes, messages: int) -> float:
    """Messages a second that come out of a link as events, sent by a manager interface in this process."""
    async with FakeAmi() as pbx, AmiLink(AmiAddress("127.0.0.1", pbx.port, "bench", "bench", PBX_ID)) as link:
        await link.wait_up(10)
        await _until_snapshot(link)
        began = time.perf_counter()
        sending = asyncio.create_task(pbx.raw(data))
        taken = 0
        while taken < messages:
            batch = await link.next_batch()
            for message in batch:
                parse_event(message.headers, PBX_ID)
            taken += len(batch)
        took_s = time.perf_counter() - began
        await sending
    return messages / took_s


async def _until_snapshot(link: AmiLink) -> None:
    """Take what a link says first."""
    async with asyncio.timeout(10):
        async for message in link.messages():
            if message.headers.get("Event") == "HotlineSnapshotEnd":
                return
