"""Live recognition as the tests use it: what came out, and frames as they come."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.streaming import LiveEngine, LiveStream
from facts.transcript import Gap, Leg, LiveText
from voice.pcm import Pcm, to_bytes

FRAME_BYTES = 320
FRAME_S = 0.02


@dataclass
class Heard:
    """What came out, with the monotonic time of its coming."""

    texts: list[LiveText] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    async def on_text(self, text: LiveText) -> None:
        self.texts.append(text)
        self.times.append(time.monotonic())

    async def on_gap(self, call: str, gap: Gap) -> None:
        self.gaps.append(gap)

    def finals(self, call: str = "c", leg: Leg = Leg.CALLER) -> list[LiveText]:
        return [text for text in self.texts if text.final and text.call == call and text.leg is leg]

    def words(self, call: str = "c", leg: Leg = Leg.CALLER) -> str:
        return "".join(text.text for text in self.finals(call, leg))


@contextlib.asynccontextmanager
async def engine(model: Path, heard: Heard, **options: Any) -> AsyncIterator[LiveEngine]:
    options = {"children": 1, "nice": 0, **options}
    async with LiveEngine(model, heard.on_text, on_gap=heard.on_gap, **options) as live:
        yield live


def frames(samples: Pcm) -> list[bytes]:
    data = to_bytes(samples)
    return [data[first : first + FRAME_BYTES] for first in range(0, len(data), FRAME_BYTES)]


async def feed_at_once(stream: LiveStream, samples: Pcm, start_s: float = 1000.0) -> None:
    """All frames, stamped as if they had come in their own time."""
    for index, frame in enumerate(frames(samples)):
        stream.feed(frame, start_s + (index + 1) * FRAME_S)
        if index % 25 == 0:
            await asyncio.sleep(0)


async def feed_in_time(stream: LiveStream, samples: Pcm, speed: float = 1.0) -> None:
    began = time.monotonic()
    for index, frame in enumerate(frames(samples)):
        await asyncio.sleep(max(0.0, began + (index + 1) * FRAME_S / speed - time.monotonic()))
        stream.feed(frame, began + (index + 1) * FRAME_S)


async def until(condition: Any, timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
