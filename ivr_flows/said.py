"""Everything that a hotline says to callers and agents, and where."""

from __future__ import annotations

from collections.abc import Iterable

from config.hotline import Hotline
from ivr_flows.loader import FlowStore, other_flows
from ivr_flows.surroundings import uses_of
from ivr_flows.texts import line_context, prompt_texts


def prompt_uses(hotline: Hotline, flows: FlowStore) -> dict[str, list[str]]:
    """Every text that a citizen or an agent may hear, with where: flows' ids, ``dialplan``, ``waiting``."""
    uses: dict[str, list[str]] = {}

    def add(where: str, texts: Iterable[str]) -> None:
        for text in sorted({text for text in texts if text.strip()}):
            uses.setdefault(text, []).append(where)

    add("dialplan", hotline.spoken_by_dialplan())
    add("waiting", hotline.spoken_while_waiting())
    contexts = [line_context(hotline, line) for line in hotline.lines]
    used: set[str] = set()
    todo = set(uses_of(hotline))
    while todo:
        flow = flows.get(todo.pop())
        used.add(flow.flow)
        todo |= other_flows(flow) - used
        add(flow.flow, prompt_texts(flow, contexts))
    return uses
