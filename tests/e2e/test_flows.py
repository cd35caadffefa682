"""Callers go every way through the shipped flows, over SIP, with keys and words, all at once."""

from __future__ import annotations

import asyncio
import json
import re
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
from psycopg.rows import dict_row

from facts.prompts import prompt_name
from tests.e2e.conftest import HouseFolder, KeptWords, kept_words
from tests.e2e.flow_calls import TICKETS, WALKS, Walk, city, scenario
from ticketing_bridge.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(500)]


Samples = npt.NDArray[np.float64]
Store = psycopg.Connection[dict[str, Any]]
#: calls by the name of their walk
Rows = dict[str, dict[str, Any]]
#: a prompt that is played resembles its file at least so much (correlation)
ALIKE = 0.7


def prompt(house: HouseFolder, text: str) -> Samples:
    """The sound of a text as the house has rendered it."""
    return samples(house.home / "pbx" / "sounds" / f"{prompt_name(text)}.wav")


def samples(path: Path) -> Samples:
    """A WAV file's first channel."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64)


def played_at_s(house: HouseFolder, row: dict[str, Any], sound: Samples) -> float | None:
    """When a caller heard this sound (seconds into the recording of what the caller heard); None: never."""
    heard = samples(house.home / "pbx" / "spool" / "monitor" / f"{row['recording']}-tx.wav")
    size = len(heard) + len(sound)
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)), size)
    energy = np.cumsum(np.concatenate([[0.0], heard**2, np.zeros(len(sound))]))
    power = energy[len(sound) : len(sound) + len(heard)] - energy[: len(heard)]
    alike = product[: len(heard)] / np.sqrt(np.maximum(power, 1e6) * np.sum(sound**2))
    place = int(np.argmax(alike))
    return place / 8000 if alike[place] >= ALIKE else None


@contextmanager
def store(house: HouseFolder) -> Iterator[Store]:
    """The house's database, after everything was stopped."""
    server = EmbeddedPostgres(house.home)
    asyncio.run(server.start())
    try:
        with psycopg.connect(server.url, autocommit=True, row_factory=dict_row) as connection:
            yield connection
    finally:
        asyncio.run(server.stop())


def path_of(row: dict[str, Any]) -> str:
    """``flow.node`` of every step, with the keys."""
    return " ".join(
        f"{step['flow']}.{step['node']}" + (f"={step['key']}" if step["key"] else "") for step in row["steps"]
    )


def differences(walk: Walk, row: dict[str, Any]) -> list[str]:
    """What the ledger says of a call, where it is not what the caller did."""
    seen = {
        "outcome": row["outcome"],
        "path": path_of(row),
        "answers": dict(row["answers"]),
        "queues": " ".join(leg["queue"] for leg in row["queue_legs"]),
    }
    wanted = {"outcome": walk.outcome, "path": walk.path.strip(), "answers": walk.answers}
    if walk.queues is not None:
        wanted["queues"] = walk.queues
    return [
        f"{walk.name}: {name} {seen[name]!r}, not {value!r}"
        for name, value in wanted.items()
        if (not re.fullmatch(value, seen[name]) if name == "path" else seen[name] != value)
    ]


def test_every_way_through_the_flows(house: HouseFolder) -> None:
    city(house.home / "city")
    house.environment["HOTLINE_HOTLINE_CONFIG"] = str(house.home / "city")
    tickets = house.home / "tickets.csv"
    tickets.write_text(TICKETS, encoding="utf-8")
    imported = house.command("import", "tickets", str(tickets), "--json")
    assert json.loads(imported.stdout)["written"] == 4, imported.stderr

    run = house.demo("--at-once", "50", calls=scenario())
    asked = next(number for number, walk in enumerate(WALKS) if walk.name == "asked")
    run.until(lambda: run.diary("dialled") > asked + 4, 180)
    started = house.command("followup", "start", "--from", "2026-01-01", "--json")
    assert json.loads(started.stdout) == {"robot": 1, "person": 1}, started.stderr
    found = run.result(400)

    assert found["disagreements"] == [], "\n".join(map(str, found["disagreements"]))
    assert (found["calls"], found["unresolved"]) == (len(WALKS), 0)
    with store(house) as connection:
        calls = {it["key"]: it for it in connection.execute("SELECT * FROM call").fetchall()}
        keys = [it["call"] for it in found["compared"]]
        rows = {walk.name: calls[key] for walk, key in zip(WALKS, keys, strict=True)}
        wrong = [text for walk in WALKS for text in differences(walk, rows[walk.name])]
        assert wrong == [], "\n".join(wrong)
        assert rows["wrong keys"]["answered_at"] < rows["after wrong keys"]["answered_at"]
        both, busy = rows["safety with both"], rows["safety by key"]
        assert both["transferred_at"] < both["answered_at"], "the service, then the agent, then both go on"
        assert (both["transfer_target"], busy["transfer_target"], busy["transferred_at"]) == (
            "fire",
            "medical",
            None,
        )
        assert (rows["survey"]["survey_score"], rows["hung up in survey"]["survey_score"]) == (4, None)
        words = kept_words(house.home)
        for walk in WALKS:
            for content in words[rows[walk.name]["key"]].drafts:
                assert dict(content["answers"]) == walk.answers
        messages_are_drafted(words, rows)
        citizens_were_phoned(connection, rows)
    same_sound(house, rows)


def messages_are_drafted(words: Mapping[str, KeptWords], rows: Rows) -> None:
    """A message is heard again like a recording, and drafted."""
    for name, place in (("closed", "八一路"), ("nobody", "昆仑路")):
        kept = words[rows[name]["key"]]
        (draft,) = kept.drafts
        assert place in json.dumps(draft, ensure_ascii=False)
        assert kept.transcript is not None
        assert place in kept.transcript.text()


def citizens_were_phoned(connection: Store, rows: Rows) -> None:
    """Agent first, then the citizen; what the robot was told is kept; no robot phones about a secret."""
    tries = connection.execute(
        "SELECT callback.call, state, result, agent FROM callback JOIN callback_attempt AS it "
        "ON it.callback = callback.id WHERE kind = 'queue'"
    ).fetchall()
    results = {it["call"]: it for it in tries}
    reached = results[rows["call-back"]["key"]]
    assert (reached["state"], reached["result"]) == ("reached", "reached")
    assert reached["agent"]
    assert results[rows["hung up in goodbye"]["key"]]["result"] == "busy"
    asked = connection.execute(
        "SELECT ticket, state, attempts FROM follow_up_task ORDER BY ticket"
    ).fetchall()
    assert [tuple(it.values()) for it in asked] == [
        ("GEM-2026-0003", "done", 1),
        ("GEM-2026-0004", "by_person", 0),
    ]
    said = connection.execute("SELECT asked_by, question, answer FROM follow_up_answer").fetchall()
    assert {it["asked_by"] for it in said} == {"robot"}
    assert {it["question"]: it["answer"] for it in said} == {
        "是否解决": "已解决",
        "是否满意": "满意",
        "回访结果": "完成",
    }


def same_sound(house: HouseFolder, rows: Rows) -> None:
    """A confidential ticket and one that is not there are told in the same words after the same time."""
    told = prompt(house, "没有查到，请核对号码。")
    heard = {
        name: played_at_s(house, rows[name], told) for name in ("progress wrong", "progress confidential")
    }
    assert played_at_s(house, rows["progress"], told) is None
    assert all(heard.values()), heard
