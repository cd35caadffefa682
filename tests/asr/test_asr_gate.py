"""The silence gate never loses a word and never loses count of time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.gate import HANGOVER_S, PREROLL_S, Passage, SilenceGate

RATE = 8000
#: (seconds, level in dBFS or None for digital silence)
stretches = st.lists(
    st.tuples(st.floats(0.02, 2.5), st.one_of(st.none(), st.floats(-75, -5))), min_size=1, max_size=6
)


def signal_of(parts: list[tuple[float, float | None]]) -> np.ndarray:
    random = np.random.default_rng(7)
    pieces = [
        np.zeros(int(seconds * RATE), dtype=np.int16)
        if level is None
        else np.clip(random.normal(0, 32768 * 10 ** (level / 20), int(seconds * RATE)), -32768, 32767).astype(
            np.int16
        )
        for seconds, level in parts
    ]
    return np.concatenate(pieces)


def passages_of(signal: np.ndarray, chunk: int) -> list[Passage]:
    gate = SilenceGate(RATE)
    passages = [
        passage
        for first in range(0, len(signal), chunk)
        for passage in gate.push(signal[first : first + chunk])
    ]
    assert gate.taken == len(signal)
    return passages + gate.finish()


@settings(max_examples=60, deadline=None)
@given(stretches, st.integers(40, 4000))
def test_what_passes_is_the_signal_itself_at_its_own_place(
    parts: list[tuple[float, float | None]], chunk: int
) -> None:
    signal = signal_of(parts)
    end = 0
    for passage in passages_of(signal, chunk):
        if len(passage.samples):
            assert passage.position >= end
            end = passage.position + len(passage.samples)
            assert np.array_equal(passage.samples, signal[passage.position : end])


@settings(max_examples=60, deadline=None)
@given(stretches)
def test_every_clearly_audible_stretch_passes_with_its_surroundings(
    parts: list[tuple[float, float | None]],
) -> None:
    signal = signal_of(parts)
    passed = np.zeros(len(signal), dtype=bool)
    for passage in passages_of(signal, 480):
        passed[passage.position : passage.position + len(passage.samples)] = True
    place = 0
    for seconds, level in parts:
        length = int(seconds * RATE)
        if level is not None and level > -38 and length >= 320:
            before = max(0, place - int((PREROLL_S - 0.1) * RATE))
            after = min(len(signal), place + length + int((HANGOVER_S - 0.1) * RATE))
            assert passed[before:after].all()
        place += length


@settings(max_examples=30, deadline=None)
@given(stretches, st.integers(40, 4000))
def test_the_size_of_the_pieces_does_not_matter(parts: list[tuple[float, float | None]], chunk: int) -> None:
    signal = signal_of(parts)

    def passed(size: int) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        for passage in passages_of(signal, size):
            if places and places[-1][1] == passage.position:
                places[-1] = (places[-1][0], passage.position + len(passage.samples))
            elif len(passage.samples):
                places.append((passage.position, passage.position + len(passage.samples)))
        return places

    assert passed(chunk) == passed(len(signal))


def test_steady_line_noise_does_not_keep_the_gate_open() -> None:
    signal = signal_of([(6.0, -52.0), (0.5, -20.0), (6.0, -52.0)])
    length = sum(len(passage.samples) for passage in passages_of(signal, 160))
    assert length <= 3.0 * RATE


def test_quiet_speech_over_quieter_noise_passes() -> None:
    signal = signal_of([(6.0, -60.0), (0.5, -48.0), (2.0, -60.0)])
    passed = [passage for passage in passages_of(signal, 160) if len(passage.samples)]
    assert (
        any(
            passage.position <= 5.8 * RATE and passage.position + len(passage.samples) >= 6.5 * RATE
            for passage in passed
        )
        or sum(len(passage.samples) for passage in passed) >= 1.5 * RATE
    )
