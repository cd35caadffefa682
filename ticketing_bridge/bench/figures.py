"""What a benchmark says: named figures, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from rich.table import Table

from ticketing_bridge.demo.likeness import percentile

T = TypeVar("T")


#: tells a long measurement how many minutes it takes
MINUTES_VARIABLE = "BENCH_MINUTES"


class Size(StrEnum):
    """How much is measured: all of it, or just enough to see that the benchmark works."""

    FULL = "full"
    TINY = "tiny"

    def of(self, full: T, tiny: T) -> T:
        """The amount for this size."""
        return full if self is Size.FULL else tiny


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. ``name`` is for scripts and stays; ``about`` is for people."""

    name: str
    value: float
    unit: str
    about: str
    #: what ought not to be, a line each: with any the benchmark says no
    wrong: tuple[str, ...] = ()


def never(name: str, count: int, about: str, which: Sequence[str] = ()) -> Figure:
    """How often that was which ought not to be. ``which``: each of them; without it the count is told."""
    wrong = (*which,) or ((f"{count} {about}",) if count else ())
    return Figure(name, count, "", f"{about} (must be 0)", wrong)


def spread_ms(name: str, seconds: Sequence[float], about: str) -> list[Figure]:
    """Median and p95 of durations, as two figures in milliseconds; nothing of nothing."""
    return [
        Figure(f"{name}_p{percent}_ms", value * 1000, "ms", f"{about}, {word}")
        for percent, word in ((50, "median"), (95, "p95"))
        if (value := percentile(seconds, percent)) is not None
    ]


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over all repeats."""

    name: str
    median: float
    least: float
    most: float
    unit: str
    about: str


@dataclass(frozen=True, slots=True)
class BenchReport:
    """One benchmark's figures over its repeats, with the one-minute load average around them."""

    name: str
    runs: tuple[tuple[Figure, ...], ...]
    load_before: float
    load_after: float

    @property
    def summaries(self) -> list[Summary]:
        """Medians and ends, in the order of the figures."""
        by_name: dict[str, list[Figure]] = {}
        for figure in (figure for run in self.runs for figure in run):
            by_name.setdefault(figure.name, []).append(figure)
        return [_summary(figures) for figures in by_name.values()]

    @property
    def wrong(self) -> list[str]:
        """What ought not to be, of all repeats."""
        return [text for run in self.runs for figure in run for text in figure.wrong]

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "repeats": len(self.runs),
            "load_before": self.load_before,
            "load_after": self.load_after,
            "figures": {one.name: asdict(one) for one in self.summaries},
            "wrong": self.wrong,
        }

    def as_table(self, what: str) -> Table:
        """For people; the ends are shown when there were repeats."""
        repeated = len(self.runs) > 1
        load = f"load {self.load_before:.1f} → {self.load_after:.1f}"
        title = f"{self.name}: {what} ({load}{f', {len(self.runs)} repeats' if repeated else ''})"
        table = Table(title=title, title_justify="left", header_style="bold")
        table.add_column("what")
        table.add_column("median" if repeated else "value", justify="right")
        if repeated:
            table.add_column("least … most", justify="right")
        table.add_column("unit")
        table.add_column("name", style="dim")
        for one in self.summaries:
            ends = [f"{shown(one.least)} … {shown(one.most)}"] if repeated else []
            table.add_row(one.about, shown(one.median), *ends, one.unit, one.name)
        return table


def _summary(figures: Sequence[Figure]) -> Summary:
    values = [figure.value for figure in figures]
    first = figures[0]
    return Summary(first.name, statistics.median(values), min(values), max(values), first.unit, first.about)


def shown(value: float) -> str:
    """Three digits that count, no more.

    >>> shown(12345.6), shown(12.34), shown(0.1234), shown(0)
    ('12,346', '12.3', '0.123', '0')
    """
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def machine() -> Mapping[str, Any]:
    """What the figures depend on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _first(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": int((_first(Path("/proc/meminfo"), "MemTotal") or "0 kB").split()[0]) // 1024,
        "load": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
    }


def machine_line(facts: Mapping[str, Any]) -> str:
    """The same for people."""
    load = " ".join(f"{one:.2f}" for one in facts["load"])
    return (
        f"{facts['date']}  {facts['cores']} cores ({facts['processor']}), {facts['memory_mb']} MB, "
        f"load {load}, Python {facts['python']}"
    )


def status_mb(pid: int | str, field: str) -> float:
    """A memory figure of ``/proc/PID/status`` in MB (``VmHWM``: the most that was resident); 0 when gone."""
    return int((_first(Path(f"/proc/{pid}/status"), field) or "0 kB").split()[0]) / 1024


def _first(path: Path, field: str) -> str | None:
    """The value of the first ``field: value`` line."""
    try:
        lines: Iterable[str] = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), None)
