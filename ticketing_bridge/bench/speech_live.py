"""How many legs are heard in real time, and how soon their words are on the socket that the page reads."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asr.demo_model import model_path
from asr.streaming import LiveEngine, LiveStream
from facts.transcript import Gap, Leg, LiveText
from ticketing_bridge.bench.figures import Figure, Size, spread_ms
from ticketing_bridge.bench.processes import cpu_s, rss_mb
from ticketing_bridge.bench.speech_cost import BareVosk, bare_vosk
from ticketing_bridge.bench.speech_sound import FRAME_BYTES, FRAME_S, leg_of
from ticketing_bridge.demo.likeness import percentile
from ticketing_bridge.live.broadcast import LiveBroadcast
from ticketing_bridge.live.wire import from_line
from voice.pcm import to_bytes

#: a leg whose words come later than this (p95, seconds) is not heard live
IN_TIME_S = 1.0
#: legs more at each step of the ramp, and the last step
STEP, MOST = 16, 160
#: a recogniser's first seconds cost more than all later ones: nothing is counted before
SETTLED_S = 4.0
VOICES_USED = 4
#: recogniser processes, as many as the product starts
CHILDREN = min(os.cpu_count() or 1, 4)


@dataclass(slots=True)
class Heard:
    """Texts with the moment in which they came out of the socket."""

    settled_s: float
    texts: dict[str, list[tuple[float, LiveText]]] = field(default_factory=dict)
    gaps: int = 0

    async def on_gap(self, call: str, gap: Gap) -> None:
        self.gaps += 1

    def take(self, text: LiveText) -> None:
        self.texts.setdefault(text.call, []).append((time.monotonic(), text))

    def delays(self, began: dict[str, float]) -> list[float]:
        """Seconds from a word's end to the first text of its segment that shows as many characters."""
        found: list[float] = []
        for call, texts in self.texts.items():
            for _, final in texts:
                if final.final:
                    found += _delays_of(final, texts, began[call], self.settled_s)
        return found


def _delays_of(
    final: LiveText, texts: Sequence[tuple[float, LiveText]], began: float, settled_s: float
) -> list[float]:
    same = [(at, text) for at, text in texts if text.segment == final.segment]
    found: list[float] = []
    shown = 0
    for word in final.words:
        shown += len(word.text)
        seen = next((at for at, text in same if len(text.text) >= shown), None)
        if seen is not None and word.end_s > settled_s:
            found.append(seen - began - word.end_s)
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """So many legs at once: what came of it."""

    streams: int
    delays: list[float]
    gaps: int
    cpu_percent: float
    mb_each: float

    @property
    def in_time(self) -> bool:
        """The words came soon enough, and none was lost."""
        late = percentile(self.delays, 95)
        return late is not None and late <= IN_TIME_S and not self.gaps


async def measure_live(home: Path, size: Size) -> list[Figure]:
    """Ours and a bare loop step by step until either is late; then ours at 80 % of what it held."""
    seconds, settled_s = size.of(12.0, 3.0), size.of(SETTLED_S, 1.0)
    first = size.of(STEP, 1)
    sound = b"".join(to_bytes(leg_of(n, size.of(60.0, 4.0))) for n in range(size.of(VOICES_USED, 1)))
    (home / "held.raw").write_bytes(sound)
    held: Step | None = None
    bare_held = 0
    async with bare_vosk() as bare:
        ours_goes_on = bare_goes_on = True
        for streams in range(first, size.of(MOST, first) + 1, STEP):
            if ours_goes_on:
                step = await play(home, sound, streams, seconds, settled_s)
                ours_goes_on = step.in_time
                held = step if step.in_time or held is None else held
            if bare_goes_on:
                bare_goes_on = await _bare_holds(bare, home / "held.raw", streams, seconds)
                bare_held = streams if bare_goes_on else bare_held
        bare_mb = await _bare_mb(bare, home / "held.raw", max(first, bare_held), settled_s)
    assert held is not None
    most = held.streams if held.in_time else 0
    usual = await play(home, sound, max(1, round(0.8 * most)), seconds, settled_s)
    return [
        Figure("held", most, "", f"legs heard live, all speaking, p95 word's end to text ≤ {IN_TIME_S:g} s"),
        Figure("held_bare", bare_held, "", "streams that Vosk alone keeps up with: p95 of pieces ≤ 1 s late"),
        Figure("held_mb", held.mb_each, "MB", "memory of each of ours, models included"),
        Figure("held_bare_mb", bare_mb, "MB", "memory of each of Vosk's alone, model included"),
        Figure("usual", usual.streams, "", "80 % of the legs held"),
        *spread_ms("usual_word", usual.delays, "80 %: word's end to the page's socket"),
        Figure("usual_words", len(usual.delays), "", "80 %: words measured"),
        Figure("usual_gaps", usual.gaps, "", "80 %: stretches lost"),
        Figure("usual_cpu", usual.cpu_percent, "% of a core", "80 %: processor time a leg, recognisers only"),
    ]  # fmt: skip


