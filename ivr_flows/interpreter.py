"""Walks one caller through one flow. Speaks to the session only; its clock is a function that it is given.

A hang-up overtakes everything: wherever the session says ``CallerGone``, the walk
is over. Whatever else goes wrong with a prompt or with the house, the caller comes closer to a person.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from facts.caller_session import CallerGone, CallerSession, HotlineServices, JourneyFact
from facts.errors import HotlineError
from ivr_flows.errands import look_up, offer_callback, take_message
from ivr_flows.graph import END
from ivr_flows.nodes import (
    LINE_QUEUE,
    Answer,
    Ask,
    CallbackOffer,
    Collect,
    FlowRef,
    Goto,
    HangUp,
    Hours,
    Lookup,
    Menu,
    Part,
    Queue,
    Record,
    Say,
    Set,
    Survey,
    Transfer,
)
from ivr_flows.questions import ask_digits, ask_menu, ask_openly, ask_survey
from ivr_flows.schema import Flow, Purpose
from ivr_flows.texts import collected_names, fill
from ivr_flows.walk import SERVICE_S, PromptSource, Told, Walk

log = structlog.get_logger(__name__)

QUEUE_VARIABLE = "HOTLINE_QUEUE"
TRANSFER_VARIABLE = "HOTLINE_TRANSFER"
AGENT_TOO_VARIABLE = "HOTLINE_AGENT_TOO"
PRIORITY_VARIABLE = "HOTLINE_PRIORITY"
#: who is served later comes first; the line's own priority is set by the dialplan
PRIORITIES = ("normal", "raised", "urgent")
#: purposes of which a caller who was walked in circles is let go rather than queued
_TAKES_NO_TIME = (Answer, Goto, Hours, Set)
_LET_GO = frozenset({Purpose.AFTER, Purpose.OUTBOUND})


class FlowEnding(StrEnum):
    """How a walk ended."""

    QUEUE = "queue"
    TRANSFER = "transfer"
    HUNG_UP = "hung_up"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Step:
    """One node that the caller was in: the keys of the answer, and how long it took in milliseconds."""

    node: str
    key: str
    ms: int
    flow: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """The whole walk. ``queue`` is set at a queue and, as what follows a failed transfer, at a transfer."""

    ending: FlowEnding
    steps: tuple[Step, ...]
    queue: str | None = None
    #: id of the emergency number
    transfer: str | None = None
    #: what was put on the call, the last one perhaps only tried
    facts: tuple[tuple[JourneyFact, Mapping[str, str]], ...] = ()


def monotonic_ms() -> int:
    """The clock of a walk on a real line."""
    return time.monotonic_ns() // 1_000_000


def never_open(hours: str) -> bool:
    """Opening hours of a house that has none."""
    del hours
    return False


async def run_flow(
    flow: Flow,
    session: CallerSession,
    services: HotlineServices,
    context: Mapping[str, str],
    *,
    prompts: PromptSource,
    now_ms: Callable[[], int] = monotonic_ms,
    purpose: Purpose | None = None,
    task: int | None = None,
    flow_of: Callable[[str], Flow] | None = None,
    is_open: Callable[[str], bool] = never_open,
    service_s: float = SERVICE_S,
) -> FlowEnd:
    """Walk the caller through the flow; never raises ``CallerGone``.

    At a queue ``HOTLINE_QUEUE`` is set (at a transfer ``HOTLINE_TRANSFER`` too) and the walk
    returns: the dialplan goes on there. Errors of the session other than a hang-up are the
    caller's of this function: the dialplan then sends the citizen to the queue of the line.

    Args:
        flow: stays the one of this call, whatever becomes of its file.
        context: ``line_context`` of the dialled line.
        purpose: how the caller came in; default: as the flow says.
        task: of a follow-up call.
        flow_of: other flows by id, for ``goto: {flow: …}``.
        is_open: whether opening hours of this name are on now.
        service_s: seconds that the house has for an answer.
    """
    walk = Walk(flow, session, services, dict(context), prompts, is_open, task, service_s)
    walk.context.setdefault("queue.id", walk.context.get("line.queue", ""))
    walk.context["caller.number"] = session.caller_number or ""
    return await _Run(walk, purpose or flow.purpose, flow_of, now_ms).run()


@dataclass(slots=True)
class _Run:
    walk: Walk
    purpose: Purpose
    flow_of: Callable[[str], Flow] | None
    now_ms: Callable[[], int]
    steps: list[Step] = field(default_factory=list)
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    rang_first: asyncio.Task[bool | None] | None = None

    async def run(self) -> FlowEnd:
        try:
            async with self._recognised():
                return await self._nodes(self.walk.flow.entry(self.purpose))
        except CallerGone:
            return self._ended(FlowEnding.GONE)

    async def _nodes(self, name: str | None) -> FlowEnd:
        """One node after the other, until one of them is the end."""
        self._begin_flow()
        while name is not None:
            node = self.walk.flow.nodes[name]
            self.visits[self.walk.flow.flow, name] += 1
            if self.visits[self.walk.flow.flow, name] > self.walk.flow.max_visits:
                break
            match node:
                case Queue():
                    return await self._queue(name, node)
                case Transfer():
                    return await self._transfer(name, node)
                case HangUp():
                    return await self._hang_up(name, node)
                case Goto(goto=FlowRef() as other):
                    await self._step(name, node)
                    name = self._other_flow(other.flow)
                case _:
                    name = await self._step(name, node)
        if self.purpose in _LET_GO:
            return await self._hang_up("hang_up", HangUp())
        return await self._queue(END, Queue(queue=LINE_QUEUE))

    def _begin_flow(self) -> None:
        for name in collected_names(self.walk.flow):
            self.walk.context.setdefault(name, "")

    def _other_flow(self, flow_id: str) -> str | None:
        """Go on in another flow; one that cannot be had leads to a person."""
        try:
            if self.flow_of is None:
                return None
            self.walk.flow = self.flow_of(flow_id)
        except HotlineError as problem:
            log.error("flow_missing", call=str(self.walk.session.call), flow=flow_id, why=str(problem))
            return None
        self._begin_flow()
        return self.walk.flow.start

    @asynccontextmanager
    async def _recognised(self) -> AsyncIterator[None]:
        """Ask meanwhile whether this caller is owed a call-back: who rings first goes to the front."""
        if self.purpose is Purpose.ARRIVAL:
            self.rang_first = asyncio.create_task(self._rings_first(), name="calls back")
        try:
            yield
        finally:
            if self.rang_first is not None:
                self.rang_first.cancel()
                await asyncio.gather(self.rang_first, return_exceptions=True)

    async def _rings_first(self) -> bool | None:
        session = self.walk.session
        return await self.walk.asked(self.walk.services.calls_back(session.call, session.caller_number))

    async def _step(self, name: str, node: Part) -> str | None:
        """Do one node and record it, also when the caller hangs up in it."""
        began = self.now_ms()
        told = Told()
        await self._enter(name, node)
        try:
            await self._do(node, told)
        finally:
            step = self._note(name, told.keys, self.now_ms() - began)
        await self._mark(step)
        return told.target

    async def _enter(self, name: str, node: Part) -> None:
        """Tell the PBX where the caller is, when the node takes time."""
        if not isinstance(node, _TAKES_NO_TIME):
            flow = self.walk.flow
            await self.walk.session.enter(name, {"Flow": flow.flow, "Version": flow.version})

    def _note(self, name: str, keys: str, ms: int) -> Step:
        step = Step(name, keys, ms, self.walk.flow.flow, self.walk.flow.version)
        self.steps.append(step)
        return step

    async def _mark(self, step: Step) -> None:
        await self.walk.session.mark(
            step.node, {"Key": step.key, "Ms": str(step.ms), "Flow": step.flow, "Version": step.version}
        )

    async def _do(self, node: Part, told: Told) -> None:  # noqa: PLR0912, C901 - one case a kind
        walk = self.walk
        match node:
            case Say():
                await self._say(node, told)
            case Menu():
                await ask_menu(walk, node, told)
            case Collect():
                await ask_digits(walk, node, told)
            case Ask():
                await ask_openly(walk, node, told)
            case Survey():
                await ask_survey(walk, node, told)
            case Record():
                await take_message(walk, node, told)
            case CallbackOffer():
                await offer_callback(walk, node, told)
            case Lookup():
                await look_up(walk, node, told)
            case Hours():
                told.target = node.open if walk.is_open(node.hours) else node.closed
            case Set():
                for variable, value in node.set.items():
                    await walk.session.set_variable(variable, fill(value, walk.context))
                told.target = node.next
            case Answer():
                told.target = node.next
                for value in await walk.words([node.value]):
                    await walk.answered(node.answer, value)
            case Goto():
                told.target = str(node.goto)

    async def _say(self, node: Say, told: Told) -> None:
        told.target = node.next
        if node.empty and len(await self.walk.words(node.say)) < len(node.say):
            told.target = node.empty
            return
        before = self.walk.pending
        heard = await self.walk.say(node.say, whole=node.whole)
        told.keys = "" if before else self.walk.pending
        if heard and node.report:
            await self.walk.report(JourneyFact(node.report), {})

    async def _queue(self, name: str, node: Queue) -> FlowEnd:
        queue = await self._set_queue(node)
        await self._mark(self._note(name, "", 0))
        return self._ended(FlowEnding.QUEUE, queue)

    async def _set_queue(self, node: Queue, priority: str | None = None) -> str:
        queue = fill(node.queue, self.walk.context)
        priority = priority or await self._priority(node)
        if PRIORITIES.index(priority) > PRIORITIES.index(self.walk.context.get("line.priority", "normal")):
            await self.walk.session.set_variable(PRIORITY_VARIABLE, priority)
        await self.walk.session.set_variable(QUEUE_VARIABLE, queue)
        return queue

    async def _priority(self, node: Queue) -> str:
        """Raised for one who is owed a call-back. That was asked at arrival and is not waited for twice."""
        if self.rang_first is None or node.priority != "normal":
            return node.priority
        return "raised" if await self.rang_first else "normal"

    async def _transfer(self, name: str, node: Transfer) -> FlowEnd:
        """The dialplan dials; when nobody answers there, the queue that is set here follows."""
        target = self.walk.flow.nodes.get(node.otherwise or "")
        after = target if isinstance(target, Queue) else Queue(queue=LINE_QUEUE)
        queue = await self._set_queue(after, "urgent")
        if node.agent_too:
            await self.walk.session.set_variable(AGENT_TOO_VARIABLE, "1")
        await self.walk.session.set_variable(TRANSFER_VARIABLE, node.transfer)
        await self._mark(self._note(name, "", 0))
        return self._ended(FlowEnding.TRANSFER, queue, node.transfer)

    async def _hang_up(self, name: str, node: HangUp) -> FlowEnd:
        """Goodbye is said in full. The step is told before the line is gone."""
        began = self.now_ms()
        await self._enter(name, node)
        try:
            await self.walk.say(node.hang_up, whole=True)
        finally:
            step = self._note(name, "", self.now_ms() - began)
        await self._mark(step)
        await self.walk.session.enter("", {})
        await self.walk.session.hang_up()
        return self._ended(FlowEnding.HUNG_UP)

    def _ended(self, ending: FlowEnding, queue: str | None = None, transfer: str | None = None) -> FlowEnd:
        return FlowEnd(ending, tuple(self.steps), queue, transfer, tuple(self.walk.facts))
