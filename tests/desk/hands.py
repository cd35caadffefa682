"""Hands on calls that only write down what they were asked: the real ones are tried on the real PBX."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from facts.call_control import CloseKind, ControlRefusal, ControlRefused, DeskCall, Standing, Target
from facts.identity import CallKey


@dataclass
class WrittenHands:
    """A ``CallControl``: every wish of an agent, in order, and the standing that follows from it."""

    done: list[tuple[str, object]] = field(default_factory=list)
    now: dict[CallKey, DeskCall] = field(default_factory=dict)
    refuses: ControlRefusal | None = None

    def _do(self, name: str, call: CallKey, what: object = None, **changed: object) -> None:
        if self.refuses:
            raise ControlRefused(self.refuses)
        self.done.append((name, what))
        known = self.now.get(call) or DeskCall(call, Standing.TALK, datetime.now(UTC), "agent101")
        self.now[call] = replace(known, **changed)  # type: ignore[arg-type]

    async def standing(self, call: CallKey) -> DeskCall | None:
        return self.now.get(call)

    async def standings(self, calls: Collection[CallKey]) -> Mapping[CallKey, DeskCall]:
        return {call: self.now[call] for call in calls if call in self.now}

    async def hold(self, actor: str, call: CallKey) -> None:
        self._do("hold", call, standing=Standing.HELD)

    async def resume(self, actor: str, call: CallKey) -> None:
        self._do("resume", call, standing=Standing.TALK)

    async def transfer(self, actor: str, call: CallKey, target: Target) -> None:
        self._do("transfer", call, target, standing=Standing.HANDED_OVER, target=target)

    async def consult(self, actor: str, call: CallKey, target: Target) -> None:
        self._do("consult", call, target, standing=Standing.CONSULT, target=target)

    async def three_way(self, actor: str, call: CallKey, target: Target) -> None:
        self._do("three_way", call, target, standing=Standing.THREE_WAY, target=target)

    async def hand_over(self, actor: str, call: CallKey) -> None:
        self._do("hand_over", call, standing=Standing.HANDED_OVER)

    async def drop_target(self, actor: str, call: CallKey) -> None:
        self._do("drop_target", call, standing=Standing.TALK, target=None)

    async def pause_recording(self, actor: str, call: CallKey) -> None:
        self._do("pause_recording", call, paused=True)

    async def resume_recording(self, actor: str, call: CallKey) -> None:
        self._do("resume_recording", call, paused=False)

    async def close(self, actor: str, call: CallKey, kind: CloseKind) -> None:
        self._do("close", call, kind)

    async def hang_up(self, actor: str, call: CallKey) -> None:
        self._do("hang_up", call)
