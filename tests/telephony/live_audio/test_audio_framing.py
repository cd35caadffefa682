"""AudioSocket frames, wherever TCP cuts them."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.live_audio.framing import AudioSocketError, Frame, FrameReader, Kind, stream_id

frames = st.lists(
    st.builds(Frame, st.sampled_from([0, 1, 3, 0x10, 0xFF, 0x42]), st.binary(max_size=400)), max_size=8
)


@settings(deadline=None)
@given(frames, st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_any_cut_gives_the_same_frames(sent: list[Frame], sizes: list[int]) -> None:
    wire = b"".join(frame.encode() for frame in sent)
    reader, got, at, turn = FrameReader(), [], 0, 0
    while at < len(wire):
        size = sizes[turn % len(sizes)]
        got += reader.feed(wire[at : at + size])
        at, turn = at + size, turn + 1
    assert got == sent


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    try:
        FrameReader().feed(data)
    except AudioSocketError:
        assert len(data) >= 3


def test_the_first_frame_names_the_stream() -> None:
    name = uuid.uuid4()
    assert stream_id(Frame(Kind.UUID, name.bytes)) == str(name)
    for wrong in (Frame(Kind.UUID, b"short"), Frame(Kind.AUDIO, name.bytes)):
        with pytest.raises(AudioSocketError):
            stream_id(wrong)
