"""What pages ask of agents and of calls at the desk: put down as wishes, done by the telephony role."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from config.hotline import Hotline
from config.settings import Settings
from config.sites import pbx_sites
from facts.agents import AgentNow, AgentRefusal, AgentRefused, AgentState
from facts.call_control import CloseKind, ControlRefusal, ControlRefused, DeskCall, Target
from facts.identity import CallKey
from telephony.ami.desk import SpyMode
from ticketing_bridge.agents.hands import WISH_CHANNEL
from ticketing_bridge.store.agent_repository import Wish
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway

#: how long a wish may take before it is withdrawn, seconds
PATIENCE_S = 6.0
#: a wish's fate is asked for this often
ASK_EVERY_S = 0.03
#: a shift leader's reason for a forced sign-out, in characters
REASON_LENGTH = range(2, 201)

_Refused = TypeVar("_Refused", AgentRefused, ControlRefused)


@dataclass(frozen=True, slots=True)
class AgentWork:
    """The ``AgentDesk`` and the ``CallControl`` of the web."""

    database: Database
    hotline: Hotline
    #: the PBX of agents who are signed in nowhere
    first_pbx: str

    # -- who

    def agent_of(self, account: str) -> str | None:
        """The agent that this web account is."""
        return next((agent.id for agent in self.hotline.agents if agent.login == account), None)

    def leader_of(self, account: str) -> str | None:
        """The shift leader's telephone that belongs to this account."""
        return next((leader.id for leader in self.hotline.leaders if leader.login == account), None)

    def pause_reasons(self) -> Mapping[str, str]:
        """Id and name of every reason for a pause."""
        return {pause.id: pause.name for pause in self.hotline.work.pauses}

    async def now(self, agent: str) -> AgentNow | None:
        """How an agent stands: where signed in, if anywhere."""
        return next((it for it in await self.everyone() if it.agent == agent), None)

    async def everyone(self) -> Sequence[AgentNow]:
        """Every configured agent, in the configuration's order; one of whom nobody has heard is unknown."""
        async with self.database.unit_of_work() as uow:
            return by_agent(self.hotline, await uow.agents.now(), self.first_pbx)

    # -- agents' states

    async def sign_in(self, actor: str, agent: str) -> None:
        await self._state(actor, agent, "sign_in")

    async def ready(self, actor: str, agent: str) -> None:
        await self._state(actor, agent, "ready")

    async def pause(self, actor: str, agent: str, reason: str) -> None:
        await self._state(actor, agent, "pause", reason=reason)

    async def keep_wrap_up(self, actor: str, agent: str) -> None:
        await self._state(actor, agent, "keep_wrap_up")

    async def sign_out(self, actor: str, agent: str, reason: str = "") -> None:
        """By somebody else's hand it needs a reason, and goes on record before it is done."""
        if self.agent_of(actor) != agent:
            if len(reason.strip()) not in REASON_LENGTH:
                raise AgentRefused(AgentRefusal.NO_REASON)
            await self._record(actor, "agent-signed-out", agent, reason.strip())
        await self._state(actor, agent, "sign_out", reason=reason)

    async def look_in(self, actor: str, leader: str, agent: str, mode: SpyMode) -> None:
        """Have a shift leader's telephone rung, and the talk heard on it; on record before it is done.

        Raises:
            AgentRefused: nobody of that name; ``NO_CALL``: the agent does not talk.
        """
        await self._record(actor, f"call-{mode.value}", agent, None)
        await self._state(actor, agent, "look_in", leader=leader, mode=mode.value)

    # -- calls

    async def standing(self, call: CallKey) -> DeskCall | None:
        """How a call stands; None when it is with no agent."""
        async with self.database.unit_of_work() as uow:
            return await uow.moves.standing(str(call))

    async def standings(self, calls: Collection[CallKey]) -> Mapping[CallKey, DeskCall]:
        """How these calls stand, in one look; those that are with no agent are left out."""
        async with self.database.unit_of_work() as uow:
            return await uow.moves.standings([str(call) for call in calls])

    async def owner(self, call: CallKey) -> str | None:
        """Whose ticket the call's is, transfers followed; None when no agent had it."""
        async with self.database.unit_of_work() as uow:
            return await uow.moves.owner(str(call))

    async def hold(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "hold")

    async def resume(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "resume")

    async def transfer(self, actor: str, call: CallKey, target: Target) -> None:
        await self._control(actor, call, "transfer", **_details(target))

    async def consult(self, actor: str, call: CallKey, target: Target) -> None:
        await self._control(actor, call, "consult", **_details(target))

    async def three_way(self, actor: str, call: CallKey, target: Target) -> None:
        await self._control(actor, call, "three_way", **_details(target))

    async def hand_over(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "hand_over")

    async def drop_target(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "drop_target")

    async def pause_recording(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "pause_recording")

    async def resume_recording(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "resume_recording")

    async def close(self, actor: str, call: CallKey, kind: CloseKind) -> None:
        await self._control(actor, call, "close", close=kind.value)

    async def hang_up(self, actor: str, call: CallKey) -> None:
        await self._control(actor, call, "hang_up")

    # -- wishes

    async def _state(self, actor: str, agent: str, wish: str, **details: str) -> None:
        if self.hotline.agent(agent) is None:
            raise AgentRefused(AgentRefusal.NO_AGENT, agent)
        try:
            now = await self.now(agent)
            fate = await self._asked(
                now.pbx_id if now else self.first_pbx, actor, wish, agent=agent, details=details
            )
        except DatabaseAway as away:
            raise AgentRefused(AgentRefusal.UNREACHABLE, str(away)) from away
        if fate is None:
            raise AgentRefused(AgentRefusal.UNREACHABLE)
        if fate.refusal:
            raise _refused(AgentRefused, AgentRefusal, fate)

    async def _control(self, actor: str, call: CallKey, wish: str, **details: str) -> None:
        try:
            fate = await self._asked(
                call.pbx_id, actor, wish, agent=self.agent_of(actor), call=str(call), details=details
            )
        except DatabaseAway as away:
            raise ControlRefused(ControlRefusal.UNREACHABLE, str(away)) from away
        if fate is None:
            raise ControlRefused(ControlRefusal.UNREACHABLE)
        if fate.refusal:
            raise _refused(ControlRefused, ControlRefusal, fate)

    async def _asked(
        self,
        pbx_id: str,
        actor: str,
        wish: str,
        *,
        agent: str | None,
        call: str | None = None,
        details: Mapping[str, str],
    ) -> Wish | None:
        """Put a wish down and await its fate; None when nobody took it in time: it is withdrawn."""
        async with self.database.unit_of_work() as uow:
            number = await uow.wishes.ask(pbx_id, actor, wish, agent=agent, call=call, details=details)
            await uow.notify(WISH_CHANNEL, pbx_id)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            await asyncio.sleep(ASK_EVERY_S)
            async with self.database.unit_of_work() as uow:
                fate = await uow.wishes.get(number)
            if fate is None or fate.state in ("done", "refused", "late"):
                return None if fate is None or fate.state == "late" else fate
        async with self.database.unit_of_work() as uow:
            await uow.wishes.withdraw(number)
        return None

    async def _record(self, actor: str, action: str, subject: str, reason: str | None) -> None:
        async with self.database.unit_of_work() as uow:
            await uow.audit.add(actor, action, subject=subject, reason=reason)


