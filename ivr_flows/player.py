"""Plays a flow in the terminal: every prompt as a line, keys as typed, speech as text.

A line of digits, * and # presses those keys; any other line is said (“…” if it must look like
keys); an empty line is silence; ``x`` hangs up. Time is shown from the flow's beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from facts.caller_session import CallerGone, HotlineServices, JourneyFact, Keys, Recorded, Utterance
from facts.identity import CallKey
from ivr_flows.interpreter import FlowEnd, never_open, run_flow
from ivr_flows.nodes import ALL_KEYS
from ivr_flows.schema import Flow, Purpose
from ivr_flows.speech_length import estimated_speech_ms
from ivr_flows.testing import SpokenPrompts

_QUOTED = re.compile(r"[“\"](.*)[”\"]")


class Lines(Protocol):
    """What the caller types, line by line."""

    async def next(self, within_s: float | None) -> str | None:
        """The next line; None when none came in time. Without a time it waits, "x" at the input's end."""


@dataclass(slots=True)
class TerminalCaller:
    """A ``CallerSession`` whose caller sits at the keyboard.

    ``speed``: how many times faster than life prompts and silences pass; None: prompts take no
    time, and a question waits for a line.
    """

    lines: Lines
    tell: Callable[[str], None]
    speed: float | None = None
    listens: bool = True
    speech_ms: Callable[[str], int] = estimated_speech_ms
    call: CallKey = field(default_factory=lambda: CallKey("terminal", "terminal-1.1"))
    caller_number: str | None = "13900000000"
    did: str = ""
    #: milliseconds since the flow's beginning, as they would be on a telephone
    ms: int = 0
    _keys: list[str] = field(default_factory=list)
    _said: str = ""
    _gone: bool = False

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        """Print the prompts; a key typed meanwhile or before ends them."""
        return await self._play(prompts, interrupt_keys)

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        """Print and read keys."""
        key = await self._play(prompts, ALL_KEYS)
        hint = f"keys, up to {max_digits}" + (f", {terminator} ends" if terminator else "")
        key = key or await self._key(first_timeout_ms, hint)
        digits = ""
        while key:
            if key == terminator:
                return Keys(digits, terminated=True)
            digits += key
            if len(digits) >= max_digits:
                return Keys(digits)
            key = await self._key(between_timeout_ms)
        return Keys(digits, timed_out=True)

    async def listen(
        self, prompts: Sequence[str], *, phrases: Sequence[str], first_timeout_ms: int, most_ms: int
    ) -> Utterance:
        """Print and read what is said, or a key."""
        if not self.listens:
            self.tell(f"{self._time}   (nobody can listen)")
            return Utterance(key=await self._play(prompts, ALL_KEYS), heard=False)
        key = await self._play(prompts, ALL_KEYS, speech=True)
        if not key and not self._said:
            hint = f"say something, e.g. {'、'.join(phrases[:4])}" if phrases else "say something"
            key = await self._key(first_timeout_ms, hint, speech=True)
        said, self._said = self._said, ""
        self.ms += min(most_ms, self.speech_ms(said))
        return Utterance(key=key) if key else Utterance(said, 0.9 if said else 0.0)

    async def record(self, *, most_ms: int, silence_ms: int, finish_keys: str = "#") -> Recorded:
        """One line is the message."""
        self.tell(f"{self._time} ● recording")
        key = await self._key(silence_ms, "the message", speech=True)
        said, self._said = self._said, ""
        spoken_ms = min(most_ms, self.speech_ms(said))
        self.ms += spoken_ms
        return Recorded(
            f"{self.call.uniqueid}-voicemail.wav", spoken_ms, key if key and key in finish_keys else None
        )

    async def set_variable(self, name: str, value: str) -> None:
        """Show it."""
        self._alive()
        self.tell(f"{self._time}   {name} = {value}")

    async def enter(self, step: str, details: Mapping[str, str]) -> None:
        """Nobody looks on."""

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        """Show the step."""
        self._alive()
        self.tell(f"{self._time}   [{step}] key {details.get('Key') or '-'}, {details.get('Ms')} ms")

    async def report(self, fact: JourneyFact, details: Mapping[str, str]) -> None:
        """Show the fact."""
        self._alive()
        self.tell(f"{self._time}   ✓ {fact.value} " + ", ".join(f"{k}: {v}" for k, v in details.items()))

    async def hang_up(self) -> None:
        """Show it."""
        self._alive()
        self.tell(f"{self._time}   hung up")

    @property
    def _time(self) -> str:
        return f"{self.ms / 1000:6.1f} s"

    async def _play(self, prompts: Sequence[str], keys: str, *, speech: bool = False) -> str | None:
        self._alive()
        if not keys:
            self._keys.clear()  # as on a telephone, nobody waits for them
        for prompt in prompts:
            if keys and self._keys:
                break
            self.tell(f"{self._time} ♪ {prompt}")
            if await self._typed(self.speech_ms(prompt), speech=speech) and (self._said or self._keys):
                break
        if not keys:
            self._keys.clear()
        return self._keys.pop(0) if keys and self._keys else None

    async def _typed(self, ms: int, *, speech: bool) -> bool:
        """Let a prompt's time pass; whether something was typed meanwhile."""
        typed = await self.lines.next(ms / 1000 / self.speed) if self.speed else None
        self.ms += ms
        if typed is None:
            return False
        self._take(typed, speech=speech)
        return True

    async def _key(self, timeout_ms: int, hint: str = "", *, speech: bool = False) -> str | None:
        """The next key; with ``speech`` words may come instead. None when the time is over."""
        self._alive()
        if not self._keys and (hint or self.speed):
            if hint:
                self.tell(f"{self._time}   > {hint} (empty: {timeout_ms / 1000:g} s of silence, x: hang up)")
            typed = await self.lines.next(timeout_ms / 1000 / self.speed if self.speed else None)
            self._take(typed or "", speech=speech)
        if self._keys:
            return self._keys.pop(0)
        if not self._said:
            self.ms += timeout_ms
        return None

    def _take(self, typed: str, *, speech: bool) -> None:
        words = typed.strip()
        if words.lower() == "x":
            self._gone = True
            raise CallerGone()
        quoted = _QUOTED.fullmatch(words)
        if words and not quoted and all(key in ALL_KEYS for key in words):
            self._keys += words
        elif speech:
            self._said = quoted[1] if quoted else words

    def _alive(self) -> None:
        if self._gone:
            raise CallerGone()


async def play_flow(
    flow: Flow,
    context: Mapping[str, str],
    caller: TerminalCaller,
    services: HotlineServices,
    *,
    purpose: Purpose | None = None,
    flow_of: Callable[[str], Flow] | None = None,
    is_open: Callable[[str], bool] = never_open,
) -> FlowEnd:
    """Play a flow to its end, which is told, too."""
    end = await run_flow(
        flow,
        caller,
        services,
        context,
        prompts=SpokenPrompts(),
        now_ms=lambda: caller.ms,
        purpose=purpose,
        task=1,
        flow_of=flow_of,
        is_open=is_open,
    )
    place = " ".join(filter(None, (end.transfer, end.queue)))
    caller.tell(f"end after {caller.ms / 1000:.1f} s: {end.ending}" + (f" {place}" if place else ""))
    return end
