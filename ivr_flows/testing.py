"""Public test tool: a scripted caller in virtual time. Script in, journey out.

>>> import asyncio
>>> from ivr_flows.loader import parse_flow
>>> flow = parse_flow('{flow: f, start: a, nodes: {a: {say: 您好}, }}', 'f.yaml')
>>> journey = asyncio.run(walk(flow, [], {"line.queue": "main"}))
>>> journey.end.ending, journey.end.queue, journey.heard, journey.ms
(<FlowEnding.QUEUE: 'queue'>, 'main', ['您好'], 560)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from facts.caller_session import (
    CallerGone,
    HotlineServices,
    JourneyFact,
    Keys,
    Recorded,
    Utterance,
)
from facts.identity import CallKey
from ivr_flows.interpreter import FlowEnd, never_open, run_flow
from ivr_flows.no_services import NoServices, ScriptedServices
from ivr_flows.schema import Flow, Purpose
from ivr_flows.speech_length import estimated_speech_ms

__all__ = [
    "HangUp",
    "Journey",
    "NoServices",
    "Press",
    "ScriptedCaller",
    "ScriptedServices",
    "Speak",
    "SpokenPrompts",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Press:
    """The caller presses a key, so many milliseconds after the last action of the script."""

    key: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Speak:
    """The caller speaks, so many milliseconds after the last action of the script.

    Counts for whoever listens when it begins. A message that is recorded is as long as its text takes.
    """

    text: str
    after_ms: int = 0
    confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller hangs up, so many milliseconds after the last action of the script."""

    after_ms: int = 0


Action = Press | Speak | HangUp
Script = Sequence[Action]


class SpokenPrompts:
    """A prompt source whose sound names are the texts themselves."""

    async def ensure(self, text: str) -> str:
        """The text."""
        return text


@dataclass(slots=True)
class ScriptedCaller:
    """A ``CallerSession`` in virtual time. What nobody waits for is lost, as on a telephone."""

    script: Script
    speech_ms: Callable[[str], int] = estimated_speech_ms
    call: CallKey = field(default_factory=lambda: CallKey("test", "test-1.1"))
    caller_number: str | None = "13900000000"
    did: str = "12345"
    #: whether speech is recognised
    listens: bool = True
    #: virtual milliseconds since the call's arrival
    ms: int = 0
    heard: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    marks: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    facts: list[tuple[JourneyFact, Mapping[str, str]]] = field(default_factory=list)
    hung_up: bool = False
    gone: bool = False
    _actions: list[tuple[int, Action]] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = 0
        for action in self.script:
            at += action.after_ms
            self._actions.append((at, action))

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        """Play; a key of ``interrupt_keys`` ends it."""
        action = self._play(prompts, interrupt_keys)
        return action.key if isinstance(action, Press) else None

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
        action = self._play(prompts) or self._wait(first_timeout_ms)
        while isinstance(action, Press):
            if terminator and action.key == terminator:
                return Keys(digits, terminated=True)
            digits += action.key
            if len(digits) >= max_digits:
                return Keys(digits)
            action = self._wait(between_timeout_ms)
        return Keys(digits, timed_out=True)

    async def listen(
        self, prompts: Sequence[str], *, phrases: Sequence[str], first_timeout_ms: int, most_ms: int
    ) -> Utterance:
        """Play and hear the next words, cut off after ``most_ms``."""
        del phrases
        if not self.listens:
            action = self._play(prompts)
            return Utterance(key=action.key if isinstance(action, Press) else None, heard=False)
        action = self._play(prompts, speech=True) or self._wait(first_timeout_ms, speech=True)
        self._alive()
        if isinstance(action, Press):
            return Utterance(key=action.key)
        if not isinstance(action, Speak):
            return Utterance()
        self._wait(min(most_ms, self.speech_ms(action.text)), "")
        self._alive()
        return Utterance(action.text, action.confidence)

    async def record(self, *, most_ms: int, silence_ms: int, finish_keys: str = "#") -> Recorded:
        """Keep what is said until nothing is said for ``silence_ms``, a finishing key, or the limit.

        As on a telephone, a hang-up ends the message; what follows then finds nobody.
        """
        self._alive()
        file, began, spoken = f"{self.call.uniqueid}-voicemail.wav", self.ms, 0
        until = began + most_ms
        try:
            while action := self._wait(min(silence_ms, until - self.ms), finish_keys, speech=True):
                if isinstance(action, Press):
                    return Recorded(file, self.ms - began, action.key)
                if isinstance(action, Speak):
                    self._wait(min(self.speech_ms(action.text), until - self.ms), "")
                    spoken = self.ms - began
        except CallerGone:
            return Recorded(file, self.ms - began)
        return Recorded(file, spoken)

    async def set_variable(self, name: str, value: str) -> None:
        """Keep it."""
        self._alive()
        self.variables[name] = value

    async def enter(self, step: str, details: Mapping[str, str]) -> None:
        """What the PBX is told for the case of a hang-up is no part of the journey's record."""

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        """Keep it."""
        self._alive()
        self.marks.append((step, dict(details)))

    async def report(self, fact: JourneyFact, details: Mapping[str, str]) -> None:
        """Keep it."""
        self._alive()
        self.facts.append((fact, dict(details)))

    async def hang_up(self) -> None:
        """End the call from our side."""
        self._alive()
        self.hung_up = True

    def _play(
        self, prompts: Sequence[str], keys: str = "0123456789*#", *, speech: bool = False
    ) -> Action | None:
        for prompt in prompts:
            self._alive()
            self.heard.append(prompt)
            action = self._wait(self.speech_ms(prompt), keys, speech=speech)
            if action is not None:
                return action
        self._alive()
        return None

    def _wait(self, ms: int, keys: str = "0123456789*#", *, speech: bool = False) -> Action | None:
        """Let time pass until one of ``keys`` (or speech) comes or the time is over."""
        until = self.ms + ms
        while self._actions and self._actions[0][0] <= until:
            at, action = self._actions.pop(0)
            self.ms = max(self.ms, at)
            match action:
                case HangUp():
                    self.gone = True
                    self._alive()
                case Press() if action.key in keys:
                    return action
                case Speak() if speech:
                    return action
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
    facts: list[tuple[JourneyFact, Mapping[str, str]]]
    ms: int


async def walk(
    flow: Flow,
    script: Script,
    context: Mapping[str, str],
    *,
    services: HotlineServices | None = None,
    caller: ScriptedCaller | None = None,
    purpose: Purpose | None = None,
    task: int | None = None,
    flow_of: Callable[[str], Flow] | None = None,
    is_open: Callable[[str], bool] = never_open,
) -> Journey:
    """Send a scripted caller through a flow; ``caller`` brings a script of its own."""
    caller = caller or ScriptedCaller(script)
    end = await run_flow(
        flow,
        caller,
        services or NoServices(),
        context,
        prompts=SpokenPrompts(),
        now_ms=lambda: caller.ms,
        purpose=purpose,
        task=task,
        flow_of=flow_of,
        is_open=is_open,
        service_s=0.1,
    )
    return Journey(end, caller.heard, caller.variables, caller.marks, caller.facts, caller.ms)
