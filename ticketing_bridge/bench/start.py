"""How long commands and roles take from nothing, with their files in the page cache."""

from __future__ import annotations

import asyncio
import http.client
import statistics
import time
from collections.abc import Callable
from functools import partial

from config.settings import load_settings
from ticketing_bridge.bench.figures import Figure, Size
from ticketing_bridge.bench.role import RunningRole, running_role, wall_s
from ticketing_bridge.store import EmbeddedPostgres, upgrade
from ticketing_bridge.supervision import ROLES

HOTLINE = ("-m", "ticketing_bridge")
PATIENCE_S = 30.0


async def measure(size: Size) -> list[Figure]:
    """Medians of several turns through all of them."""
    home = load_settings().home
    began = time.perf_counter()
    async with EmbeddedPostgres(home, keep_running=False, durable=size is Size.FULL) as server:
        made = time.perf_counter()
        await asyncio.to_thread(upgrade, server.url)
        upgraded = time.perf_counter()
        found = await asyncio.to_thread(_turns, size)
        first = size.of((*HOTLINE, "--help"), ("-c", "pass"))
        cold_s = await asyncio.to_thread(partial(wall_s, *first, bytecode=home / "bytecode"))
    return [
        Figure(name, statistics.median(seconds) * 1000, "ms", about)
        for (name, about), seconds in found.items()
    ] + [
        Figure("help_first_ms", cold_s * 1000, "ms", "hotline --help, the first time (no compiled modules)"),
        Figure("database_made_s", made - began, "s", "embedded PostgreSQL, first start of a home"),
        Figure("schema_s", upgraded - made, "s", "its schema, from nothing"),
    ]


def _turns(size: Size) -> dict[tuple[str, str], list[float]]:
    steps: dict[tuple[str, str], Callable[[], float]] = {
        ("python_ms", "Python itself, for comparison"): lambda: wall_s("-c", "pass"),
        ("help_ms", "hotline --help"): lambda: wall_s(*HOTLINE, "--help"),
        ("calls_help_ms", "hotline calls list --help"): lambda: wall_s(*HOTLINE, "calls", "list", "--help"),
    }
    for role in ROLES:
        load = f"import ticketing_bridge.roles.{role.name}"
        steps[f"import_{role.name}_ms", f"python -c '{load}'"] = partial(wall_s, "-c", load)
        ready = (f"ready_{role.name}_ms", f"hotline run {role.name} until its first beat")
        steps[ready] = partial(_first_beat, role.name)
    steps["web_answers_ms", "hotline run web until it answers"] = _web_answers
    chosen = list(steps.items())[: size.of(None, 2)]
    found: dict[tuple[str, str], list[float]] = {key: [] for key, _ in chosen}
    for turn in range(size.of(4, 1)):
        for key, step in chosen:
            seconds = step()
            # the first turn only compiles what is not compiled yet
            if turn or size is Size.TINY:
                found[key].append(seconds)
    return found


def _first_beat(name: str) -> float:
    with running_role(name) as role:
        return role.first_beat_s


def _web_answers() -> float:
    with running_role("web") as role:
        return wait_for_web(role)


def wait_for_web(role: RunningRole) -> float:
    """Seconds from the start of the web role until its login page is there."""
    deadline = role.began + PATIENCE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", role.web_port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/login")
            connection.getresponse().read()
            return time.perf_counter() - role.began
        except OSError:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.005)
        finally:
            connection.close()
