"""A whole house in a folder of its own, driven from outside as its users drive it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.secrets import load_or_make_secrets
from facts.transcript import Transcript
from telephony.pbx.program import AsteriskProgram
from tests.pbx import free_rtp_range
from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.store import Database, EmbeddedPostgres
from ticketing_bridge.store.sealing import Vault

TCP_PORTS = ("AMI_PORT", "AGI_PORT", "AUDIOSOCKET_PORT", "WEB_PORT", "OUTSIDE_AMI_PORT")


@dataclass(slots=True)
class DemoRun:
    """One ``hotline demo`` that is going on."""

    home: Path
    process: subprocess.Popen[str]

    def until(self, condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
        """Wait for something to be true; fail when the demo ends before, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while not (seen := condition()):
            assert self.process.poll() is None, f"the demo ended too early: {self.errors()}"
            assert time.monotonic() < deadline, "not seen in time"
            time.sleep(0.05)
        return seen

    def errors(self) -> str:
        """The last that an ended demo said to people."""
        return self.process.communicate(timeout=5)[1][-2000:]

    def role(self, name: str) -> int | None:
        """Process id of a role, None while it is not ready."""
        try:
            role = json.loads((self.home / "run" / "roles.json").read_text())[name]
        except (FileNotFoundError, KeyError, ValueError):
            return None
        return int(role["pid"]) if role["ready"] and role["pid"] else None

    def diary(self, event: str) -> int:
        """How often the simulated people noted this."""
        lines = (
            line
            for file in (self.home / "outside").rglob("*.jsonl")
            for line in file.read_text(encoding="utf-8").splitlines()
        )
        return sum(f'"{event}"' in line for line in lines)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a role."""
        pid = self.until(lambda: self.role(name))
        os.kill(pid, number)

    def result(self, timeout_s: float = 240.0) -> dict[str, Any]:
        """The demo's verdict, with its exit code as ``exit_code``."""
        out, err = self.process.communicate(timeout=timeout_s)
        assert out.strip(), err[-3000:]
        return {**json.loads(out), "exit_code": self.process.returncode}


@dataclass(frozen=True, slots=True)
class HouseFolder:
    """Where a house lives, and the environment that names it."""

    home: Path
    environment: dict[str, str]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``hotline WORDS`` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "ticketing_bridge", *words],
            env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def demo(self, *words: str, calls: list[dict[str, Any]] | None = None) -> DemoRun:
        """Start ``hotline demo … --exit --json``, with a scenario when calls are given."""
        if calls is not None:
            scenario = self.home / "scenario.yaml"
            scenario.write_text(yaml.safe_dump(calls, allow_unicode=True), encoding="utf-8")
            words = (*words, "--scenario", str(scenario))
        process = subprocess.Popen(
            [sys.executable, "-m", "ticketing_bridge", "demo", *words, "--exit", "--json"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        return DemoRun(self.home, process)


def log_events(home: Path, role: str, name: str) -> list[dict[str, Any]]:
    """What a role's log says of this event."""
    with contextlib.suppress(FileNotFoundError):
        lines = (home / "log" / f"{role}.log").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["event"] == name]
    return []


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts that some house of this run has rendered already; named by their content, so shared by all."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "spoken"
    folder.mkdir(exist_ok=True)
    return folder


def share(from_: Path, to: Path) -> None:
    """Have the prompts of one folder in the other, too."""
    to.mkdir(parents=True, exist_ok=True)
    for prompt in from_.glob("*.wav"):
        with contextlib.suppress(FileExistsError):
            (to / prompt.name).hardlink_to(prompt)


@pytest.fixture
def house(tmp_path: Path, asterisk_program: AsteriskProgram, spoken: Path) -> Iterator[HouseFolder]:
    """A house that has never been started, on ports of its own; whatever of it still runs is ended."""
    first, last = free_rtp_range(300)
    outside_first, outside_last = free_rtp_range(300)
    variables = {
        "HOME": str(tmp_path / "house"),
        "SIP_PORT": str(free_port()),
        "OUTSIDE_SIP_PORT": str(free_port()),
        "RTP_FIRST": str(first),
        "RTP_LAST": str(last),
        "OUTSIDE_RTP_FIRST": str(outside_first),
        "OUTSIDE_RTP_LAST": str(outside_last),
        **{name: str(free_port()) for name in TCP_PORTS},
    }
    if asterisk_program.origin != "system":
        variables["ASTERISK"] = asterisk_program.origin
    environment = {**os.environ, **{f"HOTLINE_{name}": value for name, value in variables.items()}}
    folder = HouseFolder(tmp_path / "house", environment)
    folder.home.mkdir()
    prompts = folder.home / "pbx" / "sounds" / "hotline"
    share(spoken, prompts)
    yield folder
    share(prompts, spoken)
    folder.command("pbx", "stop")
    folder.command("db", "stop")


@dataclass(frozen=True, slots=True)
class KeptWords:
    """What is kept of a call's words, opened with the house's key."""

    drafts: tuple[Mapping[str, Any], ...]
    transcript: Transcript | None


def kept_words(home: Path) -> dict[str, KeptWords]:
    """The words of every call of a house whose database runs, by the call's key."""

    async def read() -> dict[str, KeptWords]:
        vault = Vault(load_or_make_secrets(home).vault)
        async with (
            Database(EmbeddedPostgres(home).url, vault) as database,
            database.unit_of_work() as uow,
        ):
            found = {}
            for call in await uow.calls.list():
                drafts = await uow.drafts.list(call=call.key)
                heard = await uow.transcripts.get(call.key, "record")
                found[str(call.key)] = KeptWords(
                    tuple(it.content for it in drafts), heard.transcript if heard else None
                )
            return found

    return asyncio.run(read())
