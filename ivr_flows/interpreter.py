"""Walks one caller through one flow. Speaks to the session only; its clock is a function that it is given.

A hang-up overtakes everything: wherever the session says ``CallerGone``, the walk
is over. Whatever else goes wrong with a prompt, the caller comes closer to a person.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import structlog

from facts.caller_session import CallerGone, CallerSession, HotlineServices
from facts.errors import HotlineError
from ivr_flows.schema import (
    ALL_KEYS,
    LINE_QUEUE,
    Collect,
    Flow,
    Goto,
    HangUp,
    Menu,
    Part,
    Queue,
    Say,
    Set,
)
from ivr_flows.texts import collected_names, fill

log = structlog.get_logger(__name__)

QUEUE_VARIABLE = "HOTLINE_QUEUE"


class PromptSource(Protocol):
    """Gives the sound of a text, rendering it first when there is none yet."""

    async def ensure(self, text: str) -> str:
        """Sound name of the text; raises ``HotlineError`` when it cannot be rendered."""


class FlowEnding(StrEnum):
    """How a walk ended."""

    QUEUE = "queue"
    HUNG_UP = "hung_up"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Step:
    """One node that the caller was in: the keys of the answer, and how long it took in milliseconds."""

    node: str
    key: str
    ms: int


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """The whole walk. ``queue`` is the queue's id when the walk ended in one."""

    ending: FlowEnding
    steps: tuple[Step, ...]
    queue: str | None = None


def monotonic_ms() -> int:
    """The clock of a walk on a real line."""
    return time.monotonic_ns() // 1_000_000


async def run_flow(
    flow: Flow,
    session: CallerSession,
    services: HotlineServices,
    context: Mapping[str, str],
    *,
    prompts: PromptSource,
    now_ms: Callable[[], int] = monotonic_ms,
) -> FlowEnd:
    """Walk the caller through the flow; never raises ``CallerGone``.

    At a queue ``HOTLINE_QUEUE`` is set and the walk returns: the dialplan goes on into it.
    Errors of the session other than a hang-up are the caller's of this function: the
    dialplan then sends the citizen to the queue of the line.
    """
    return await _Walk(flow, session, services, dict(context), prompts, now_ms).run()


