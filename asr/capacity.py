"""How many legs this machine hears live: measured on the legs themselves, remembered between starts.

A stream that is heard too late is worth nothing, and one too many makes all of them late. So the engine
counts what a second of a leg costs (silence included, which the gate makes cheap), and takes no more legs
than the processors have time for.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from asr.models import ModelFacts

#: share of the processors that live recognition may take; the PBX, the pages and bursts need the rest
SHARE = 0.7
#: how much heard audio the first estimate weighs, and how much is remembered (seconds)
PRIOR_S = 120.0
MEMORY_S = 1800.0
#: a lull with silent legs says little about the next hour: no leg counts as cheaper than this part of speech
LEAST_PART = 0.35
#: memory of a stream whose recogniser is about to be renewed (measured: 40 MB), and the share for all
STREAM_BYTES = 60 << 20
MEMORY_SHARE = 0.6


@dataclass(slots=True)
class Capacity:
    """Pure: what streams cost, and how many fit. Costs are processor seconds for a second of a leg."""

    cores: float
    #: what a second of speech cost when the model was tried
    first_cost: float
    #: what a second of a leg cost in earlier runs
    known_cost: float | None = None
    memory_bytes: int | None = None
    _cpu_s: float = 0.0
    _heard_s: float = 0.0

    def heard(self, cpu_s: float, heard_s: float) -> None:
        """So much processor time went into so many seconds of legs."""
        self._cpu_s += max(0.0, cpu_s)
        self._heard_s += max(0.0, heard_s)
        if self._heard_s > MEMORY_S:
            self._cpu_s *= MEMORY_S / self._heard_s
            self._heard_s = MEMORY_S

    @property
    def cost(self) -> float:
        """Processor seconds for a second of a leg, as far as is known."""
        prior = self.first_cost if self.known_cost is None else self.known_cost
        cost = (prior * PRIOR_S + self._cpu_s) / (PRIOR_S + self._heard_s)
        return max(cost, LEAST_PART * self.first_cost, 1e-4)

    @property
    def streams(self) -> int:
        """How many legs can be heard at once; at least one."""
        by_time = self.cores * SHARE / self.cost
        by_memory = float("inf")
        if self.memory_bytes is not None:
            by_memory = self.memory_bytes * MEMORY_SHARE / STREAM_BYTES
        return max(1, int(min(by_time, by_memory)))


def measured_on(facts: ModelFacts) -> str:
    """What a measured cost belongs to: this model on this machine."""
    return f"{facts.id} {usable_cores():g} {_processor()}"


def usable_cores() -> float:
    """Processors that this process may use, a container's quota included."""
    cores = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return min(cores, int(quota) / int(period))
    except (OSError, ValueError):  # none, or "max"
        return cores


def free_memory_bytes() -> int | None:
    """Memory that could be had now; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    return None


def remembered(file: Path | None, facts: ModelFacts) -> float | None:
    """The cost that an earlier run found for this model on this machine."""
    if file is None:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        cost = float(content["cost"]) if content["measured_on"] == measured_on(facts) else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return cost if cost > 0 else None


def remember(file: Path | None, facts: ModelFacts, cost: float) -> None:
    """Keep a cost for the next start; a disk that is full is no reason not to hear."""
    if file is None:
        return
    part = file.with_name(f".{file.name}.{os.getpid()}")
    content = {"measured_on": measured_on(facts), "cost": round(cost, 5)}
    try:
        part.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
