"""Frames and their arrival: holes become silence, late bursts do not, nothing said is thrown away."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from asr.timeline import TOLERANCE_S, Timeline

RATE = 8000
FRAME = 160
SPEECH = b"\x11\x22" * FRAME


def joined(*placed: tuple[int, bytes]) -> bytes:
    return b"".join(bytes(2 * silence) + data for silence, data in placed)


def run(frames: list[tuple[float, bytes]]) -> tuple[Timeline, bytes]:
    timeline = Timeline(RATE)
    out = joined(*(timeline.place(pcm, at) for at, pcm in frames), timeline.finish())
    return timeline, out


@given(st.lists(st.floats(0, 0.05), min_size=5, max_size=60))
def test_jitter_puts_no_silence_in(delays: list[float]) -> None:
    arrivals = [index * 0.02 + delay for index, delay in enumerate(delays)]
    ordered = [max(arrivals[: index + 1]) for index in range(len(arrivals))]
    timeline, out = run([(1000 + at, SPEECH) for at in ordered])
    assert timeline.filled_s == 0
    assert out == SPEECH * len(delays)


@settings(max_examples=80)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=4), st.integers(2, 40))
def test_lost_frames_become_as_much_silence(holes: list[int], talk: int) -> None:
    frames, tick = [], 0
    for hole in holes:
        frames += [((tick + index) * 0.02, SPEECH) for index in range(talk)]
        tick += talk + hole
    frames += [((tick + index) * 0.02, SPEECH) for index in range(talk)]
    timeline, out = run(frames)
    assert out.replace(b"\0\0", b"") == SPEECH * len(frames)
    last_end_s = len(out) / 2 / RATE
    arrived_end_s = frames[-1][0] + 0.02
    assert abs(arrived_end_s - last_end_s) <= TOLERANCE_S + 0.001
    assert timeline.samples == len(out) // 2


def test_a_burst_of_late_frames_is_not_lost_audio() -> None:
    frames = [(index * 0.02, SPEECH) for index in range(50)]
    stalled = frames[:20] + [(0.9 + index * 0.0005, SPEECH) for index in range(25)]
    stalled += [(at + 0.02, SPEECH) for at, _ in frames[45:]]
    timeline, out = run(stalled)
    assert timeline.filled_s == 0
    assert out == SPEECH * len(stalled)


def test_a_burst_that_does_not_catch_up_leaves_the_rest_as_silence() -> None:
    """0.5 s without frames, then 0.3 s of late ones: 0.2 s never came."""
    frames = [(index * 0.02, SPEECH) for index in range(20)]
    frames += [(0.9 + index * 0.0005, SPEECH) for index in range(15)]
    frames += [(0.92 + index * 0.02, SPEECH) for index in range(10)]
    timeline, _ = run(frames)
    assert abs(timeline.filled_s - 0.2) <= 0.04


def test_silence_before_the_first_frame_counts_when_the_opening_is_known() -> None:
    timeline = Timeline(RATE, origin_s=50.0)
    out = joined(timeline.place(SPEECH, 50.52), timeline.place(SPEECH, 50.54), timeline.finish())
    assert len(out) / 2 / RATE == 0.54


def test_two_legs_with_different_holes_end_at_the_same_time() -> None:
    whole = [(index * 0.02, SPEECH) for index in range(500)]
    holey = [frame for index, frame in enumerate(whole) if not 100 <= index < 240 and not 300 <= index < 304]
    assert abs(len(run(whole)[1]) - len(run(holey)[1])) / 2 / RATE <= TOLERANCE_S
