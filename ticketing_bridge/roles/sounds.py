"""Sounds of texts for flows that are on: a text that is new is rendered before it is played."""

from __future__ import annotations

import asyncio
from pathlib import Path

from facts.prompts import prompt_name


class Prompts:
    """The ``PromptSource`` of running flows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alone = asyncio.Lock()

    async def ensure(self, text: str) -> str:
        """Sound name of a text."""
        name = prompt_name(text)
        if not await asyncio.to_thread((self._folder / f"{name}.wav").is_file):
            async with self._alone:
                await asyncio.to_thread(self._render, text)
        return name

    def _render(self, text: str) -> None:
        # Imported here: reading Chinese aloud takes 55 MB, and hardly any process ever has to.
        from ivr_flows.prompts import render_prompts  # noqa: PLC0415

        render_prompts([text], self._folder)