async def play(home: Path, sound: bytes, streams: int, seconds: float, settled_s: float = SETTLED_S) -> Step:
    """So many legs in real time through the product's engine, read from the page's socket."""
    heard = Heard(settled_s)
    async with _listening(home / "live.sock", heard) as broadcast:

        async def on_text(text: LiveText) -> None:
            broadcast.send(text)

        async with LiveEngine(
            model_path(),
            on_text,
            on_gap=heard.on_gap,
            live_streams=streams,
            children=CHILDREN,
            frozen_after_s=30.0,
        ) as engine:
            while engine.status().processes < CHILDREN:  # loading is not hearing
                await asyncio.sleep(0.05)
            before_s = cpu_s(engine.process_ids)
            began = await _feed(engine, sound, streams, seconds)
            used_s = cpu_s(engine.process_ids) - before_s
            mb = rss_mb(engine.process_ids)
        await asyncio.sleep(0.1)
    return Step(streams, heard.delays(began), heard.gaps, 100 * used_s / (streams * seconds), mb / streams)


async def _feed(engine: LiveEngine, sound: bytes, streams: int, seconds: float) -> dict[str, float]:
    """Every leg begins a little later than the one before, somewhere else in the sound."""
    opened: list[tuple[LiveStream, float, int]] = []
    start = time.monotonic()
    frames = len(sound) // FRAME_BYTES
    for number in range(streams):
        call = f"bench-{number}"
        stream = engine.open(call, Leg.CALLER, call, 0.0)
        opened.append((stream, start + number / streams, number * 997 % frames))
    for tick in range(1, int((seconds + 1.0) / FRAME_S) + 1):
        now = start + tick * FRAME_S
        await asyncio.sleep(max(0.0, now - time.monotonic()))
        for stream, began, offset in opened:
            index = round((now - began) / FRAME_S)
            if 0 < index <= seconds / FRAME_S:
                first = (offset + index) % frames * FRAME_BYTES
                stream.feed(sound[first : first + FRAME_BYTES], now)
    await asyncio.gather(*(stream.close(10.0) for stream, _, _ in opened))
    return {stream.call: began for stream, began, _ in opened}


@asynccontextmanager
async def _listening(path: Path, heard: Heard) -> AsyncIterator[LiveBroadcast]:
    """The socket with one reader, as the web role is one."""
    async with LiveBroadcast(path) as broadcast:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 22)

        async def read() -> None:
            while line := await reader.readline():
                heard.take(from_line(line))

        task = asyncio.create_task(read())
        try:
            yield broadcast
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            writer.close()


async def _bare_holds(bare: BareVosk, sound: Path, streams: int, seconds: float) -> bool:
    answer = await bare.ask({"hold": str(sound), "streams": streams, "seconds": seconds})
    return float(answer["late_p95_s"]) <= IN_TIME_S


async def _bare_mb(bare: BareVosk, sound: Path, streams: int, seconds: float) -> float:
    answer = await bare.ask({"hold": str(sound), "streams": streams, "seconds": seconds})
    return float(answer["rss_mb"]) / streams
