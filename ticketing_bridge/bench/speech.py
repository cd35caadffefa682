"""Recognition with the demo model: recordings, and live legs in real time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from asr.demo_model import model_path
from asr.files import transcribe_file
from asr.streaming import LiveEngine, StreamState
from config.settings import load_settings
from facts.transcript import Gap, Leg, LiveText
from telephony.simulation.draw import draw
from telephony.simulation.scenario import Who
from telephony.simulation.speech import turns_of
from ticketing_bridge.bench.figures import Figure, Size, spread_ms, status_mb
from voice.pcm import TELEPHONE_RATE, Pcm, duration_s, join, silence, to_bytes
from voice.synthesis import synthesise_many
from voice.voices import VOICES
from voice.wav import write_wav

FRAME_S = 0.02
FRAME_BYTES = 320
#: legs begin one after the other, as calls do (seconds)
STAGGER_S = 0.13
PAUSE_S = 0.6


@dataclass(slots=True)
class Heard:
    """Texts with the moment in which the callback got them."""

    texts: list[tuple[float, LiveText]] = field(default_factory=list)
    gaps: int = 0

    async def on_text(self, text: LiveText) -> None:
        self.texts.append((time.monotonic(), text))

    async def on_gap(self, call: str, gap: Gap) -> None:
        self.gaps += 1

    def delays(self, began: dict[str, float]) -> list[float]:
        """Seconds from a word's end to the first text of its segment that shows as many characters."""
        found = []
        for _, final in self.texts:
            if not final.final:
                continue
            same = [it for it in self.texts if (it[1].call, it[1].segment) == (final.call, final.segment)]
            shown = 0
            for word in final.words:
                shown += len(word.text)
                seen = next((at for at, text in same if len(text.text) >= shown), None)
                if seen is not None:
                    found.append(seen - began[final.call] - word.end_s)
        return found


async def measure(size: Size) -> list[Figure]:
    """Real-time factor of files; latency, memory and processor time of live legs."""
    seconds = size.of(10.0, 3.0)
    legs = [leg_of(number, seconds) for number in range(size.of(8, 1))]
    figures = await _files(load_settings().home / "leg.wav", join(*legs, *legs[: size.of(4, 0)]))
    for streams in size.of((1, 4, 8), (1,)):
        figures += await _live(legs[:streams])
    return figures


def leg_of(number: int, seconds: float) -> Pcm:
    """So many seconds of what a citizen says, in one of the voices; the end may cut a word."""
    voice = VOICES[sorted(name for name in VOICES if name.startswith("citizen_"))[number % 4]]
    texts = islice(_said(f"bench {number}"), max(1, round(seconds / 2)))
    parts: list[Pcm] = []
    for spoken in synthesise_many([(text, voice) for text in texts]):
        parts += [spoken, silence(PAUSE_S)]
    return join(*parts)[: int(seconds * TELEPHONE_RATE)]


def _said(seed: str) -> Iterator[str]:
    calls = draw(seed, 8)
    return cycle(turn.text for call in calls for turn in turns_of(call) if turn.who is Who.CITIZEN)


async def _files(path: Path, samples: Pcm) -> list[Figure]:
    """A short recording shows what a process and its model cost, a long one what speech costs."""
    short = samples[: 2 * TELEPHONE_RATE]
    times = []
    write_wav(path, short)
    await transcribe_file(path, model=model_path())  # its modules get compiled, its files read
    for piece in (short, samples):
        write_wav(path, piece)
        began = time.perf_counter()
        await transcribe_file(path, model=model_path())
        times.append(time.perf_counter() - began)
    more_s = duration_s(samples) - duration_s(short)
    return [
        Figure("file_audio_s", duration_s(samples), "s", "length of the recording"),
        Figure(
            "file_rtf", times[1] / duration_s(samples), "RTF", "a recording, with process and model loading"
        ),
        Figure("file_start_s", times[0], "s", "a recording of 2 s: process, model, almost no speech"),
        Figure(
            "file_rtf_speech", max(0.0, times[1] - times[0]) / more_s, "RTF", "every further second of speech"
        ),
    ]


async def _live(legs: list[Pcm]) -> list[Figure]:
    """So many legs in real time through the product's engine (its processes are niced by 5)."""
    heard, began = Heard(), {}
    listening = 0
    async with LiveEngine(model_path(), heard.on_text, on_gap=heard.on_gap) as engine:

        async def one(number: int, samples: Pcm) -> None:
            nonlocal listening
            await asyncio.sleep(number * STAGGER_S)
            call = f"bench-{number}"
            began[call] = time.monotonic()
            stream = engine.open(call, Leg.CALLER, call, 0.0)
            listening += stream.state is not StreamState.DEFERRED
            data = to_bytes(samples)
            for index, first in enumerate(range(0, len(data), FRAME_BYTES), 1):
                due = began[call] + index * FRAME_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                stream.feed(data[first : first + FRAME_BYTES], due)
            await stream.close()

        cpu = _cpu_s(engine.process_ids)
        await asyncio.gather(*(one(number, samples) for number, samples in enumerate(legs)))
        processes = engine.process_ids
        used_s = _cpu_s(processes) - cpu
        memory = sum(status_mb(pid, "VmHWM") for pid in processes)
    delays = heard.delays(began)
    n = len(legs)
    spoken_s = sum(duration_s(samples) for samples in legs)
    return [
        *spread_ms(f"live{n}_word", delays, f"{n} live: word's end to the callback"),
        Figure(f"live{n}_words", len(delays), "", f"{n} live: words measured"),
        Figure(f"live{n}_heard", listening, "", f"{n} live: legs that were heard live"),
        Figure(f"live{n}_gaps", heard.gaps, "", f"{n} live: stretches lost"),
        Figure(f"live{n}_cpu", 100 * used_s / spoken_s, "% of a core", f"{n} live: processor time a leg"),
        Figure(f"live{n}_rss_mb", memory, "MB", f"{n} live: peak memory of {len(processes)} processes"),
    ]  # fmt: skip


def _cpu_s(pids: list[int]) -> float:
    """Processor seconds that processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
