"""Hours of live recognition: does memory grow?

Half of the streams are calls of one to five minutes, one after the other; the others never end. All play
in real time through the product's engine.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from asr.demo_model import model_path
from asr.streaming import LiveEngine
from facts.transcript import Gap, Leg, LiveText
from ticketing_bridge.bench.figures import Figure
from ticketing_bridge.bench.processes import cpu_s, rss_mb
from ticketing_bridge.bench.speech_sound import FRAME_BYTES, FRAME_S, leg_of
from voice.pcm import to_bytes

#: how much is said before the same sentences come again (seconds, a leg)
SOUND_S = 300.0
LOOK_EVERY_S = 10.0
#: caches fill during this share of the time; then a tenth of it is compared with the last tenth
WARM_UP_SHARE = 0.25
COMPARED_SHARE = 0.1
CALL_S = (60.0, 300.0)


@dataclass(slots=True)
class Soak:
    """One soak: what was used over time, and what was heard."""

    began: float = field(default_factory=time.monotonic)
    #: (seconds since the beginning, MB of the recogniser processes, MB of this one)
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    words: int = 0
    gaps: int = 0
    calls: int = 0

    async def on_text(self, text: LiveText) -> None:
        if text.final:
            self.words += len(text.words)

    async def on_gap(self, call: str, gap: Gap) -> None:
        self.gaps += 1

    def growth(self, whole_s: float) -> float:
        """Percent that the recogniser processes grew by after they were warm."""
        first = [
            mb for at, mb, _ in self.memory if WARM_UP_SHARE <= at / whole_s < WARM_UP_SHARE + COMPARED_SHARE
        ]
        last = [mb for at, mb, _ in self.memory if at / whole_s >= 1 - COMPARED_SHARE]
        if not first or not last:
            return 0.0
        return 100 * (statistics.median(last) / statistics.median(first) - 1)


async def measure_soak(
    minutes: float, streams: int, tell: Callable[[float, str], None] = lambda done, what: None
) -> list[Figure]:
    """Play for so long; ``tell`` is called with the share that is done and how it stands."""
    whole_s = minutes * 60
    sounds = [to_bytes(leg_of(number, min(SOUND_S, whole_s))) for number in range(min(streams, 8))]
    soak = Soak()
    async with LiveEngine(model_path(), soak.on_text, on_gap=soak.on_gap, live_streams=streams) as engine:
        soak.began = time.monotonic()
        players = [
            asyncio.create_task(_play(engine, soak, number, sounds[number % len(sounds)], whole_s))
            for number in range(streams)
        ]
        watch = asyncio.create_task(_watch(engine, soak, whole_s, tell))
        await asyncio.gather(*players)
        used_s = cpu_s(engine.process_ids)
        status = engine.status()
        watch.cancel()
    lasting = sorted(mb for _, mb, _ in soak.memory)
    return [
        Figure("minutes", minutes, "min", "how long"),
        Figure("streams", streams, "", "live streams; every second one is calls of one to five minutes"),
        Figure("growth_percent", soak.growth(whole_s), "%",
               f"growth of the recognisers' memory, last tenth against a tenth after {WARM_UP_SHARE:.0%}"),
        Figure("most_mb", lasting[-1] if lasting else 0.0, "MB", "most memory of the recogniser processes"),
        Figure("parent_mb", soak.memory[-1][2] if soak.memory else 0.0, "MB",
               "memory of the process that plays"),
        Figure("cpu_percent", 100 * used_s / whole_s / streams, "% of a core", "processor time a stream"),
        Figure("words", soak.words, "", "words heard"),
        Figure("calls", soak.calls, "", "streams opened"),
        Figure("gaps", soak.gaps, "", "stretches lost"),
        Figure("restarts", status.restarts, "", "recogniser processes lost"),
    ]  # fmt: skip


async def _play(engine: LiveEngine, soak: Soak, number: int, sound: bytes, whole_s: float) -> None:
    random = Random(number)
    end = soak.began + whole_s
    at = random.randrange(len(sound) // FRAME_BYTES) * FRAME_BYTES
    while (now := time.monotonic()) < end:
        lasts_s = random.uniform(*CALL_S) if number % 2 else whole_s
        call = f"soak-{number}-{soak.calls}"
        soak.calls += 1
        stream = engine.open(call, Leg.CALLER, call, 0.0)
        for index in range(1, int(min(lasts_s, end - now) / FRAME_S) + 1):
            due = now + index * FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            stream.feed(sound[at : at + FRAME_BYTES], due)
            at = (at + FRAME_BYTES) % (len(sound) // FRAME_BYTES * FRAME_BYTES)
        await stream.close()


async def _watch(engine: LiveEngine, soak: Soak, whole_s: float, tell: Callable[[float, str], None]) -> None:
    while True:
        await asyncio.sleep(min(LOOK_EVERY_S, whole_s / 50))
        at_s = time.monotonic() - soak.began
        soak.memory.append((at_s, rss_mb(engine.process_ids), rss_mb([os.getpid()])))
        status = engine.status()
        tell(
            min(1.0, at_s / whole_s),
            f"{soak.memory[-1][1]:.0f} MB, {soak.words} words, {soak.gaps} gaps, lag {status.lag_s:.2f} s",
        )
