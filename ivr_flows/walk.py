"""What every node needs of a caller's walk: speaking, asking the house, putting facts on the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import structlog

from facts.caller_session import CallerGone, CallerSession, HotlineServices, JourneyFact
from facts.errors import HotlineError
from ivr_flows.nodes import ALL_KEYS
from ivr_flows.schema import Flow
from ivr_flows.texts import fill, names_in

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: seconds that the house has for an answer; then the caller is told so and goes on to a person
SERVICE_S = 1.0


class PromptSource(Protocol):
    """Gives the sound of a text, rendering it first when there is none yet."""

    async def ensure(self, text: str) -> str:
        """Sound name of the text; raises ``HotlineError`` when it cannot be rendered."""


@dataclass(slots=True)
class Told:
    """What became of a node, also when the caller hangs up halfway: a target of None is the queue."""

    keys: str = ""
    target: str | None = None


@dataclass(slots=True)
class Walk:
    """One caller in one flow."""

    flow: Flow
    session: CallerSession
    services: HotlineServices
    context: dict[str, str]
    prompts: PromptSource
    is_open: Callable[[str], bool]
    task: int | None = None
    service_s: float = SERVICE_S
    #: a key pressed during a text, not yet used
    pending: str = ""
    #: the key that ends a number, when the number was full without it: many press it all the same
    stray: str = ""
    facts: list[tuple[JourneyFact, Mapping[str, str]]] = field(default_factory=list)

    async def say(self, texts: Sequence[str], *, whole: bool = False) -> bool:
        """Play texts; a key that ends them is kept for the next question. Returns whether all was heard.

        What is heard ``whole`` takes no key, and no key that was pressed before it counts after it.
        """
        if whole:
            self.pending = ""
        elif self.pending:
            return False
        sounds = await self.sounds(texts)
        if not sounds:
            return False
        keys = "" if whole else ALL_KEYS.replace(self.stray or "none", "")
        key = await self.session.say(sounds, interrupt_keys=keys) or ""
        self.stray = ""
        self.pending = key
        return not key

    def take_pending(self) -> str:
        """The key pressed before its question, used up."""
        key, self.pending = self.pending, ""
        return key

    def is_stray(self, key: str) -> bool:
        """Whether this key only ends the number before, which was full without it. Asked once a number."""
        stray, self.stray = self.stray, ""
        return key == stray

    async def sounds(self, texts: Sequence[str]) -> list[str]:
        """Sound names. A text with nothing to say, or that cannot be rendered, is left out."""
        sounds = []
        for words in await self.words(texts):
            try:
                sounds.append(await self.prompts.ensure(words))
            except CallerGone:
                raise
            except HotlineError as problem:
                log.error(
                    "prompt_missing", call=str(self.session.call), flow=self.flow.flow, why=str(problem)
                )
        return sounds

    async def words(self, texts: Sequence[str]) -> list[str]:
        """The texts as they are said now; those of which a name is empty are left out."""
        said = []
        for text in texts:
            names = names_in(text)
            await self._learn(names)
            if all(self.context.get(name, "unknown").strip() for name in names):
                try:
                    said.append(fill(text, self.context))
                except HotlineError as problem:
                    log.error("text_wrong", flow=self.flow.flow, why=str(problem))
        return said

    async def _learn(self, names: set[str]) -> None:
        """Ask the house for what only it knows; what it does not tell is empty."""
        unknown = names - self.context.keys()
        if "hour.notice" in unknown:
            notice = await self.asked(self.services.hour_notice(self.context.get("line.id", "")))
            self.context["hour.notice"] = notice or ""
        if unknown & {"outlook.waiting", "outlook.minutes"}:
            outlook = await self.asked(self.services.queue_outlook(self.context.get("queue.id", "")))
            wait_s = outlook.estimated_wait_s if outlook else None
            self.context["outlook.waiting"] = str(outlook.waiting) if outlook else ""
            self.context["outlook.minutes"] = "" if wait_s is None else str(max(1, round(wait_s / 60)))
        if "follow_up.matter" in unknown:
            task = await self.asked(self.services.follow_up(self.task)) if self.task is not None else None
            self.context["follow_up.matter"] = "" if task is None or task.confidential else task.matter

    async def asked(self, answer: Awaitable[T | None]) -> T | None:
        """An answer of the house, or None when it does not answer in time or fails."""
        try:
            async with asyncio.timeout(self.service_s):
                return await answer
        except TimeoutError:
            log.warning("service_slow", call=str(self.session.call), flow=self.flow.flow)
        except Exception:  # whatever breaks in the house, the caller goes on
            log.exception("service_failed", call=str(self.session.call), flow=self.flow.flow)
        return None

    async def report(self, fact: JourneyFact, details: Mapping[str, str]) -> None:
        """Put a fact on the call; it is kept here, too, when the caller hangs up at that moment."""
        self.facts.append((fact, details))
        await self.session.report(fact, details)

    async def answered(self, name: str | None, value: str) -> None:
        """Put an answer on the call, and on the task of a follow-up."""
        if name is None:
            return
        await self.report(JourneyFact.ANSWER, {"Name": name, "Value": value})
        if self.task is not None:
            await self.asked(self.services.follow_up_answer(self.task, name, value))
