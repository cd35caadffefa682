"""Processor time of our live and files paths for a second of audio, beside Vosk alone on the same audio.

Everything takes turns, so that a busy minute hits all. Ours counts whole: the recogniser's process and, of
the live path, the process that feeds it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asr.demo_model import model_path
from asr.files import Transcriber
from asr.streaming import LiveEngine
from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.figures import Figure, Size
from ticketing_bridge.bench.processes import children, cpu_s
from ticketing_bridge.bench.speech_sound import FRAME_BYTES, FRAME_S, dialogue_leg, leg_of
from voice.pcm import TELEPHONE_RATE, Pcm, duration_s, to_bytes
from voice.wav import write_wav

#: frames between two looks at whether the recogniser keeps up, and how often that is looked at: seldom, the
#: looking would be counted (an engine keeps 30 s of audio)
BURST = 500
LOOK_EVERY_S = 0.1
#: bytes of the longest answer: everything that many streams showed
LONGEST_ANSWER = 1 << 26
#: a pause between two sentences that no silence gate can use
NO_PAUSE_S = 0.0


class BareVosk:
    """Vosk alone in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """One order and its answer; see ``bare_vosk``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def bare_vosk() -> AsyncIterator[BareVosk]:
    """The process, ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ticketing_bridge.bench.bare_vosk", str(model_path())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_ANSWER,
    )
    try:
        yield BareVosk(process)
    finally:
        process.kill()
        await process.wait()


@dataclass(slots=True)
class Turns:
    """Processor seconds for a second of audio, one value a turn."""

    live: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    bare_partials: list[float] = field(default_factory=list)


async def measure_cost(home: Path, size: Size) -> list[Figure]:
    """Both kinds of audio, ours and Vosk's in turn."""
    seconds = size.of(90.0, 4.0)
    turns = size.of(5, 1)
    figures: list[Figure] = []
    async with bare_vosk() as bare, Transcriber(model_path(), nice=5) as transcriber:
        dense = [leg_of(number, seconds, pause_s=NO_PAUSE_S) for number in range(turns)]
        dialogue = [dialogue_leg(number, seconds) for number in range(turns)]
        for kind, about, sounds in (
            ("dense", "speech without pauses", dense),
            ("dialogue", "a leg of a conversation", dialogue),
        ):
            found = Turns()
            if turns > 1:  # what a first time costs
                await _one_turn(home, sounds[0][: 3 * TELEPHONE_RATE], bare, transcriber, Turns())
            for sound in sounds:
                await _one_turn(home, sound, bare, transcriber, found)
            figures += _figures(kind, about, found)
    return figures


async def _one_turn(home: Path, sound: Pcm, bare: BareVosk, transcriber: Transcriber, found: Turns) -> None:
    raw, wav = home / "sound.raw", home / "sound.wav"
    raw.write_bytes(to_bytes(sound))
    write_wav(wav, sound)
    audio_s = duration_s(sound)
    found.bare_partials.append((await bare.ask({"hear": str(raw), "partials": True}))["cpu_s"] / audio_s)
    found.live.append(await _live(raw.read_bytes()) / audio_s)
    found.bare.append((await bare.ask({"hear": str(raw), "partials": False}))["cpu_s"] / audio_s)
    before_s = cpu_s(children()) + time.process_time()
    await transcriber.file(wav)
    found.files.append((cpu_s(children()) + time.process_time() - before_s) / audio_s)


async def _live(sound: bytes) -> float:
    """Processor seconds of one leg, as fast as the recogniser takes it; the start is not counted."""

    async def on_text(text: LiveText) -> None: ...

    async with LiveEngine(model_path(), on_text, children=1, live_streams=1) as engine:
        before_s = cpu_s(engine.process_ids) + time.process_time()
        stream = engine.open("bench", Leg.CALLER, "bench", 0.0)
        for index, first in enumerate(range(0, len(sound), FRAME_BYTES), 1):
            stream.feed(sound[first : first + FRAME_BYTES], index * FRAME_S)
            if index % BURST == 0:
                while not stream.is_hungry:
                    await asyncio.sleep(LOOK_EVERY_S)
        await stream.close(60.0)
        return cpu_s(engine.process_ids) + time.process_time() - before_s


def _figures(kind: str, about: str, found: Turns) -> list[Figure]:
    def ratio(ours: list[float], theirs: list[float]) -> float:
        return statistics.median(mine / its for mine, its in zip(ours, theirs, strict=True))

    def percent(name: str, costs: list[float], what: str) -> Figure:
        return Figure(f"{kind}_{name}_cpu", 100 * statistics.median(costs), "% of a core", f"{about}: {what}")

    return [
        percent("bare", found.bare, "Vosk alone, finals only"),
        percent("bare_partials", found.bare_partials, "Vosk alone, with partials as often as ours"),
        percent("live", found.live, "our live path, feeding process included"),
        percent("files", found.files, "our files path"),
        Figure(f"{kind}_live_ratio", ratio(found.live, found.bare_partials), "×",
               f"{about}: live path to Vosk alone with partials (aim: ≤ 1.05)"),
        Figure(f"{kind}_live_ratio_finals", ratio(found.live, found.bare), "×",
               f"{about}: live path (with partials) to Vosk alone without"),
        Figure(f"{kind}_files_ratio", ratio(found.files, found.bare), "×",
               f"{about}: files path to Vosk alone (aim: ≤ 1.05)"),
    ]  # fmt: skip
