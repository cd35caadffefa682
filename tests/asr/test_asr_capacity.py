"""How many legs are heard live is what the machine has time for."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.capacity import STREAM_BYTES, Capacity, free_memory_bytes, measured_on, remember, remembered
from asr.models import ModelFacts

FACTS = ModelFacts(Path("/models/a"), "a", "1234", 8000, 1000)
costs = st.floats(0.001, 2.0)


@given(costs, st.lists(st.tuples(costs, st.floats(1, 600)), max_size=20))
def test_what_legs_really_cost_replaces_the_first_guess(
    first: float, heard: list[tuple[float, float]]
) -> None:
    capacity = Capacity(2, first)
    for cost, seconds in heard:
        capacity.heard(cost * seconds, seconds)
    every = [first, *(cost for cost, _ in heard)]
    assert min(every) * 0.999 <= capacity.cost <= max(every) * 1.001 or capacity.cost == 0.35 * first
    assert capacity.streams >= 1
    for _ in range(20):
        capacity.heard(2.0 * first * 600, 600)
    assert 1.8 * first <= capacity.cost <= max(2.2 * first, 0.1 * max(every))


def test_dearer_streams_or_fewer_processors_make_less_room() -> None:
    assert Capacity(2, 0.02).streams == 70
    assert Capacity(1, 0.02).streams == 35
    assert Capacity(2, 0.5).streams == 2
    assert Capacity(2, 5.0).streams == 1
    assert Capacity(2, 0.02, known_cost=0.01).streams == 140
    assert Capacity(2, 0.02, memory_bytes=10 * STREAM_BYTES).streams == 6


def test_an_hour_of_silence_does_not_promise_the_world() -> None:
    capacity = Capacity(2, 0.02)
    for _ in range(3600):
        capacity.heard(0.0, 8.0)
    assert capacity.streams <= 2 / 0.02 * 2


def test_a_start_knows_what_an_earlier_one_found_on_the_same_machine(tmp_path: Path) -> None:
    file = tmp_path / "cost.json"
    assert remembered(file, FACTS) is None
    remember(file, FACTS, 0.0123)
    assert remembered(file, FACTS) == 0.0123
    assert remembered(file, replace(FACTS, version="5678")) is None
    file.write_text("{")
    assert remembered(file, FACTS) is None
    remember(tmp_path / "nowhere" / "cost.json", FACTS, 0.0123)
    assert remembered(None, FACTS) is None


def lines_of(monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    """A system that says just this in /proc; whatever is not there cannot be read."""
    read = Path.read_text

    def told(path: Path, *arguments: Any, **more: Any) -> str:
        if path.parent != Path("/proc"):
            return read(path, *arguments, **more)
        if path.name not in files:
            raise FileNotFoundError(path)
        return files[path.name]

    monkeypatch.setattr(Path, "read_text", told)


def test_memory_that_can_be_had_bounds_the_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (free_memory_bytes() or 0) > 0
    lines_of(monkeypatch, meminfo="MemTotal:  999999 kB\nMemAvailable:  614400 kB\n")
    assert free_memory_bytes() == 10 * STREAM_BYTES
    assert Capacity(8, 0.02, memory_bytes=free_memory_bytes()).streams == 6


@pytest.mark.parametrize("files", [{}, {"meminfo": "MemTotal: 1 kB\n"}, {"meminfo": "MemAvailable: much\n"}])
def test_a_system_that_does_not_say_its_memory_bounds_by_time_alone(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    lines_of(monkeypatch, **files)
    assert free_memory_bytes() is None
    assert Capacity(2, 0.02, memory_bytes=free_memory_bytes()).streams == 70


def test_what_was_measured_on_another_processor_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "cost.json"
    lines_of(monkeypatch, cpuinfo="processor: 0\nmodel name\t: Slow 1000\n")
    remember(file, FACTS, 0.0123)
    assert remembered(file, FACTS) == 0.0123
    lines_of(monkeypatch, cpuinfo="model name\t: Fast 9000\n")
    assert remembered(file, FACTS) is None
    for nameless in ({}, {"cpuinfo": "processor: 0\n"}):
        lines_of(monkeypatch, **nameless)
        assert measured_on(FACTS).endswith(platform.machine()), "its kind, where it has no name"
