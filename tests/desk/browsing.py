"""A real browser, the telephony role's beat, and accessibility by axe, for the tests of pages."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib.resources import files
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from tests.desk.people import House
from ticketing_bridge.desk.health import keep_beating

PATIENCE_MS = 30_000  # a busy machine is slow; what is never shown fails all the same
expect.set_options(timeout=PATIENCE_MS)

CHROMIUM = os.environ.get("HOTLINE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
#: the smallest screen that desks have
SIZE = {"width": 1366, "height": 768}


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    """A page of a fresh browser; what it complains of fails the test."""
    assert CHROMIUM, "no chromium: apt-get install chromium, or set HOTLINE_CHROMIUM to a program"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = await browser.new_context(locale="zh-CN", viewport=SIZE)  # type: ignore[arg-type]
        opened = await context.new_page()
        opened.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on(
            "console",
            lambda said: complaints.append(said.text) if "Security Policy" in said.text else None,
        )
        yield opened
        await browser.close()
        assert not complaints


async def typed_in(page: Page, url: str, login: str, password: str) -> None:
    """Sign in on the way to a page, with the keyboard alone."""
    await page.goto(url)
    # the cursor is put there a moment after the page has come: keys before it would be lost
    await expect(page.locator("[name=login]")).to_be_focused()
    await page.keyboard.type(login)
    await page.keyboard.press("Tab")
    await page.keyboard.type(password)
    await page.keyboard.press("Enter")


@pytest_asyncio.fixture
async def beating(house: House) -> AsyncIterator[asyncio.Task[None]]:
    """The telephony role's beat; cancel it to fall silent."""

    task = asyncio.create_task(keep_beating(house.database, "city", lambda: True))
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def accessibility_faults(page: Page) -> list[tuple[str, str]]:
    """What axe finds wrong on the page as it is now: rule, and the first element."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found: dict[str, Any] = await page.evaluate("axe.run()")
    return [(it["id"], it["nodes"][0]["html"]) for it in found["violations"]]
