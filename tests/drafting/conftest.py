"""Calls in a compact form: ``a`` the agent, ``c`` the caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from config.catalogue import CityData, load_catalogue
from ticketing_bridge.drafting import Draft, DraftInput, Said, draft_call

Drafter = Callable[..., Draft]
HERE = Path(__file__).parent
START = "2026-06-10T09:20:00+08:00"


def call_of(turns: Sequence[str], start: str | datetime = START, caller: str | None = None) -> DraftInput:
    said = tuple(
        Said("agent" if turn.startswith("a ") else "citizen", turn[2:], float(n), n + 1.0)
        for n, turn in enumerate(turns)
    )
    at = start if isinstance(start, datetime) else datetime.fromisoformat(start)
    return DraftInput("call", at, caller, said)


def own_calls() -> list[dict[str, Any]]:
    """Calls with invented names, places and numbers; their ``gold`` names what is to be compared."""
    lines = (HERE / "calls-own.jsonl").read_text(encoding="utf-8").splitlines()
    calls = [json.loads(line) for line in lines]
    for call in calls:
        call["said"] = [f"{it['speaker'][0]} {it['text']}" for it in call["turns"]]
    return calls


@pytest.fixture(scope="session")
def city() -> CityData:
    return load_catalogue()


@pytest.fixture
def draft(city: CityData) -> Drafter:
    def make(turns: Sequence[str], start: str | datetime = START, caller: str | None = None) -> Draft:
        return draft_call(call_of(turns, start, caller), city)

    return make
