"""Drafts are made beside the pages: a process that ends, hangs, or meets a call that it cannot read."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from config.catalogue import CityData
from tests.desk.people import KEY, talking_call
from ticketing_bridge.desk.workplace.drafting_process import DraftingProcess, NotDrafted
from ticketing_bridge.drafting import DraftInput, Said

CITY = CityData.__new__(CityData)  # the process reads its own


def heard(*texts: str, call: str = str(KEY)) -> DraftInput:
    said = tuple(Said("citizen", text, 4.0 * at, 4.0 * at + 3) for at, text in enumerate(texts))
    return DraftInput(call, talking_call().arrived_at, "13909791234", said)


PLACE = heard("我们八一中路金桥丽景小区六号楼的电梯坏了没人管")
OTHER = heard("我们阳光花园三号楼停水了", call="city:other")


async def test_it_drafts_goes_on_after_its_end_and_never_mixes_answers_up(tmp_path: Path) -> None:
    async with DraftingProcess(tmp_path) as drafter:
        first, other = await asyncio.gather(drafter.draft(PLACE, CITY), drafter.draft(OTHER, CITY))
        assert first["places"][0]["value"] == "八一中路金桥丽景小区六号楼"
        assert other["places"][0]["value"] == "阳光花园三号楼"

        # who stops waiting leaves the answer to nobody
        given_up = asyncio.create_task(drafter.draft(PLACE, CITY))
        await asyncio.sleep(0)
        given_up.cancel()
        again = await drafter.draft(OTHER, CITY)
        assert again["places"][0]["value"] == "阳光花园三号楼"

        before = drafter.pid
        assert before
        os.kill(before, signal.SIGKILL)
        assert (await drafter.draft(PLACE, CITY))["unit"] == first["unit"]
        assert drafter.pid != before

        broken = replace(PLACE, turns=None)  # type: ignore[arg-type]
        with pytest.raises(NotDrafted):
            await drafter.draft(broken, CITY)
        assert (await drafter.draft(PLACE, CITY))["unit"] == first["unit"]


async def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    async with DraftingProcess(tmp_path, patience_s=0.5) as drafter:
        wanted = await drafter.draft(PLACE, CITY)
        before = drafter.pid
        assert before
        os.kill(before, signal.SIGSTOP)
        assert await drafter.draft(PLACE, CITY) == wanted
        assert drafter.pid != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
