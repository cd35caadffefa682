"""A real browser as benchmarks use it, and what its pages keep in memory."""

from __future__ import annotations

import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from facts.errors import HotlineError
from ticketing_bridge.bench.figures import Figure, status_mb

TOOLS = Path(__file__).resolve().parents[2] / ".tools"


class NoBrowser(HotlineError):
    """There is no browser to look with."""

    error_id = "bench-no-browser"


async def opened(stack: AsyncExitStack, address: str, cookie: str, size: tuple[int, int]) -> Any:
    """Chromium with somebody signed in; its pages have this size.

    Raises:
        NoBrowser: no driver, or no Chromium.
    """
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - of the development environment
    except ImportError:
        raise NoBrowser("the browser's driver is missing", fix="make env") from None
    program = shutil.which("chromium") or shutil.which("chromium-headless-shell")
    launcher = TOOLS / "chromium" / "launch"
    if program is None and launcher.is_file():
        program = str(launcher)
    if program is None:
        raise NoBrowser("there is no chromium", fix="apt-get install chromium")
    if (node := TOOLS / "node" / "launch").is_file():
        os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(node))
    playwright = await stack.enter_async_context(async_playwright())
    chromium = await playwright.chromium.launch(
        executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    stack.push_async_callback(chromium.close)
    context = await chromium.new_context(locale="zh-CN", viewport={"width": size[0], "height": size[1]})
    cookies = [pair.partition("=") for pair in cookie.split("; ")]
    await context.add_cookies([{"name": it[0], "value": it[2], "url": address} for it in cookies])
    context.set_default_timeout(60_000)
    return context


async def kept(session: Any, pid: int) -> tuple[float, float, float]:
    """Heap (MB) and nodes of the page after a sweep, memory (MB) of the web role."""
    await session.send("HeapProfiler.enable")
    await session.send("HeapProfiler.collectGarbage")
    heap = await session.send("Runtime.getHeapUsage")
    counters = await session.send("Memory.getDOMCounters")
    return heap["usedSize"] / 1e6, float(counters["nodes"]), status_mb(pid, "VmRSS")


def growth(first: tuple[float, float, float], last: tuple[float, float, float]) -> list[Figure]:
    """What is kept at the end, and how it grew since the first look."""
    return [
        Figure("heap_mb", last[0], "MB", "the page's JavaScript heap at the end, swept"),
        Figure("heap_growth", last[0] / first[0], "×", "of the heap since the first look"),
        Figure("nodes", last[1], "nodes", "of the page at the end"),
        Figure("nodes_growth", last[1] / first[1], "×", "of the page's nodes"),
        Figure("web_mb", last[2], "MB", "memory of the web role at the end"),
        Figure("web_growth", last[2] / first[2], "×", "of the web role's memory"),
    ]
