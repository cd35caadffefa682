"""What a flow may do to a caller, and what it may ask of the hotline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from facts.errors import HotlineError
from facts.identity import CallKey


class CallerGone(HotlineError):
    """The caller hung up, or the channel is dead."""

    error_id = "caller-gone"


@dataclass(frozen=True, slots=True)
class Keys:
    """What the caller pressed, and whether the terminator or the time ended it."""

    digits: str
    timed_out: bool = False
    terminated: bool = False


class CallerSession(Protocol):
    """One caller on the line, as a flow sees them. Every method raises ``CallerGone`` after a hang-up."""

    @property
    def call(self) -> CallKey: ...

    @property
    def caller_number(self) -> str | None: ...

    @property
    def did(self) -> str: ...

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        """Play prompts (sound names) one after the other; returns the key that interrupted, or None."""

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        """Play prompts and read keys; a key interrupts the prompt."""

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable for the dialplan."""

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        """Record a step of the journey on the call (through the PBX's event stream)."""

    async def hang_up(self) -> None:
        """End the call."""


class HotlineServices(Protocol):
    """What a flow may ask of the house; each answer within 1 s, or ``None`` for a spoken fallback."""

    async def ticket_progress(self, number: str, last_digits: str) -> str | None: ...