@dataclass(slots=True)
class _Walk:
    flow: Flow
    session: CallerSession
    services: HotlineServices
    context: dict[str, str]
    prompts: PromptSource
    now_ms: Callable[[], int]
    steps: list[Step] = field(default_factory=list)
    #: a key pressed during a text, not yet used
    pending: str = ""

    async def run(self) -> FlowEnd:
        self.context.update(dict.fromkeys(collected_names(self.flow), ""))
        visits: Counter[str] = Counter()
        name: str | None = self.flow.start
        try:
            while name is not None:
                node = self.flow.nodes[name]
                visits[name] += 1
                if visits[name] > self.flow.max_visits:
                    break
                if isinstance(node, Queue):
                    return await self._queue(name, node.queue)
                name = await self._step(name, node)
                if isinstance(node, HangUp):
                    return FlowEnd(FlowEnding.HUNG_UP, tuple(self.steps))
            return await self._queue("line_queue", LINE_QUEUE)
        except CallerGone:
            return FlowEnd(FlowEnding.GONE, tuple(self.steps))

    async def _step(self, name: str, node: Part) -> str | None:
        """Do one node and record it, also when the caller hangs up in it."""
        began = self.now_ms()
        answer = _Answer()
        try:
            await self._do(node, answer)
        finally:
            step = Step(name, answer.keys, self.now_ms() - began)
            self.steps.append(step)
        if not isinstance(node, HangUp):
            await self._mark(step)
        return answer.target

    async def _mark(self, step: Step) -> None:
        await self.session.mark(step.node, {"Key": step.key, "Ms": str(step.ms)})

    async def _do(self, node: Part, answer: _Answer) -> None:
        match node:
            case Say():
                answer.keys = await self._say(node.say, barge_in=node.barge_in)
                answer.target = node.next
            case Menu() | Collect():
                await self._ask(node, answer)
            case Set():
                for variable, value in node.set.items():
                    await self.session.set_variable(variable, fill(value, self.context))
                answer.target = node.next
            case Goto():
                answer.target = node.goto
            case HangUp():
                await self._say(node.hang_up, barge_in=False)
                await self.session.hang_up()

    async def _queue(self, name: str, template: str) -> FlowEnd:
        queue = fill(template, self.context)
        await self.session.set_variable(QUEUE_VARIABLE, queue)
        step = Step(name, "", 0)
        self.steps.append(step)
        await self._mark(step)
        return FlowEnd(FlowEnding.QUEUE, tuple(self.steps), queue)

    async def _say(self, texts: Sequence[str], *, barge_in: bool) -> str:
        """Play texts; a key that ends them is kept for the next question."""
        if barge_in and self.pending:
            return ""
        sounds = await self._sounds(texts)
        if not sounds:
            return ""
        key = await self.session.say(sounds, interrupt_keys=ALL_KEYS if barge_in else "") or ""
        self.pending = key or self.pending
        return key

    async def _sounds(self, texts: Sequence[str]) -> list[str]:
        """Sound names; a text that cannot be rendered is left out rather than losing the caller."""
        sounds = []
        for text in texts:
            try:
                words = fill(text, self.context)
                if words.strip():
                    sounds.append(await self.prompts.ensure(words))
            except CallerGone:
                raise
            except HotlineError as problem:
                log.error(
                    "prompt_missing", call=str(self.session.call), flow=self.flow.flow, why=str(problem)
                )
        return sounds

    async def _ask(self, node: Menu | Collect, answer: _Answer) -> None:
        """Ask until the answer is right or the tries are used up."""
        before: tuple[str, ...] = ()
        answer.target = node.otherwise
        for _ in range(node.attempts):
            question = await self._question(node, before)
            if not question and not self.pending:
                return
            keys = await self._read(node, question)
            answer.keys += keys
            if isinstance(node, Menu) and keys in node.keys:
                answer.target = node.keys[keys]
                return
            if isinstance(node, Collect) and len(keys) >= node.min_digits:
                self.context[f"collected.{node.variable}"] = keys
                await self.session.set_variable(f"HOTLINE_{node.variable.upper()}", keys)
                answer.target = node.next
                return
            before = (node.wrong if keys else node.silence) or ()

    async def _question(self, node: Menu | Collect, before: tuple[str, ...]) -> list[str]:
        """The sounds to ask with; what must be heard in full is played here already."""
        if self.pending and node.barge_in:
            return []
        asked = await self._sounds(node.menu if isinstance(node, Menu) else node.collect)
        sounds = await self._sounds(before) + asked if asked else []
        if sounds and not node.barge_in:
            await self.session.say(sounds, interrupt_keys="")
        return sounds

    async def _read(self, node: Menu | Collect, question: list[str]) -> str:
        typed, self.pending = self.pending, ""
        prompts = question if node.barge_in and not typed else []
        if isinstance(node, Menu):
            if typed:
                return typed
            read = await self.session.collect(
                prompts,
                max_digits=1,
                terminator="",
                first_timeout_ms=node.timeout_ms,
                between_timeout_ms=node.timeout_ms,
            )
            return read.digits
        if typed and (typed == node.terminator or node.max_digits == 1):
            return "" if typed == node.terminator else typed
        read = await self.session.collect(
            prompts,
            max_digits=node.max_digits - len(typed),
            terminator=node.terminator,
            first_timeout_ms=node.between_timeout_ms if typed else node.first_timeout_ms,
            between_timeout_ms=node.between_timeout_ms,
        )
        return typed + read.digits


@dataclass(slots=True)
class _Answer:
    """What became of a node, also when the caller hangs up halfway: a target of None is the line's queue."""

    keys: str = ""
    target: str | None = None
