"""``hotline calls search | transcript | show | index``: what people and scripts get, what is on record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from config.secrets import load_or_make_secrets
from config.settings import load_settings
from facts.errors import HotlineError
from facts.transcript import Transcript
from tests.desk.people import KEY, NUMBER, RECORD, SPOKEN, TRANSCRIPT, answered_call, stored
from ticketing_bridge.cli.app import make_app
from ticketing_bridge.store import Database
from ticketing_bridge.store.sealing import Vault

Hotline = Callable[..., Result]


@pytest.fixture
def hotline(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hotline:
    """The command, on a database with one call that two models have heard."""
    monkeypatch.setenv("HOTLINE_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("HOTLINE_DATABASE_URL", database_url)

    async def fill() -> None:
        async with Database(database_url) as database:
            await stored(database, answered_call())
            async with database.unit_of_work() as uow:
                await uow.users.add("wang", "x", "agent")
                await uow.transcripts.put(KEY, "live", TRANSCRIPT)
                await uow.transcripts.put(KEY, "record", Transcript(RECORD.turns[:1], "small@1"))
                await uow.transcripts.put(KEY, "record", RECORD)

    asyncio.run(fill())
    return lambda *words: CliRunner().invoke(make_app(words), words, catch_exceptions=True)


def audited(database_url: str) -> list[tuple[str, tuple[str, ...], str | None]]:
    async def read() -> list[Any]:
        vault = Vault(load_or_make_secrets(load_settings().home).vault)
        async with Database(database_url, vault) as database, database.unit_of_work() as uow:
            return await uow.audit.list()

    return [(it.action, it.fields, it.reason) for it in asyncio.run(read())]


def test_a_call_is_made_findable_found_and_shown_masked(hotline: Hotline, database_url: str) -> None:
    nothing = json.loads(hotline("calls", "search", "路灯", "--json").stdout)
    assert nothing["calls"] == []
    assert json.loads(hotline("calls", "index", "--json").stdout) == {"indexed": 1}
    found = json.loads(hotline("calls", "search", NUMBER, "--leg", "caller", "--json").stdout)
    (call,) = found["calls"]
    assert (call["key"], call["kind"], call["found"][0]["turn"]) == (str(KEY), "record", 1)
    assert NUMBER not in json.dumps(call)
    people = hotline("calls", "search", "昆仑路 路灯").stdout
    assert "市民：【昆仑路】桥头【路灯】不亮" in people
    assert "139****1234" in people
    actions = audited(database_url)
    assert [action for action, _, _ in actions] == ["transcripts-searched"] * 3
    assert NUMBER not in repr(actions)
    assert ("transcripts-searched", ("leg=caller",), "139****1234") in actions
    assert isinstance(hotline("calls", "search", "，").exception, HotlineError)


def test_a_document_has_whole_numbers_only_for_a_reason(hotline: Hotline, database_url: str) -> None:
    hidden = hotline("calls", "transcript", str(KEY), "--format", "srt").stdout
    assert "139****1234" in hidden
    assert SPOKEN not in hidden
    whole = hotline("calls", "transcript", str(KEY), "--user", "wang", "--reason", "核实地址").stdout
    assert NUMBER in whole
    assert isinstance(hotline("calls", "transcript", str(KEY), "--reason", "x").exception, HotlineError)
    assert isinstance(hotline("calls", "transcript", "city:none.1").exception, HotlineError)
    assert isinstance(hotline("calls", "transcript", str(KEY), "--model", "none").exception, HotlineError)
    older = hotline("calls", "transcript", str(KEY), "--model", "small@1").stdout
    assert "路灯" not in older
    reasons = {(action, reason) for action, _, reason in audited(database_url)}
    assert reasons == {
        ("transcript-exported", None),
        ("transcript-exported", "核实地址"),
        ("show_number", "核实地址"),
    }


def test_a_call_shows_both_hearings_their_differences_and_all_versions(hotline: Hotline) -> None:
    shown = json.loads(hotline("calls", "show", str(KEY), "--json").stdout)
    assert [(it["kind"], it["model"]) for it in shown["transcripts"]] == [
        ("record", RECORD.model),
        ("record", "small@1"),
        ("live", TRANSCRIPT.model),
    ]
    assert shown["differences"] == []
    assert "路灯" in shown["transcript"]
    assert "路灯" in shown["live_transcript"]
    assert SPOKEN not in shown["transcript"] + shown["live_transcript"]
