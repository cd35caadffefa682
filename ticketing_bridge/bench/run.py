"""Runs benchmarks: each in a fresh process with a temporary home, one after the other, in rounds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from facts.errors import HotlineError
from ticketing_bridge.bench.figures import BenchReport, Figure, Size
from ticketing_bridge.store.embedded import EmbeddedPostgres

#: what there is, in the order of ``all``; the module of the same name measures it
BENCHES: Mapping[str, str] = {
    "ami": "AMI bytes to typed events, beside panoramisk alone on the same bytes",
    "intake": "a PBX's messages into stored calls: saturation, and the lag at 70 % of it",
    "ledger": "events into an embedded PostgreSQL: fold, rows, jobs",
    "drafting": "tickets drafted from generated calls",
    "search": "words found in the transcripts of 100,000 generated calls",
    "speech": "recordings and live streams, demo model",
    "flows": "500 callers in menus at once, by FastAGI",
    "web": "pages and server-sent events of the web role",
    "desks": "fifty agents' workplaces at once, somebody speaking at each",
    "saves": "200 agents save their sheets in the web role: within 5 s, and in one moment",
    "start": "commands and roles from nothing",
    "rate": "a year of ten million calls counted, every grouping asked",
    "tickets": "200 agents who save tickets at once",
    "delivery": "1,000 tickets to three systems, 30 % faults, ten kills of the worker",
    "menus": "40 SIP callers in menus at once on a PBX: keys pressed, steps in the ledger",
    "wall": "the wallboard in Chromium: 200 agents, 50 waiting, event to pixel, growth",
    "hour": "an agent's desk left open in Chromium while eight others talk: growth",
}
#: long, and asked for by name only
ALONE = frozenset({"delivery", "menus", "saves", "wall", "hour"})
#: a benchmark that is asked to stop may tidy up for this long (seconds)
STOP_GRACE_S = 20.0
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
#: after this long a benchmark hangs (seconds)
LONGEST_S = 1200.0
#: one that fills a year first
LONGEST_OF = {"delivery": 3600.0, "rate": 3600.0, "hour": 7200.0}


class BenchUnknown(HotlineError):
    """There is no such benchmark."""

    error_id = "bench-unknown"


class BenchFailed(HotlineError):
    """A benchmark ended without figures."""

    error_id = "bench-failed"
    exit_code = 1


def run_benches(
    names: Sequence[str],
    *,
    repeat: int = 1,
    size: Size = Size.FULL,
    calls: int | None = None,
    tell: Callable[[str, int], None] = lambda name, round_: None,
) -> list[BenchReport]:
    """Run them ``repeat`` times in turn (so that a noisy minute does not hit one alone). Blocks.

    Raises:
        BenchUnknown: a name is none.
        BenchFailed: one ended without figures.
    """
    for name in names:
        if name not in BENCHES:
            raise BenchUnknown(
                f"there is no benchmark {name!r}", fix=f"one of {', '.join(BENCHES)}, path, all"
            )
    runs: dict[str, list[tuple[Figure, ...]]] = {name: [] for name in names}
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as bytecode:
        for round_ in range(repeat):
            for name, found in runs.items():
                tell(name, round_ + 1)
                before.setdefault(name, os.getloadavg()[0])
                found.append(measure_apart(name, size, Path(bytecode), calls))
                after[name] = os.getloadavg()[0]
    return [BenchReport(name, tuple(found), before[name], after[name]) for name, found in runs.items()]


def measure_apart(name: str, size: Size, bytecode: Path, calls: int | None = None) -> tuple[Figure, ...]:
    """One measurement in a process of its own, far from any installation's home and settings.

    ``bytecode`` takes the compiled modules: figures must not depend on whether the environment
    has some already, or may write them.
    """
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotline-bench-")))
        stack.callback(lambda: asyncio.run(EmbeddedPostgres(home).stop()))
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("HOTLINE_", NO_BYTECODE))
        }
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ticketing_bridge.bench",
                name,
                size.value,
                *([str(calls)] if calls else []),
            ],
            env=environment | {"HOTLINE_HOME": str(home), "PYTHONPYCACHEPREFIX": str(bytecode)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, complaint = process.communicate(timeout=LONGEST_OF.get(name, LONGEST_S))
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            _end(process)
            raise
    if process.returncode:
        last = (complaint.strip().splitlines() or ["it said nothing"])[-1]
        raise BenchFailed(
            f"{name} ended with code {process.returncode}: {last}",
            fix=f"HOTLINE_HOME=/tmp/bench python -m ticketing_bridge.bench {name} shows all of it",
        )
    return tuple(Figure(**{**facts, "wrong": tuple(facts["wrong"])}) for facts in json.loads(out))


def _end(process: subprocess.Popen[str]) -> None:
    """Let it stop its database and roles; then make sure."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
