"""Evidence from production gives the same row, and nothing of a person is in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from recordings import RULES, SHAPES, folded, messages, stream, written
from typer.testing import CliRunner

from facts.errors import HotlineError
from telephony.ami.events import event_to_json, parse_event
from telephony.call_fold import CallTracker
from ticketing_bridge.call_ledger.evidence import evidence, read_evidence
from ticketing_bridge.cli.app import make_app
from ticketing_bridge.store import Database


def test_evidence_folds_alike_and_names_nobody() -> None:
    for name in SHAPES:
        heard = [event for it in messages(name) if (event := parse_event(it.headers, "city"))]
        lines = evidence([event_to_json(event) for event in heard], b"salt", RULES)
        text = json.dumps(lines, ensure_ascii=False)
        for secret in ("13997361508", "13909790001", "有人受困", "20261126"):
            assert secret not in text, name
        rules, events = read_evidence(json.dumps(line) for line in lines)
        assert rules.agents <= RULES.agents
        tracker = CallTracker("city", rules, forgets=False)
        for event in events:
            tracker.take(event)
        whole = folded(messages(name))
        for call, real in zip(tracker.changed_calls(), whole, strict=True):
            assert (call.outcome, call.ended_by, call.flags) == (real.outcome, real.ended_by, real.flags)
            assert len(call.caller_number or "") == len(real.caller_number or "")
            assert [leg.agent for leg in call.agent_legs] == [leg.agent for leg in real.agent_legs]
            assert call.key == real.key


def test_the_command_writes_what_the_tests_read(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLINE_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("HOTLINE_DATABASE_URL", database_url)

    async def fill() -> str:
        async with Database(database_url) as database:
            rows = await written(database, tmp_path / "spool", stream(["second_agent_answers"]))
        return next(iter(rows))

    call, out = asyncio.run(fill()), tmp_path / "wrong.jsonl"
    words = ("calls", "evidence", call, "--out", str(out))
    said = CliRunner().invoke(make_app(words), words)
    assert said.exit_code == 0, said.output
    assert "read it before it leaves the house" in said.output.replace("\n", " ")
    text = out.read_text(encoding="utf-8")
    assert "13997361508" not in text
    rules, events = read_evidence(text.splitlines())
    assert rules.agents == {"agent101", "agent102"}
    tracker = CallTracker("city", rules)
    for event in events:
        tracker.take(event)
    (found,) = tracker.changed_calls()
    (whole,) = folded(stream(["second_agent_answers"]))
    assert (found.outcome, found.rings, found.agent_legs) == (whole.outcome, whole.rings, whole.agent_legs)
    unknown = ("calls", "evidence", "city:1.1", "--out", str(out))
    assert isinstance(CliRunner().invoke(make_app(unknown), unknown).exception, HotlineError)
