"""What happens to callers in a menu when their flow is killed, frozen, cut off, or cannot ask the house."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.black_hole import may_swallow, swallow
from tests.e2e.conftest import DemoRun, HouseFolder
from tests.pbx import AmiWitness
from ticketing_bridge.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(400)]

#: in the queue again within this time (issue 4)
WITHIN_S = 4.0
FAULTS = ("killed", "frozen", "cut off", "no answers")
NUMBERS = {name: f"1399712000{number}" for number, name in enumerate(FAULTS)}


def citizen(name: str, at_s: float, *keys: tuple[float, str]) -> dict[str, Any]:
    """Presses 5 while waiting, and then these keys; an agent answers in the end."""
    pressed = [{"when": "queue", "after_s": after_s, "digits": digits} for after_s, digits in keys]
    return {"says": "你好。", "number": NUMBERS[name], "at_s": at_s, "keys": pressed,
            "agents": {"answer_after_s": 6}}  # fmt: skip


CALLS = [
    citizen("killed", 0, (2, "5")),
    citizen("frozen", 11, (2, "5")),
    citizen("cut off", 22, (2, "5")),
    citizen("no answers", 34, (2, "5"), (5, "1"), (8, "20260001#"), (13, "0001")),
]


def test_callers_in_a_menu_reach_the_queue_whatever_happens_to_it(house: HouseFolder) -> None:
    house.environment["HOTLINE_FLOWS_PROCESSES"] = "1"
    run = house.demo(calls=CALLS)
    run.until(lambda: run.diary("dialled") >= 1, 180)
    secret = json.loads((house.home / "secrets.json").read_text())["ami_reader"]
    took_s = {}
    with AmiWitness(int(house.environment["HOTLINE_AMI_PORT"]), "hotline-reader", secret) as pbx:
        faults: dict[str, Callable[[], object]] = {
            "killed": lambda: run.kill("flows-1"),
            "frozen": lambda: run.kill("flows-1", signal.SIGSTOP),
            "cut off": lambda: cut_off(run, house),
        }
        if not may_swallow():
            del faults["cut off"]
        for name, fault in faults.items():
            in_the_menu(pbx, NUMBERS[name])
            took_s[name] = back_in_the_queue(pbx, NUMBERS[name], fault)
        pbx.wait_event("HotlineStep", 90, Node="number", CallerIDNum=NUMBERS["no answers"])
        with stopped(EmbeddedPostgres(house.home)):
            pbx.wait_event("HotlineStep", 90, Node="look", CallerIDNum=NUMBERS["no answers"])
            pbx.wait_event("HotlineStep", 60, Node="back", CallerIDNum=NUMBERS["no answers"])
    found = run.result()
    assert found["by_outcome"] == {"answered": 4}, found
    assert found["disagreements"] == []
    assert max(took_s.values()) < WITHIN_S, took_s
    if "cut off" not in took_s:
        pytest.skip("all passed but the cut connection: this kernel lets only root drop a socket's packets")


def in_the_menu(pbx: AmiWitness, number: str) -> None:
    """Wait until the caller's menu is being played."""
    pbx.wait_event("HotlineKey", 90, CallerIDNum=number)
    pbx.wait_event("HotlineFlow", CallerIDNum=number, Status="entered", Flow="progress")
    pbx.read(1.5)


def back_in_the_queue(pbx: AmiWitness, number: str, fault: Callable[[], None]) -> float:
    """Seconds from the fault until the PBX has the caller in the queue again."""
    joined = len(pbx.events("QueueCallerJoin", CallerIDNum=number))
    assert not pbx.events("HotlineStep", CallerIDNum=number, Node="choose")
    fault()
    began = time.monotonic()
    while len(pbx.events("QueueCallerJoin", CallerIDNum=number)) == joined:
        assert time.monotonic() - began < 30, f"{number} is lost"
        pbx.read(0.05)
    return time.monotonic() - began


def cut_off(run: DemoRun, house: HouseFolder) -> None:
    """Nothing that the flow and the PBX send to each other arrives any more."""
    port = int(house.environment["HOTLINE_AGI_PORT"])
    pbx = int((house.home / "run" / "asterisk.pid").read_text())
    for pid in (pbx, run.until(lambda: run.role("flows-1"))):
        assert swallow(pid, port) == 1


@contextmanager
def stopped(server: EmbeddedPostgres) -> Iterator[None]:
    """The database answers nobody meanwhile."""
    main = server.pid()
    assert main
    family = [main, *(int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split())]
    try:
        for pid in family:
            send(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in family:
            send(pid, signal.SIGCONT)


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
