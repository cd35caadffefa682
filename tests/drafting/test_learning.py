"""Learning from a city's own labelled calls, disturbed calls, and a language model's second opinion."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config.catalogue import CityData
from tests.drafting.conftest import call_of as said
from ticketing_bridge.drafting import DraftInput, draft_call, evaluate
from ticketing_bridge.drafting.calibration import probability
from ticketing_bridge.drafting.composed import composed
from ticketing_bridge.drafting.fitting import fit, lessons, samples
from ticketing_bridge.drafting.learned import Learned, ModelInvalid, best_temperature, cross_validate, train
from ticketing_bridge.drafting.lines import call_of, read_labelled
from ticketing_bridge.drafting.noise import disturb
from ticketing_bridge.second_opinion import SecondOpinion

HERE = Path(__file__).parent
LINES = (HERE / "calls-dev.jsonl").read_text(encoding="utf-8").splitlines()


def invented(number: int) -> dict[str, Any]:
    """A call whose words the rules know nothing of, but from which one can learn."""
    odd = number % 2
    text = "甲甲乙丙甲甲乙丙" if odd else "丁丁戊己丁丁戊己"
    gold = {
        "purpose": "建议" if odd else "投诉",
        "appeal": "其他" if odd else "市场监管",
        "unit": "市民政局" if odd else "市教育局",
    }
    turns = [
        {"speaker": "agent", "text": "您好", "start": 0, "end": 1},
        {"speaker": "citizen", "text": text, "start": 1, "end": 2},
    ]
    return {
        "id": f"i{number}",
        "call_start": "2026-06-10T09:20:00+08:00",
        "caller_number": None,
        "turns": turns,
        "gold": gold,
    }


def test_learning_counts_only_where_it_beats_the_rules(city: CityData) -> None:
    rows = [invented(number) for number in range(24)]
    compared = {it.field: it for it in cross_validate(rows, city, 4, best_temperature(rows), lambda: None)}
    assert all(it.better and it.lost == 0 for it in compared.values())
    model = Learned.loads(train(rows, {"unit": True}, 0.05).dumps())
    call = call_of(rows[1], 1)
    draft = model.second(draft_call(call, city), call)
    assert draft.unit.value == "市民政局"
    assert draft.purpose == draft_call(call, city).purpose
    with pytest.raises(ModelInvalid, match="hotline drafting train"):
        Learned.loads('{"columns": [], "fields": {"unit": {}}}')


def test_disturbed_calls_keep_their_spans_and_what_is_shown_is_right(city: CityData) -> None:
    call = call_of(json.loads(LINES[0]), 1)
    disturbed = disturb(call, 0.3, "x")
    assert disturbed == disturb(call, 0.3, "x")
    assert disturb(call, 0.0).call == call
    sizes = [len(turn.text) for turn in disturbed.call.turns]
    assert [starts[-1] for starts in disturbed.moved] == sizes
    found = evaluate(LINES[::6], city, noise=0.3)
    right = sum(it.right for it in found.fields.values())
    assert right / (right + sum(it.wrong for it in found.fields.values())) > 0.75


def test_probabilities_are_fitted(city: CityData) -> None:
    rows = read_labelled(LINES[::14])
    fitted = fit(samples(rows, city, ["x"], lambda: None))
    unit = fitted["unit"]
    sure = probability(unit["weights"], (1.0, 0.9, 0.0, 0.0, 0.0))
    assert sure > probability(unit["weights"], (1.0, 0.2, 2.0, 3.0, 0.4))


def test_calls_put_together_by_chance_say_what_they_are_labelled_with(city: CityData) -> None:
    rows = list(composed(60))
    assert rows == list(composed(60))
    for row in rows:
        said = [turn["text"] for turn in row["turns"]]
        assert not [it for text in said for it in text if it in "{}+"]
        for name in filter(None, (*row["gold"]["places"], row["gold"]["party"])):
            assert any(name in text for text in said)
    taught = lessons(rows, city, variants=0)
    assert sum(2 in turn.tags or 3 in turn.tags for it in taught for turn in it.places) > 20


@asynccontextmanager
async def endpoint(answer: bytes, delay_s: float = 0) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A little HTTP server that answers every request alike."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        heard.append(head + await reader.readexactly(length))
        await asyncio.sleep(delay_s)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", heard


def completion(content: object) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


TURNS = [
    "a 您好请讲",
    "c 我叫马文忠电话幺三九九七三六一五零八翠湖名苑三单元五零一停水了",
    "a 转水务集团",
]


@pytest.fixture
def call() -> DraftInput:
    return said(TURNS, caller="13997361508")


async def test_a_second_opinion_is_masked_checked_and_marked(city: CityData, call: DraftInput) -> None:
    answer = {
        "title": "翠湖名苑停水",
        "content": "电话13997361508的市民反映停水。",
        "purpose": "求助",
        "appeal": "不存在的类",
        "matter": "停水",
    }
    async with endpoint(completion("好的：" + json.dumps(answer, ensure_ascii=False))) as (url, heard):
        opinions = await SecondOpinion(url, "m", 5, "k").ask(call, draft_call(call, city), city)
    assert {name: it["value"] for name, it in opinions.items()} == {
        "purpose": "求助",
        "matter": "停水",
        "title": "翠湖名苑停水",
    }
    assert all("核实" in it["reason"] for it in opinions.values())
    sent = json.loads(heard[0].split(b"\r\n\r\n", 1)[1])["messages"][1]["content"]
    assert "翠湖名苑" in sent
    assert not any(it in sent for it in ("马文忠", "幺三九", "五零一"))
    assert b"Bearer k" in heard[0]


@pytest.mark.parametrize(
    "answer", [b"<html>", b"{}", completion("no"), completion("[1]"), completion({"title": 5}), b"x" * 99999]
)
async def test_a_broken_opinion_is_none(city: CityData, call: DraftInput, answer: bytes) -> None:
    async with endpoint(answer) as (url, _):
        assert await SecondOpinion(url, "m", 5).ask(call, draft_call(call, city), city) == {}


async def test_a_late_a_dead_and_a_confidential_one_are_none(city: CityData, call: DraftInput) -> None:
    draft = draft_call(call, city)
    async with endpoint(completion({"purpose": "求助"}), delay_s=5) as (url, _):
        assert await SecondOpinion(url, "m", 0.1).ask(call, draft, city) == {}
    assert await SecondOpinion("http://127.0.0.1:9/v1", "m", 1).ask(call, draft, city) == {}
    secret = said([*TURNS, "c 千万别说是我反映的"])
    async with endpoint(completion({"purpose": "求助"})) as (url, heard):
        assert await SecondOpinion(url, "m", 5).ask(secret, draft_call(secret, city), city) == {}
    assert heard == []
