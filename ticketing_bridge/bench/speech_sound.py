"""What the speech benchmarks play: citizens of the simulation, with pauses as in calls or without."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from telephony.simulation.draw import draw
from telephony.simulation.scenario import Who
from telephony.simulation.speech import turns_of
from voice.pcm import TELEPHONE_RATE, Pcm, duration_s, join, silence
from voice.synthesis import synthesise_many
from voice.voices import VOICES

FRAME_S = 0.02
FRAME_BYTES = 320
#: between two sentences of somebody who tells something
PAUSE_S = 0.6
CALLS_A_SEED = 8
CITIZENS = tuple(sorted(name for name in VOICES if name.startswith("citizen_")))


def leg_of(number: int, seconds: float, *, pause_s: float = PAUSE_S) -> Pcm:
    """So many seconds of what a citizen says, in one of the voices; the end may cut a word."""
    voice = VOICES[CITIZENS[number % len(CITIZENS)]]
    said = _said(f"bench {number}")
    parts: list[Pcm] = []
    while (missing_s := seconds - sum(map(duration_s, parts))) > 0:
        for spoken in synthesise_many([(text, voice) for text in islice(said, _texts_for(missing_s))]):
            parts += [spoken, silence(pause_s)]
    return join(*parts)[: int(seconds * TELEPHONE_RATE)]


def dialogue_leg(number: int, seconds: float) -> Pcm:
    """One side of a conversation: it speaks for a sentence or two, then listens for as long."""
    voice = VOICES[CITIZENS[number % len(CITIZENS)]]
    said = _said(f"bench dialogue {number}")
    parts: list[Pcm] = [silence(1.0 + number % 3)]
    while (missing_s := seconds - sum(map(duration_s, parts))) > 0:
        sentences = synthesise_many([(text, voice) for text in islice(said, _texts_for(missing_s))])
        for one, other in zip(sentences[::2], sentences[1::2], strict=False):
            spoken = join(one, other)
            parts += [spoken, silence(duration_s(spoken))]
    return join(*parts)[: int(seconds * TELEPHONE_RATE)]


def _texts_for(seconds: float) -> int:
    """About so many sentences: synthesis is a process, whose start costs more than a sentence."""
    return max(4, int(seconds / 3))


def _said(seed: str) -> Iterator[str]:
    """What citizens say, a different call after each; begins again after some hundred."""
    rounds = (turn.text for more in range(40) for call in draw(f"{seed} {more}", CALLS_A_SEED)
              for turn in turns_of(call) if turn.who is Who.CITIZEN)  # fmt: skip
    return cycle(rounds)