def agent_work(settings: Settings, database: Database, hotline: Hotline) -> AgentWork:
    """What pages of this installation use; agents who are nowhere sign in at the first PBX."""
    return AgentWork(database, hotline, pbx_sites(settings, hotline)[0].id)


def by_agent(hotline: Hotline, known: Sequence[AgentNow], first_pbx: str) -> list[AgentNow]:
    """One row for every configured agent: of several PBXs the one at which the agent is signed in."""
    found: dict[str, AgentNow] = {}
    for it in known:
        better = it.agent not in found or (it.state.signed_in, it.since) > (
            found[it.agent].state.signed_in,
            found[it.agent].since,
        )
        if better:
            found[it.agent] = it
    begin = datetime.fromtimestamp(0, UTC)
    return [
        found.get(agent.id) or AgentNow(agent.id, first_pbx, AgentState.UNKNOWN, begin)
        for agent in hotline.agents
    ]


def _details(target: Target) -> dict[str, str]:
    return {"kind": target.kind.value, "id": target.id, "number": target.number}


def _refused(error: type[_Refused], kinds: Any, fate: Wish) -> _Refused:
    """The refusal as the telephony role wrote it down."""
    known = {kind.value: kind for kind in kinds}
    return error(known.get(fate.refusal, kinds.PBX_REFUSED), fate.detail or "")
