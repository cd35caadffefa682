"""The embedded server: started once, found again, back after a crash, closed to others."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from ticketing_bridge.store.embedded import EmbeddedDatabaseFailed, EmbeddedPostgres


@pytest_asyncio.fixture
async def home(tmp_path: Path) -> AsyncIterator[Path]:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    yield folder
    await EmbeddedPostgres(folder).stop()


async def test_survives_its_starter_and_is_found_again(home: Path) -> None:
    said: list[str] = []
    first = EmbeddedPostgres(home, durable=False, progress=said.append)
    url = await first.start()
    pid = first.pid()
    again = EmbeddedPostgres(home, durable=False)
    assert await again.start() == url
    assert again.pid() == pid
    assert said == ["making the database (PostgreSQL, first start)", "starting the database"]
    assert await again.stop()
    assert again.pid() is None
    assert not await again.stop()


async def test_two_starters_make_one_server(home: Path) -> None:
    servers = [EmbeddedPostgres(home, durable=False) for _ in range(3)]
    await asyncio.gather(*(server.start() for server in servers))
    assert len({server.pid() for server in servers}) == 1


async def test_what_was_committed_is_there_after_kill_9(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with psycopg.connect(await server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    with psycopg.connect(await EmbeddedPostgres(home).start()) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
        locale = "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'hotline'"
        assert connection.execute(locale).fetchone() == ("b", "C.UTF-8")
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


async def test_pid_of_another_program_does_not_keep_it_down(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    await server.start()
    file = server.data / "postmaster.pid"
    lines = file.read_text().splitlines()
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    while server.pid():
        await asyncio.sleep(0.01)
    other = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220
    file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
    try:
        await EmbeddedPostgres(home, durable=False).start()
    finally:
        other.kill()
        other.wait()


async def test_folders_are_private_and_home_keeps_its_rights(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    await server.start()
    for folder in (home, home / "postgres", server.data, home / "postgres" / "socket"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.stat(home).st_uid == os.geteuid()
    if os.geteuid() == 0:
        assert server.data.stat().st_uid not in (0, 65534)


async def test_long_home_gets_a_short_way_to_its_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()
    async with EmbeddedPostgres(home, durable=False, keep_running=False) as server:
        assert len(os.fsencode(server.socket_folder)) < 80
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.socket_folder.unlink()


async def test_damaged_data_is_one_line_with_its_fix(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    await server.start()
    await server.stop()
    (server.data / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(EmbeddedDatabaseFailed) as failure:
        await server.start()
    assert "\n" not in str(failure.value)
    assert str(server.log_file) in str(failure.value) or "backup" in str(failure.value)


def test_ordinary_user_has_the_same(database_server: EmbeddedPostgres) -> None:
    """Run as root, a forked child becomes an ordinary user; else we are one already."""
    folder = Path(tempfile.mkdtemp(prefix="hotline-ordinary-"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if root:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            asyncio.run(_start_and_stop(folder / "home"))
            status = 0
        finally:
            os._exit(status)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        shutil.rmtree(folder)


async def _start_and_stop(home: Path) -> None:
    async with EmbeddedPostgres(home, keep_running=False) as server:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("hotline",)
        assert server.data.stat().st_uid == os.geteuid()
