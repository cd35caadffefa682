"""From a PBX's words to stored calls: how many messages a second, and how long one takes.

A recorded stream with its real mix is said by a process of its own; the whole path is the product's: link,
codec, typed events, fold, rows, jobs, news, a durable PostgreSQL. panoramisk alone reads the same bytes in
the same run.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from config.settings import load_settings
from telephony.ami.link import AmiAddress, AmiLink
from telephony.ami.parsing import READ_EVENTS
from telephony.call_fold import CallTracker, FoldRules
from ticketing_bridge.bench.ami import PIECE, bare_panoramisk
from ticketing_bridge.bench.figures import Figure, Size
from ticketing_bridge.bench.traffic import AGENTS, END, PBX_ID, calls_on_the_wire
from ticketing_bridge.call_ledger import EventSpool, LedgerWriter
from ticketing_bridge.demo.likeness import percentile
from ticketing_bridge.memory import look_seldom
from ticketing_bridge.roles.telephony import follow_pbx
from ticketing_bridge.store import Database, EmbeddedPostgres, upgrade
from ticketing_bridge.store.records import EventRecord
from ticketing_bridge.store.sealing import Vault

#: the installation's key: numbers are sealed as they are in service
VAULT = Vault("bench")
#: part of the saturation at which the lag is measured
LOADED = 0.7


@dataclass(slots=True)
class Intake:
    """The product's intake, as the telephony role has it."""

    link: AmiLink
    writer: LedgerWriter | None = None
    lags_s: list[float] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """Messages that were heard and are no longer waiting to be read."""
        return self.link.counts.messages - self.link.queued

    def stored(self, records: Sequence[EventRecord]) -> None:
        """Events are committed: how long after the PBX said them?"""
        now = datetime.now(UTC)
        self.lags_s += [(now - record.at).total_seconds() for record in records]


class Replay:
    """The PBX in its own process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    async def start(cls, calls: int) -> Replay:
        """Start it; it waits for ``say``."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ticketing_bridge.bench.intake_replay",
            str(calls),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    async def prepare(self, rate: float) -> None:
        """Have it ready to be said; it begins at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{rate}\n".encode())
        await self._process.stdin.drain()
        await self._process.stdout.readline()

    async def say(self) -> dict[str, float]:
        """All of it once; returns what it cost."""
        assert self._process.stdout is not None
        found: dict[str, float] = json.loads(await self._process.stdout.readline())
        return found

    async def end(self) -> None:
        """Its stdin ends, and so does it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def measure(size: Size) -> list[Figure]:
    """Saturation first, then the lag at a part of it, in one run with panoramisk alone."""
    calls = size.of(1000, 10)
    home = load_settings().home
    async with EmbeddedPostgres(home, keep_running=False, durable=size is Size.FULL) as server:
        await asyncio.to_thread(upgrade, server.url)
        async with Database(server.url, VAULT) as database:
            return await _measured(database, home / "spool", calls)


async def _measured(database: Database, spool: Path, calls: int) -> list[Figure]:
    replay = await Replay.start(calls)
    address = AmiAddress("127.0.0.1", replay.port, "bench", "bench", PBX_ID)
    tracker = CallTracker(PBX_ID, FoldRules(AGENTS))
    link = AmiLink(address, max_queued=1_000_000, wanted=READ_EVENTS)
    intake = Intake(link)
    writer = LedgerWriter(database, tracker, EventSpool(spool, PBX_ID, VAULT), on_stored=intake.stored)
    intake.writer = writer
    async with writer, link:
        await link.wait_up(10)
        follow = asyncio.create_task(follow_pbx(link, writer, ()))
        look_seldom()
        await asyncio.sleep(0.2)
        full = await _round(intake, replay, 0)
        stored, rows = await _counts(database)
        intake.lags_s.clear()
        loaded = await _round(intake, replay, LOADED * full["rate"])
        follow.cancel()
        await asyncio.gather(follow, return_exceptions=True)
    await replay.end()
    blocks = calls_on_the_wire(calls, datetime.now(UTC))
    data = END.join(blocks) + END
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    began = time.perf_counter()
    bare = bare_panoramisk(pieces) / (time.perf_counter() - began)
    async with database.unit_of_work() as uow:
        commit = (await uow.connection.execute(text("SHOW synchronous_commit"))).scalar_one()
    lags = [1000 * lag for lag in intake.lags_s]
    return [
        Figure("raw_per_s", full["rate"], "messages/s", "raw messages into stored calls, saturation"),
        Figure("events_per_s", stored / full["took_s"], "events/s", "events stored among them"),
        Figure("calls_per_s", rows / full["took_s"], "calls/s", "the same in answered calls"),
        Figure(
            "cpu_us",
            1e6 * full["own_cpu_s"] / full["messages"],
            "µs",
            "processor time of the intake a message",
        ),
        Figure(
            "own_cpu", full["own_cpu_s"] / full["took_s"], "cores", "of them used by the intake's process"
        ),
        Figure(
            "replay_cpu", full["cpu_s"] / full["took_s"], "cores", "used by the process that says the stream"
        ),
        Figure("panoramisk_per_s", bare, "messages/s", "panoramisk alone, untyped messages, same bytes"),
        Figure("ratio", full["rate"] / bare, "×", "all of it to panoramisk's parsing alone"),
        Figure("loaded_per_s", loaded["rate"], "messages/s", f"the stream at {LOADED:.0%} of saturation"),
        Figure(
            "lag_p50_ms", percentile(lags, 50) or 0.0, "ms", "from said to committed at that load, median"
        ),
        Figure("lag_p99_ms", percentile(lags, 99) or 0.0, "ms", "the same, p99 (aim: 250)"),
        Figure("durable", float(commit == "on"), "", f"synchronous_commit is {commit}"),
    ]


async def _round(intake: Intake, replay: Replay, rate: float) -> dict[str, float]:
    """One time through the stream, until all of it is committed."""
    first = intake.taken
    await replay.prepare(rate)
    began, cpu = time.perf_counter(), time.process_time()
    said = await replay.say()
    # from here on: what was not taken up while it was said
    while intake.taken - first < said["messages"]:
        await asyncio.sleep(0.005)
    assert intake.writer is not None
    await intake.writer.settled()
    took_s = time.perf_counter() - began
    begins_s = took_s if rate == 0 else said["took_s"]
    return {
        **said,
        "took_s": took_s,
        "rate": said["messages"] / begins_s,
        "own_cpu_s": time.process_time() - cpu,
    }


async def _counts(database: Database) -> tuple[int, int]:
    async with database.unit_of_work() as uow:
        found = [
            (await uow.connection.execute(text(f'SELECT count(*) FROM "{table}"'))).scalar_one()
            for table in ("call_event", "call")
        ]
    return found[0], found[1]
