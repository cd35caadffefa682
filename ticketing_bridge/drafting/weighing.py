"""The fitted weights of drafting: those that are shipped, or, while they are fitted, those that are tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ticketing_bridge.drafting.kinds import Kinds
from ticketing_bridge.drafting.signals import Signal
from ticketing_bridge.drafting.spotting import Spotter

_FILES = ("places", "party", "purpose", "appeal", "emergency", "confidential")


@dataclass(frozen=True, slots=True)
class Weights:
    """All of them."""

    places: Spotter
    party: Spotter
    purpose: Kinds
    appeal: Kinds
    emergency: Signal
    confidential: Signal

    def write(self, folder: Path) -> None:
        """One file a field, as they are shipped."""
        for name in _FILES:
            (folder / f"{name}.json").write_text(getattr(self, name).dumps(), encoding="utf-8")


_tried: ContextVar[Weights | None] = ContextVar("tried", default=None)


def in_force() -> Weights:
    """The weights that drafts are made with."""
    return _tried.get() or shipped()


@contextmanager
def trying(weights: Weights) -> Iterator[None]:
    """Draft with other weights than those that are shipped."""
    token = _tried.set(weights)
    try:
        yield
    finally:
        _tried.reset(token)


@cache
def shipped() -> Weights:
    """Read once."""
    folder = files("ticketing_bridge.drafting") / "weights"
    text = {it: (folder / f"{it}.json").read_text(encoding="utf-8") for it in _FILES}
    return Weights(
        Spotter.loads(text["places"]),
        Spotter.loads(text["party"]),
        Kinds.loads(text["purpose"]),
        Kinds.loads(text["appeal"]),
        Signal.loads(text["emergency"]),
        Signal.loads(text["confidential"]),
    )
