"""What a person types, line by line, while something else goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Self, TextIO


class TypedLines:
    """Lines of a terminal or a pipe, read by a thread of their own that ends with the program."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._ended = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        # a daemon: nothing wakes a thread that waits for a keyboard
        threading.Thread(target=self._read, name="typed lines", daemon=True).start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._ended = True

    async def next(self, within_s: float | None) -> str | None:
        """The next line; None when none came in time. After the input's end always "x"."""
        try:
            async with asyncio.timeout(within_s):
                return await self._lines.get()
        except TimeoutError:
            return None

    def _read(self) -> None:
        for line in self._stream:
            if self._ended:
                return
            self._put(line.rstrip("\n"))
        self._put("x")

    def _put(self, line: str) -> None:
        try:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except RuntimeError:  # the flow is over
            return
