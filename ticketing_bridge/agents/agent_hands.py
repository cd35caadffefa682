"""What is wished of agents' membership and pauses, and of shift leaders' closer look, done at the PBX."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from config.hotline import Hotline
from config.work import OFF, WRAPPING_UP
from facts.agents import AgentRefusal, AgentRefused, AgentState
from telephony.ami import desk
from telephony.ami.errands import Originator
from ticketing_bridge.agents.keeper import AgentKeeper
from ticketing_bridge.store.agent_repository import Wish


class AgentHands:
    """The wishes about agents, by name."""

    def __init__(self, hotline: Hotline, link: Originator, agents: AgentKeeper) -> None:
        self._hotline = hotline
        self._link = link
        self._agents = agents
        self.wishes: Mapping[str, Callable[[Wish], Awaitable[None]]] = {
            "sign_in": self._sign_in,
            "sign_out": self._sign_out,
            "ready": self._ready,
            "pause": self._pause,
            "keep_wrap_up": self._keep_wrap_up,
            "look_in": self._look_in,
        }

    def _named(self, wish: Wish) -> str:
        """The agent of the wish, whose coming change is by whoever wished it."""
        if wish.agent is None or self._hotline.agent(wish.agent) is None:
            raise AgentRefused(AgentRefusal.NO_AGENT, wish.agent or "")
        self._agents.roster.wished(wish.agent, wish.actor, self._agents.pbx_now())
        return wish.agent

    async def _sign_in(self, wish: Wish) -> None:
        agent_id = self._named(wish)
        agent = self._hotline.agent(agent_id)
        for queue in self._hotline.queues:
            if agent is not None and queue.id in agent.queues:
                await desk.add_member(self._link, queue.id, agent_id, self._hotline.penalty(agent, queue))
        await desk.pause_member(self._link, agent_id, None)
        self._agents.signed_in(agent_id)

    async def _sign_out(self, wish: Wish) -> None:
        """A member whom no queue lets go (queues.conf) is paused instead."""
        agent_id = self._named(wish)
        for queue in self._hotline.queues:
            await desk.remove_member(self._link, queue.id, agent_id)
        await desk.pause_member(self._link, agent_id, OFF)

    async def _ready(self, wish: Wish) -> None:
        await self._paused(self._named(wish), None)

    async def _pause(self, wish: Wish) -> None:
        reason = str(wish.details.get("reason") or "")
        if reason not in {pause.id for pause in self._hotline.work.pauses}:
            raise AgentRefused(AgentRefusal.NO_REASON, reason)
        await self._paused(self._named(wish), reason)

    async def _keep_wrap_up(self, wish: Wish) -> None:
        agent = self._named(wish)
        await self._paused(agent, WRAPPING_UP)
        self._agents.keep_wrap_up(agent)

    async def _paused(self, agent: str, reason: str | None) -> None:
        now = self._agents.roster.now(agent)
        if now is None or now.state is AgentState.OFF:
            raise AgentRefused(AgentRefusal.NOT_SIGNED_IN)
        if not await desk.pause_member(self._link, agent, reason):
            raise AgentRefused(AgentRefusal.NOT_SIGNED_IN)

    async def _look_in(self, wish: Wish) -> None:
        """Ring a leader's telephone: who takes it up hears the agent's talk."""
        agent = self._named(wish)
        channel = self._agents.roster.talk_channel(agent)
        if channel is None:
            raise AgentRefused(AgentRefusal.NO_CALL, agent)
        mode = desk.SpyMode(str(wish.details.get("mode")))
        await desk.look_in(self._link, str(wish.details.get("leader")), channel, mode, wish.id)
