"""Sounds of texts for flows that are on: a text that is new is rendered before it is played."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr_flows.prompts import prompt_name, prompt_path, render_prompts


class Prompts:
    """The ``PromptSource`` of running flows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alone = asyncio.Lock()

    async def ensure(self, text: str) -> str:
        """Sound name of a text."""
        if not prompt_path(text, self._folder).is_file():
            async with self._alone:
                await asyncio.to_thread(render_prompts, [text], self._folder)
        return prompt_name(text)
