"""A PBX elsewhere: its agent ships what it wrote down, over TLS, whatever is rotated meanwhile."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml
from recordings import FOLDER, RULES, folded, mark, stream, written
from typer.testing import CliRunner

import config
from facts.call import Outcome
from facts.errors import HotlineError
from telephony.pbx_agent.following import chunks
from telephony.pbx_agent.shipping import Cargo, Shipper, ShipRefused, ShipUnsafe
from tests.database import keep_key
from ticketing_bridge.bench.ports import free_port
from ticketing_bridge.call_ledger.backfill import Backfill
from ticketing_bridge.call_ledger.shipped_logs import ShippedLogs
from ticketing_bridge.cli.app import make_app
from ticketing_bridge.house import House, open_house
from ticketing_bridge.roles.pbx_receiver import run_pbx_receiver
from ticketing_bridge.store import Database

NAMES = ("answered_caller_hangs_up", "second_agent_answers", "hangs_up_in_queue", "queue_timeout", "survey")


@dataclass
class Remote:
    """A PBX's machine: its files, and the agent beside it."""

    folder: Path
    house: House
    port: int

    def shipper(self, token: str | None = None) -> Shipper:
        cargo = Cargo("far", self.folder / "cel.csv", self.folder / "queue_log", self.folder / "monitor")
        return Shipper(
            cargo,
            f"https://127.0.0.1:{self.port}",
            token or self.house.secrets.ship_token("far"),
            self.house.settings.home / "pbx-receiver.crt",
        )

    def write(self, name: str) -> None:
        """What the PBX writes during one recorded call."""
        for suffix, file in (("cel", "cel.csv"), ("queue_log", "queue_log")):
            with (self.folder / file).open("a") as log:
                log.write((FOLDER / f"{name}.{suffix}").read_text().replace("city-", "far-"))

    def rotate(self) -> None:
        for file in ("cel.csv", "queue_log"):
            for number in (2, 1):
                older = self.folder / f"{file}.{number}"
                if older.exists():
                    older.rename(self.folder / f"{file}.{number + 1}")
            (self.folder / file).rename(self.folder / f"{file}.1")


def _city(folder: Path) -> Path:
    """The built-in hotline with a second PBX."""
    facts = yaml.safe_load((Path(config.__file__).parent / "defaults" / "hotline.yaml").read_text())
    facts["pbxs"] = [
        {
            "id": "far",
            "ami_host": "10.9.9.9",
            "agi_port": free_port(),
            "recordings": str(folder / "received"),
            "secret_file": str(folder / "far.json"),
        }
    ]
    city = folder / "city"
    city.mkdir()
    (city / "hotline.yaml").write_text(yaml.safe_dump(facts, allow_unicode=True))
    return city


@pytest.fixture
async def remote(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Remote]:
    home, city = tmp_path / "home", _city(tmp_path)
    port = free_port()
    for name, value in {
        "HOME": home,
        "HOTLINE_CONFIG": city,
        "RECEIVER_PORT": port,
        "DATABASE_URL": database_url,
    }.items():
        monkeypatch.setenv(f"HOTLINE_{name}", str(value))
    keep_key(home)
    house = open_house()
    (tmp_path / "pbx" / "monitor").mkdir(parents=True)
    async with _receiving(house, port):
        yield Remote(tmp_path / "pbx", house, port)


@asynccontextmanager
async def _receiving(house: House, port: int) -> AsyncIterator[None]:
    task = asyncio.create_task(run_pbx_receiver(house))
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_gap_of_a_remote_pbx_is_filled_from_what_its_agent_shipped(
    remote: Remote, database: Database, tmp_path: Path
) -> None:
    heard = stream(NAMES)
    whole = {call.outcome for call in folded(heard)}
    names = sorted(NAMES, key=lambda name: float(stream([name])[0].headers["Timestamp"]))
    up = mark("HotlineLinkUp", heard[-1])
    await written(database, tmp_path / "spool", [up], "far")
    backfill = Backfill(database, "far", RULES, ShippedLogs(database, "far"))
    since = datetime.fromtimestamp(float(heard[0].headers["Timestamp"]) - 5, UTC)
    (left,) = await backfill.fill_all(since)
    assert left.why == "the PBX's records are not here"
    for name in names[:2]:
        remote.write(name)
    known: dict[str, int] = {}
    async with remote.shipper() as shipper:
        for chunk in chunks(remote.folder / "cel.csv", known, most=900):
            await shipper.ship_chunk("cel", chunk)
            break  # the line broke
    remote.rotate()
    remote.write(names[2])
    remote.rotate()
    for name in names[3:]:
        remote.write(name)
    async with remote.shipper() as shipper:
        sent = await shipper.ship_once()
        assert await shipper.ship_once() == 0
    assert sent > 0
    (filled,) = await backfill.fill_all(since)
    assert filled.why is None
    async with database.unit_of_work() as uow:
        calls = await uow.calls.list(pbx_id="far")
    assert len(calls) == len(folded(heard))
    assert {call.outcome for call in calls} == whole
    assert Outcome.UNRESOLVED not in whole


