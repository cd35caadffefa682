"""Plays a flow in the terminal: every prompt as a line, keys as typed.

A line of digits presses those keys, an empty line is silence, ``x`` hangs up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from facts.caller_session import CallerGone, Keys
from facts.identity import CallKey
from ivr_flows.interpreter import FlowEnd, run_flow
from ivr_flows.schema import Flow
from ivr_flows.testing import NoServices, SpokenPrompts


@dataclass(slots=True)
class TerminalCaller:
    """A ``CallerSession`` whose caller sits at the keyboard."""

    ask: Callable[[str], str]
    tell: Callable[[str], None]
    call: CallKey = field(default_factory=lambda: CallKey("terminal", "terminal-1.1"))
    caller_number: str | None = None
    did: str = ""
    _gone: bool = False

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        """Print the prompts; there is no time in which to interrupt."""
        self._print(prompts)
        return None

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        """Print and read one line of keys."""
        self._print(prompts)
        typed = self.ask(
            f"keys (up to {max_digits}, empty: {first_timeout_ms / 1000:g} s of silence, x: hang up) "
        )
        if typed.strip().lower() == "x":
            self._gone = True
            raise CallerGone()
        keys = "".join(key for key in typed if key in "0123456789*#")
        digits, ended, _ = keys.partition(terminator) if terminator else (keys, "", "")
        return Keys(
            digits[:max_digits], timed_out=not ended and len(digits) < max_digits, terminated=bool(ended)
        )

    async def set_variable(self, name: str, value: str) -> None:
        """Show it."""
        self._alive()
        self.tell(f"  {name} = {value}")

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        """Show the step."""
        self._alive()
        self.tell(f"  [{step}] key {details.get('Key') or '-'}, {details.get('Ms')} ms")

    async def hang_up(self) -> None:
        """Show it."""
        self.tell("  hung up")

    def _print(self, prompts: Sequence[str]) -> None:
        self._alive()
        for prompt in prompts:
            self.tell(f"♪ {prompt}")

    def _alive(self) -> None:
        if self._gone:
            raise CallerGone()


async def play_flow(
    flow: Flow, context: Mapping[str, str], ask: Callable[[str], str], tell: Callable[[str], None]
) -> FlowEnd:
    """Play a flow; ``ask`` reads a line (blocking is fine: nothing else runs), ``tell`` shows one."""
    end = await run_flow(flow, TerminalCaller(ask, tell), NoServices(), context, prompts=SpokenPrompts())
    tell(f"end: {end.ending}" + (f" {end.queue}" if end.queue else ""))
    return end
