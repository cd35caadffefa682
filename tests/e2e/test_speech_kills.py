"""Recognisers are killed while ten citizens talk: no call notices, no word of record is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest
import yaml

from config.hotline import DEFAULTS
from tests.e2e.conftest import DemoRun, HouseFolder, kept_words
from ticketing_bridge.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.pbx, pytest.mark.speech, pytest.mark.timeout(400)]

CALLS = 10
KILLS = 10
PLACES = ("八一路", "昆仑路", "光明路", "江源路", "柴达木路")
TALK = (
    "你好，我要反映一个问题，{place}的路灯坏了好几天了，希望尽快派人来修。"
    "晚上路上什么都看不见，老人和孩子走路很不方便。我们小区的暖气也一点都不热，麻烦你们派人过来看看。"
)


def ten_agents(folder: Path) -> None:
    """The built-in hotline with an agent for every call."""
    text = (DEFAULTS / "hotline.yaml").read_text(encoding="utf-8")
    facts = yaml.safe_load(text)
    example = facts["agents"][0]
    facts["agents"] = [
        {**example, "id": f"agent{101 + number}", "extension": str(101 + number), "name": f"{number + 1}号"}
        for number in range(CALLS)
    ]
    folder.mkdir()
    (folder / "hotline.yaml").write_text(yaml.safe_dump(facts, allow_unicode=True), encoding="utf-8")


def recognisers(run: DemoRun) -> list[int]:
    """The speech role's children."""
    role = run.role("speech")
    try:
        return [int(pid) for pid in Path(f"/proc/{role}/task/{role}/children").read_text().split()]
    except OSError:
        return []


def test_ten_kills_during_ten_calls(house: HouseFolder) -> None:
    ten_agents(house.home / "city")
    house.environment["HOTLINE_HOTLINE_CONFIG"] = str(house.home / "city")
    talks = [
        {"says": TALK.format(place=PLACES[number % len(PLACES)]), "at_s": 0.5 * number}
        for number in range(CALLS)
    ]
    run = house.demo("--at-once", str(CALLS), calls=talks)
    run.until(lambda: run.diary("speaks") >= CALLS, 180)
    killed = 0
    while killed < KILLS:
        os.kill(random.choice(run.until(lambda: recognisers(run))), signal.SIGKILL)
        killed += 1
        time.sleep(1.0)

    found = run.result()
    assert found["disagreements"] == []
    assert found["by_outcome"] == {"answered": CALLS}
    assert found["drafts"] == found["transcripts"] == CALLS
    assert 0 < found["cer"]["mean"] < 0.4
    log = (house.home / "log" / "speech.log").read_text(encoding="utf-8")
    # some were hit before they had loaded their model
    assert log.count('"recogniser_lost"') + log.count('"recogniser_not_started"') >= KILLS - 2
    assert log.count('"recogniser_lost"') >= 2
    asyncio.run(EmbeddedPostgres(house.home).start())  # it ended with the demo
    heard = [it.transcript for it in kept_words(house.home).values() if it.transcript]
    assert len(heard) == CALLS
    assert not any(it.gaps for it in heard)
