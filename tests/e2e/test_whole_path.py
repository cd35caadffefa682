"""From a citizen's telephone to a draft ticket, on a real Asterisk, with everything running."""

from __future__ import annotations

import json
import re
import shutil
import signal
from typing import Any

import psycopg
import pytest

from config.hotline import DEFAULTS
from tests.e2e.conftest import DemoRun, HouseFolder
from ticketing_bridge.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(400)]

#: a telephone number in clear
NUMBER = re.compile(r"(?<![\d.-])1[3-9]\d{9}(?!\d)")
TALK = "你好，我要反映一个问题，{place}的{thing}坏了好几天了，希望尽快派人来修。"


def talks(*pairs: tuple[str, str], every_s: float = 3) -> list[dict[str, Any]]:
    """One call for each place and thing, some seconds apart."""
    return [
        {"says": TALK.format(place=place, thing=thing), "at_s": every_s * number}
        for number, (place, thing) in enumerate(pairs)
    ]


def rows(run: DemoRun, query: str) -> list[tuple[Any, ...]]:
    """Ask the house's own database."""
    with psycopg.connect(EmbeddedPostgres(run.home).url, autocommit=True) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def test_calls_become_drafts_while_roles_are_killed(house: HouseFolder) -> None:
    run = house.demo("--calls", "10", "--seed", "7")
    run.until(lambda: run.diary("speaks") >= 2, 180)
    for role in ("speech", "worker", "web"):
        run.kill(role)
    found = run.result()

    assert found["disagreements"] == []
    assert (found["exit_code"], found["mismatches"], found["calls"]) == (0, 0, 10)
    assert sum(found["by_outcome"].values()) == 10
    assert found["unresolved"] == 0
    assert found["answered"] >= 3
    assert found["drafts"] == found["transcripts"] == found["answered"]
    # the words come from the recogniser
    assert found["cer"]["mean"] < 0.4
    logs = [*(house.home / "log").glob("*.log")]
    assert len(logs) > 4
    for log in logs:
        assert not NUMBER.search(log.read_text(errors="replace")), f"{log} tells who called"


def test_a_ledger_row_a_log_line_and_a_recording_that_were_tampered_with_are_noticed(
    house: HouseFolder,
) -> None:
    run = house.demo(calls=[*talks(("光明路", "路灯"), ("八一路", "井盖"), ("江源路", "水管")), *late_call()])

    def transcribed() -> list[tuple[Any, ...]]:
        ready = (house.home / "run" / "roles.json").exists()
        return rows(run, "SELECT call FROM transcript WHERE kind = 'record' ORDER BY call") if ready else []

    def all_transcribed() -> list[tuple[Any, ...]]:
        return seen if len(seen := transcribed()) >= 3 else []

    keys = [row[0] for row in run.until(all_transcribed, 200)]
    with psycopg.connect(EmbeddedPostgres(run.home).url, autocommit=True) as connection:
        connection.execute("UPDATE call SET outcome = 'abandoned_queue' WHERE key = %s", (keys[0],))
    log = house.home / "pbx" / "log" / "queue_log"
    uniqueid = keys[1].partition(":")[2]
    lines = log.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not (uniqueid in line and "|CONNECT|" in line)]
    assert len(kept) == len(lines) - 1
    with log.open("r+") as out:  # in place: the PBX keeps the file open
        out.truncate(0)
        out.write("".join(kept))
    recording = house.home / "pbx" / "spool" / "monitor" / f"{keys[2].partition(':')[2]}-rx.wav"
    audio = bytearray(recording.read_bytes())
    audio[4000:8000] = bytes(4000)
    recording.write_bytes(bytes(audio))

    found = run.result()
    assert found["exit_code"] == 1
    witnesses = {(it["call"], it["witness"]) for it in found["disagreements"]}
    assert any(call == keys[0] for call, _ in witnesses)
    assert (keys[1], "queue_log") in witnesses
    assert (keys[2], "recording") in witnesses


def late_call() -> list[dict[str, Any]]:
    """Keeps the demo going until the others have been tampered with."""
    return [{"says": "", "at_s": 55, "hangs_up": "notice"}]


def test_callers_reach_the_queue_when_the_flows_role_freezes_or_dies(house: HouseFolder) -> None:
    flows = house.home / "flows"
    shutil.copytree(DEFAULTS / "flows", flows)
    greeting = "您好，这里是一段很长的问候，" + "请您耐心听完，" * 8
    flow = {"flow": "main", "start": "greet", "nodes": {
        "greet": {"say": greeting, "next": "person"}, "person": {"queue": "{line.queue}"}}}  # fmt: skip
    (flows / "main.yaml").write_text(json.dumps(flow, ensure_ascii=False), encoding="utf-8")
    house.environment.update({"HOTLINE_FLOWS": str(flows), "HOTLINE_FLOWS_PROCESSES": "1"})
    run = house.demo(calls=talks(("昆仑路", "路灯"), ("八一路", "井盖"), every_s=20))

    for number in (signal.SIGSTOP, signal.SIGKILL):
        run.until(lambda: in_flow(run), 180)
        run.kill("flows-1", number)
        run.until(lambda: not in_flow(run), 60)
    found = run.result()
    assert found["by_outcome"] == {"answered": 2}, found
    assert found["disagreements"] == []
    assert found["drafts"] == 2


def in_flow(run: DemoRun) -> bool:
    """Whether the ledger knows a caller who is listening to the flow."""
    if not (run.home / "run" / "roles.json").exists():
        return False
    return bool(rows(run, "SELECT 1 FROM call WHERE state = 'flow'"))
