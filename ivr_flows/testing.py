"""Public test tool: a scripted caller in virtual time. Script in, journey out.

>>> import asyncio
>>> from ivr_flows.loader import parse_flow
>>> flow = parse_flow('{flow: f, start: a, nodes: {a: {say: 您好}, }}', 'f.yaml')
>>> journey = asyncio.run(walk(flow, [], {"line.queue": "main"}))
>>> journey.end.ending, journey.end.queue, journey.heard, journey.ms
(<FlowEnding.QUEUE: 'queue'>, 'main', ['您好'], 480)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from facts.caller_session import CallerGone, Keys
from facts.identity import CallKey
from ivr_flows.check import estimated_speech_ms
from ivr_flows.interpreter import FlowEnd, run_flow
from ivr_flows.schema import Flow


@dataclass(frozen=True, slots=True)
class Press:
    """The caller presses a key, so many milliseconds after the last action of the script."""

    key: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up, so many milliseconds after the last action of the script."""

    after_ms: int = 0


Script = Sequence[Press | HangUp]


class SpokenPrompts:
    """A prompt source whose sound names are the texts themselves."""

    async def ensure(self, text: str) -> str:
        """The text."""
        return text


class NoServices:
    """A house that answers nothing."""

    async def ticket_progress(self, number: str, last_digits: str) -> str | None:
        """Never an answer."""
        return None


@dataclass(slots=True)
class ScriptedCaller:
    """A ``CallerSession`` in virtual time. A key that nobody waits for is lost, as on a telephone."""

    script: Script
    speech_ms: Callable[[str], int] = estimated_speech_ms
    call: CallKey = field(default_factory=lambda: CallKey("test", "test-1.1"))
    caller_number: str | None = "13900000000"
    did: str = "12345"
    #: virtual milliseconds since the call's arrival
    ms: int = 0
    heard: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    marks: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    hung_up: bool = False
    gone: bool = False
    _actions: list[tuple[int, Press | HangUp]] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = 0
        for action in self.script:
            at += action.after_ms
            self._actions.append((at, action))

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        """Play; a key of ``interrupt_keys`` ends it."""
        return self._play(prompts, interrupt_keys)

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        """Play and read."""
        digits = ""
        key = self._play(prompts, "0123456789*#") or self._wait(first_timeout_ms)
        while key is not None:
            if terminator and key == terminator:
                return Keys(digits, terminated=True)
            digits += key
            if len(digits) >= max_digits:
                return Keys(digits)
            key = self._wait(between_timeout_ms)
        return Keys(digits, timed_out=True)

    async def set_variable(self, name: str, value: str) -> None:
        """Keep it."""
        self._alive()
        self.variables[name] = value

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        """Keep it."""
        self._alive()
        self.marks.append((step, dict(details)))

    async def hang_up(self) -> None:
        """End the call from our side."""
        self._alive()
        self.hung_up = True

    def _play(self, prompts: Sequence[str], interrupt_keys: str) -> str | None:
        for prompt in prompts:
            self._alive()
            self.heard.append(prompt)
            key = self._wait(self.speech_ms(prompt), interrupt_keys)
            if key is not None:
                return key
        self._alive()
        return None

    def _wait(self, ms: int, keys: str = "0123456789*#") -> str | None:
        """Let time pass until one of ``keys`` comes or the time is over."""
        until = self.ms + ms
        while self._actions and self._actions[0][0] <= until:
            at, action = self._actions.pop(0)
            self.ms = max(self.ms, at)
            if isinstance(action, HangUp):
                self.gone = True
                self._alive()
            elif action.key in keys:
                return action.key
        self.ms = until
        return None

    def _alive(self) -> None:
        if self._actions and isinstance(self._actions[0][1], HangUp) and self._actions[0][0] <= self.ms:
            self.gone = True
        if self.gone or self.hung_up:
            raise CallerGone()


@dataclass(frozen=True, slots=True)
class Journey:
    """What one scripted caller lived through."""

    end: FlowEnd
    heard: list[str]
    variables: dict[str, str]
    marks: list[tuple[str, Mapping[str, str]]]
    ms: int


async def walk(flow: Flow, script: Script, context: Mapping[str, str]) -> Journey:
    """Send a scripted caller through a flow."""
    caller = ScriptedCaller(script)
    end = await run_flow(
        flow, caller, NoServices(), context, prompts=SpokenPrompts(), now_ms=lambda: caller.ms
    )
    return Journey(end, caller.heard, caller.variables, caller.marks, caller.ms)