async def test_recordings_arrive_whole_and_go_on_where_the_line_broke(remote: Remote, tmp_path: Path) -> None:
    sound = b"RIFF" + bytes(24) + (16000).to_bytes(4, "little") + bytes(4) + b"data"
    body = bytes(range(256)) * 5000
    recording = remote.folder / "monitor" / "far-1.0.wav"
    recording.write_bytes(sound + len(body).to_bytes(4, "little") + body)
    growing = remote.folder / "monitor" / "far-2.0.wav"
    growing.write_bytes(sound + bytes(4) + b"being written")
    long_ago = time.time() - 60
    for path in (recording, growing):
        os.utime(path, (long_ago, long_ago))
    received = tmp_path / "received"
    received.mkdir()
    (received / "far-1.0.part").write_bytes(recording.read_bytes()[:1000])
    async with remote.shipper() as shipper:
        await shipper.ship_once()
    assert (received / "far-1.0.wav").read_bytes() == recording.read_bytes()
    assert sorted(path.name for path in received.iterdir()) == ["far-1.0.wav"]


async def test_only_the_pbx_itself_may_ship_and_only_over_tls(remote: Remote) -> None:
    remote.write("survey")
    async with remote.shipper("another token") as shipper:
        with pytest.raises(ShipRefused, match="401"):
            await shipper.ship_once()
    async with remote.shipper(remote.house.secrets.ship_token("city")) as shipper:
        with pytest.raises(ShipRefused, match="401"):
            await shipper.ship_once()
    with pytest.raises(ShipUnsafe):
        Shipper(Cargo("far", None, None, None), "http://10.0.0.1:8443", "t")
    async with httpx.AsyncClient() as stranger:
        with pytest.raises(httpx.HTTPError):
            await stranger.get(f"https://127.0.0.1:{remote.port}/pbx/far/logs")


async def test_what_the_commands_write_and_run_ships(
    remote: Remote, database: Database, tmp_path: Path
) -> None:
    """``hotline pbx agent`` at the hotline, ``hotline run pbx-agent`` with its files beside the PBX."""
    there = tmp_path / "there"
    words = ("pbx", "agent", "far", "--out", str(there))
    assert CliRunner().invoke(make_app(words), words).exit_code == 0
    assert sorted(path.name for path in there.iterdir()) == ["hotline.env", "pbx-receiver.crt", "token"]
    assert (there / "token").stat().st_mode & 0o077 == 0
    told = dict(line.split("=", 1) for line in (there / "hotline.env").read_text().split())
    assert told["HOTLINE_SHIP_TO"] == f"https://127.0.0.1:{remote.port}"
    beside = {
        "HOTLINE_HOME": str(tmp_path / "agent"),
        "HOTLINE_SHIP_TOKEN_FILE": str(there / "token"),
        "HOTLINE_SHIP_AUTHORITY": str(there / "pbx-receiver.crt"),
        "HOTLINE_CEL_FILE": str(remote.folder / "cel.csv"),
        "HOTLINE_QUEUE_LOG_FILE": str(remote.folder / "queue_log"),
        "HOTLINE_RECORDINGS_FOLDER": str(remote.folder / "monitor"),
    }
    assert beside.keys() - told.keys() == {"HOTLINE_HOME"}
    remote.write("survey")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_")}
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticketing_bridge", "run", "pbx-agent", env=plain | told | beside
    )
    begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    try:
        async with asyncio.timeout(30):
            while True:
                async with database.unit_of_work() as uow:
                    cel = await uow.pbx_logs.between("far", "cel", begin, end)
                    queue_log = await uow.pbx_logs.between("far", "queue_log", begin, end)
                if cel and queue_log:
                    break
                await asyncio.sleep(0.1)
    finally:
        agent.terminate()
        await agent.wait()
    assert len(queue_log) == len((remote.folder / "queue_log").read_text().splitlines())


def test_an_agent_that_knows_nothing_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLINE_HOME", str(tmp_path))
    # a role ends its whole process, so it has one of its own
    role = [sys.executable, "-m", "ticketing_bridge", "run", "pbx-agent"]
    ended = subprocess.run(role, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "HOTLINE_SHIP_TO" in ended.stderr
    for words, lacks in (
        (("pbx", "agent", "city", "--out", str(tmp_path / "x")), "HOTLINE_RECEIVER_PORT"),
        (("pbx", "agent", "nowhere", "--out", str(tmp_path / "x")), "nowhere"),
    ):
        refused = CliRunner().invoke(make_app(words), words).exception
        assert isinstance(refused, HotlineError)
        assert lacks in f"{refused} {refused.fix}"
