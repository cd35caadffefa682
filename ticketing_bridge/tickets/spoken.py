"""How a ticket's state sounds to the citizen who asks for it on the telephone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from ticketing_bridge.tickets.states import State

FILE = Path(__file__).parent / "spoken.yaml"


@cache
def spoken_states() -> dict[State, str]:
    """Every state in words; a missing one is found at start."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {state: raw[state.value] for state in State}
