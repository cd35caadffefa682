"""A running PBX for tests: one Asterisk a test session, on free ports, in a folder of its own.

Use with ``pytest_plugins = ["tests.pbx"]`` in the top conftest. Which Asterisk: HOTLINE_ASTERISK, the
system's, else the one in the checkout's ``var``, which is fetched once (a file lock keeps workers apart).
"""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.hotline import Hotline, load_hotline
from config.secrets import Secrets, load_or_make_secrets
from config.settings import Settings, load_settings
from ivr_flows.prompts import render_hold_music, render_prompts
from telephony.pbx.install import ensure_asterisk
from telephony.pbx.local import LocalPbx
from telephony.pbx.program import AsteriskProgram
from tests.database import keep_key
from ticketing_bridge.bench.ports import free_port


def free_rtp_range(size: int = 200) -> tuple[int, int]:
    """First and last of a block of UDP ports below the kernel's own range, for RTP."""
    for _ in range(50):
        first = random.randrange(12000, 32000 - size, 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", first))
            except OSError:
                continue
        return first, first + size - 1
    raise RuntimeError("no free block of UDP ports")


@pytest.fixture(scope="session")
def asterisk_program() -> AsteriskProgram:
    """The Asterisk that the tests run."""
    return ensure_asterisk(load_settings())


@dataclass(slots=True)
class AmiWitness:
    """A plain AMI client, so that tests do not trust our own link: logs in, keeps every message."""

    port: int
    user: str
    secret: str
    messages: list[dict[str, str]] = field(default_factory=list)
    _socket: socket.socket | None = None
    _rest: bytes = b""

    def __enter__(self) -> AmiWitness:
        self._socket = socket.create_connection(("127.0.0.1", self.port), 5)
        self.action(Action="Login", Username=self.user, Secret=self.secret)
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._socket.close()

    def send(self, **headers: str) -> None:
        assert self._socket
        self._socket.sendall("".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode() + b"\r\n")

    def action(self, **headers: str) -> dict[str, str]:
        """Send one action and wait for its response."""
        action_id = f"w{time.monotonic_ns()}"
        self.send(**headers, ActionID=action_id)
        return self.wait(lambda it: "Response" in it and it.get("ActionID") == action_id)

    def events(self, name: str, **wanted: str) -> list[dict[str, str]]:
        """What was kept so far of one kind (Event or UserEvent) with these headers."""
        return [
            it
            for it in self.messages
            if name in (it.get("Event"), it.get("UserEvent"))
            and all(it.get(k) == v for k, v in wanted.items())
        ]

    def wait(self, wanted: Callable[[dict[str, str]], bool], timeout_s: float = 30.0) -> dict[str, str]:
        """The first message, kept or to come, that is wanted."""
        deadline = time.monotonic() + timeout_s
        seen = 0
        while True:
            for message in self.messages[seen:]:
                if wanted(message):
                    return message
            seen = len(self.messages)
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen within {timeout_s} s; seen: {self.names()}")
            self.read(0.2)

    def wait_event(self, name: str, timeout_s: float = 30.0, **wanted: str) -> dict[str, str]:
        """The first event or user event of this name with these headers."""
        return self.wait(
            lambda it: (
                name in (it.get("Event"), it.get("UserEvent"))
                and all(it.get(k) == v for k, v in wanted.items())
            ),
            timeout_s,
        )

    def names(self) -> list[str]:
        return [it.get("UserEvent") or it.get("Event") or it.get("Response", "?") for it in self.messages]

    def read(self, for_s: float) -> None:
        """Take what comes within ``for_s`` seconds."""
        assert self._socket
        deadline = time.monotonic() + for_s
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                return
            if not data:
                return
            *whole, self._rest = (self._rest + data).split(b"\r\n\r\n")
            for text in whole:
                lines = [line.partition(": ") for line in text.decode().split("\r\n") if ": " in line]
                self.messages.append({key: value for key, _, value in lines})
            if whole:
                return


@dataclass(frozen=True, slots=True)
class RunningPbx:
    """A PBX that is up: what it was made of, and ways to look at it."""

    settings: Settings
    hotline: Hotline
    secrets: Secrets
    program: AsteriskProgram
    pbx: LocalPbx

    def cli(self, command: str) -> str:
        """Ask Asterisk's console."""
        return asyncio.run(self.pbx.cli(command))

    @contextmanager
    def configured(self, file: str, change: Callable[[str], str], reload: str) -> Iterator[None]:
        """The PBX with another configuration file, for the length of a block."""
        path = self.pbx.paths.etc / file
        before = path.read_text()
        path.write_text(change(before))
        self.cli(reload)
        try:
            yield
        finally:
            path.write_text(before)
            self.cli(reload)

    def reader(self) -> AmiWitness:
        """An AMI client with the reader's rights."""
        return AmiWitness(self.settings.ami_port, "hotline-reader", self.secrets.ami_reader)

    def originator(self) -> AmiWitness:
        """An AMI client with the originator's rights."""
        return AmiWitness(self.settings.ami_port, "hotline-originator", self.secrets.ami_originator)

    def lines(self, path: Path, needle: str) -> list[str]:
        """Lines of a log of the PBX that hold ``needle``."""
        return [line for line in path.read_text().splitlines() if needle in line] if path.exists() else []

    def wait_line(self, path: Path, needle: str, timeout_s: float = 30.0) -> list[str]:
        """The same, waited for."""
        deadline = time.monotonic() + timeout_s
        while not (found := self.lines(path, needle)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


def pbx_settings(home: Path, **more: object) -> Settings:
    """Settings of a home with free ports."""
    first, last = free_rtp_range()
    values: dict[str, object] = {
        "home": home,
        "sip_port": free_port(socket.SOCK_DGRAM),
        "ami_port": free_port(),
        "agi_port": free_port(),
        "audiosocket_port": free_port(),
        "rtp_first": first,
        "rtp_last": last,
    }
    return load_settings(**(values | more))


def render_sounds(settings: Settings, hotline: Hotline) -> None:
    """Everything that the PBX itself plays."""
    texts = [*hotline.spoken_by_dialplan(), *(line.greeting for line in hotline.lines)]
    render_prompts(texts, settings.sounds)
    render_hold_music(hotline.spoken_while_waiting(), settings.sounds)


@contextmanager
def pbx_up(
    program: AsteriskProgram, hotline: Hotline, *, sounds: bool = True, **more: object
) -> Iterator[RunningPbx]:
    """An Asterisk with this hotline in a home of its own (a short path: a UNIX socket lives in it)."""
    home = Path(tempfile.mkdtemp(prefix="hotline-"))
    try:
        settings = pbx_settings(home, **more)
        settings.make_folders()
        keep_key(settings.home)
        secrets = load_or_make_secrets(settings.home)
        if sounds:
            render_sounds(settings, hotline)
        pbx = LocalPbx(settings, hotline, secrets, program)
        asyncio.run(pbx.start())
        try:
            yield RunningPbx(settings, hotline, secrets, program, pbx)
        finally:
            asyncio.run(pbx.stop())
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def running_pbx(asterisk_program: AsteriskProgram) -> Iterator[RunningPbx]:
    """One Asterisk for the whole session, with the built-in hotline, prompts rendered."""
    with pbx_up(asterisk_program, load_hotline()) as pbx:
        yield pbx
