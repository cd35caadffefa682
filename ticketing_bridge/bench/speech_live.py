"""How many legs are heard in real time, and how soon their words are on the socket that the page reads."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.demo_model import model_path
from asr.streaming import LiveEngine, LiveStream
from asr.transcript import display_text
from facts.transcript import Gap, Leg, LiveText, Word
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
#: how exactly the number of legs held is found, and the most that is tried
STEP, MOST = 4, 64
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

    def take(self, text: LiveText, at: float | None = None) -> None:
        self.texts.setdefault(text.call, []).append((time.monotonic() if at is None else at, text))

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
    """How many legs ours and a bare loop hold, by the same measure; then ours at 80 % of what it held."""
    seconds, settled_s = size.of(12.0, 3.0), size.of(SETTLED_S, 1.0)
    step, most = size.of(STEP, 1), size.of(MOST, 1)
    sound = b"".join(to_bytes(leg_of(n, size.of(60.0, 4.0))) for n in range(size.of(VOICES_USED, 1)))
    (home / "held.raw").write_bytes(sound)
    async with bare_vosk() as bare:

        async def ours(streams: int) -> Step:
            return await play(home, sound, streams, seconds, settled_s)

        async def theirs(streams: int) -> Step:
            return await _bare_plays(bare, home / "held.raw", streams, seconds, settled_s)

        held = await _most_held(ours, step, most)
        bare_held = await _most_held(theirs, step, most)
        beside = await theirs(held.streams)
    usual = await ours(max(1, round(0.8 * held.streams)))
    return [
        Figure("held", held.streams * held.in_time, "",
               f"legs heard live, all speaking, p95 word's end to text ≤ {IN_TIME_S:g} s"),
        Figure("held_bare", bare_held.streams * bare_held.in_time, "", "streams of Vosk alone, as soon"),
        *spread_ms("held_word", held.delays, "ours held: word's end to the page's socket"),
        *spread_ms("held_bare_word", beside.delays, "as many of Vosk alone: word's end to text"),
        Figure("held_cpu", held.cpu_percent, "% of a core", "ours held: processor time a leg"),
        Figure("held_bare_cpu", beside.cpu_percent, "% of a core", "as many of Vosk alone"),
        Figure("held_mb", held.mb_each, "MB", "memory of each of ours, models included"),
        Figure("held_bare_mb", beside.mb_each, "MB", "as many of Vosk alone: memory of each, model included"),
        Figure("usual", usual.streams, "", "80 % of the legs held"),
        *spread_ms("usual_word", usual.delays, "80 %: word's end to the page's socket"),
        Figure("usual_words", len(usual.delays), "", "80 %: words measured"),
        Figure("usual_gaps", usual.gaps, "", "80 %: stretches lost"),
        Figure("usual_cpu", usual.cpu_percent, "% of a core", "80 %: processor time a leg, recognisers only"),
        Figure("usual_mb", usual.mb_each, "MB", "80 %: memory of each, models included"),
    ]  # fmt: skip


async def _most_held(plays: Callable[[int], Awaitable[Step]], step: int, most: int) -> Step:
    """The step with the most legs whose words are in time, by halving; if none was, the smallest."""
    below, beyond = 0, most // step + 1
    held: Step | None = None
    while beyond - below > 1:
        middle = (below + beyond) // 2
        tried = await plays(middle * step)
        if tried.in_time:
            below, held = middle, tried
        else:
            beyond, held = middle, held if below else tried
    assert held is not None
    return held


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


async def _bare_plays(bare: BareVosk, sound: Path, streams: int, seconds: float, settled_s: float) -> Step:
    """So many streams of Vosk alone, measured as ours are."""
    answer = await bare.ask({"hold": str(sound), "streams": streams, "seconds": seconds})
    heard = Heard(settled_s)
    began: dict[str, float] = {}
    for number, stream in enumerate(answer["streams"]):
        call = f"bare-{number}"
        began[call] = stream["began"]
        segment = 0
        for at, final, shown in stream["texts"]:
            heard.take(_bare_text(call, segment, final, shown), at)
            segment += final
    cpu_percent = 100 * answer["cpu_s"] / (streams * seconds)
    return Step(streams, heard.delays(began), 0, cpu_percent, answer["rss_mb"] / streams)


def _bare_text(call: str, segment: int, final: bool, shown: dict[str, Any]) -> LiveText:
    words = tuple(
        Word(word["word"], word["start"], word["end"], word["conf"]) for word in shown.get("result", ())
    )
    text = display_text(shown.get("text" if final else "partial", "").split())
    return LiveText(call, Leg.CALLER, segment, final, text, 0.0, 0.0, words)
