"""The telephony role's part: wishes of the desk are done at the PBX, once; what became of calls is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol, Self

import structlog

from config.hotline import Hotline
from config.work import WRAPPING_UP
from facts.agents import AgentRefused, AgentState
from facts.call import Call, CallState
from facts.call_control import CloseKind, ControlRefusal, ControlRefused, Standing, Target, TargetKind
from facts.errors import HotlineError
from facts.identity import CallKey
from telephony.ami import desk
from telephony.ami.actions import AmiActionRefused, AmiError
from telephony.ami.errands import Originator, hang_up
from telephony.ami.events import PbxEvent
from ticketing_bridge.agents.agent_hands import AgentHands
from ticketing_bridge.agents.call_moves import CallMoves, Handled
from ticketing_bridge.agents.following import Following
from ticketing_bridge.agents.keeper import AgentKeeper
from ticketing_bridge.agents.wishes import carried, target_of, units_of
from ticketing_bridge.call_ledger.hearing import readable
from ticketing_bridge.store.agent_repository import Move, Wish
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway

log = structlog.get_logger(__name__)

#: ids of PBXs of which something is wished
WISH_CHANNEL = "hotline_wish"
#: calls that stand differently at the desk
MOVE_CHANNEL = "hotline_move"
#: a wish that is older is not done any more: whoever made it has been told so
WISH_LIFE_S = 5.0
LOOK_S = 1.0
_RINGING = frozenset({Standing.JOIN_RINGING, Standing.CONSULT_RINGING})


class Ears(Protocol):
    """Who hears calls live."""

    def pause(self, key: CallKey, *, paused: bool) -> None:
        """Hear nothing of a call, or hear it again."""


_Story = tuple[Mapping[str, Target], Sequence[PbxEvent], Sequence[Move]]


async def _story(uow: UnitOfWork, call: Call) -> _Story:
    """A call's targets by the ids that the dialplan carries, its stored events, and its written moves."""
    key = str(call.key)
    events = [event for it in await uow.events.of_call(call.key) if (event := readable(it))]
    return units_of(await uow.wishes.of_call(key)), events, await uow.moves.of_call(key)


class DeskHands(Following):
    """Does what is wished of one PBX. An async context manager; ``take`` never waits."""

    def __init__(
        self,
        database: Database,
        hotline: Hotline,
        pbx_id: str,
        link: Originator,
        agents: AgentKeeper,
        ears: Ears,
        pbx_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.calls = CallMoves(pbx_id)
        super().__init__(self.calls.take)
        self._database = database
        self._hotline = hotline
        self._pbx_id = pbx_id
        self._link = link
        self._agents = agents
        self._ears = ears
        self._pbx_now = pbx_now
        self._unwritten: list[Move] = []
        self._wishes: Mapping[str, Callable[[Wish], Awaitable[None]]] = {
            **AgentHands(hotline, link, agents).wishes,
            "hold": self._hold,
            "resume": self._resume,
            "transfer": self._transfer,
            "consult": self._consult,
            "three_way": self._three_way,
            "hand_over": self._hand_over,
            "drop_target": self._drop_target,
            "pause_recording": self._pause_recording,
            "resume_recording": self._resume_recording,
            "close": self._close,
            "hang_up": self._hang_up,
        }

    async def __aenter__(self) -> Self:
        with suppress(DatabaseAway):
            await self._restore()
        self._tasks = [
            asyncio.create_task(self._listen(), name="desk wishes"),
            asyncio.create_task(self._look_for_ever(), name="desk wishes, late"),
            asyncio.create_task(self._write_for_ever(), name="desk moves"),
        ]
        return self

    # -- what is known

    async def _restore(self) -> None:
        """Calls that are with an agent since before us, from their stored events."""
        async with self._database.unit_of_work() as uow:
            for call in await uow.calls.open_calls(self._pbx_id):
                if not call.agent_legs:
                    continue
                self._go_through(call, await _story(uow, call))
        self.calls.moves()
        self.calls.to_resume()

    def _go_through(self, call: Call, story: _Story) -> None:
        units, events, moves = story
        for name, unit in units.items():
            self.calls.unit(name, unit)
        for event in events:
            self.calls.take(event)
        if moves and moves[-1].paused and call.state is not CallState.ENDED:
            self.calls.pause(call.key, moves[-1].at, paused=True)
            self._ears.pause(call.key, paused=True)

    async def adopt(self, calls: Sequence[Call], keys: Sequence[CallKey], at: datetime) -> None:
        """What was found out about a time in which the PBX was not heard: see ``outage.LiveDesk``."""
        self._agents.adopt(calls, at)
        stories: list[tuple[Call, _Story]] = []
        async with self._database.unit_of_work() as uow:
            for key in keys:
                call = await uow.calls.get(key)
                if call is not None and call.state is not CallState.ENDED:
                    stories.append((call, await _story(uow, call)))
        if stories:
            await self._act()
            # what happened until here is news; what is gone through again is none, and nothing waits between
            self._unwritten += self.calls.moves()
            for call, story in stories:
                self.calls.forget(call.key)
                self._go_through(call, story)
            self.calls.moves()
            self.calls.to_resume()
        self._news.set()

    async def _act(self) -> None:
        for key in self.calls.to_resume():
            with suppress(HotlineError):
                await self._rest(key, paused=False)

    async def _write(self) -> bool:
        self._unwritten += self.calls.moves()
        batch = self._unwritten
        if not batch:
            return True
        try:
            async with self._database.unit_of_work() as uow:
                await uow.moves.add(batch)
                await uow.notify(MOVE_CHANNEL, *{move.call: None for move in batch})
        except DatabaseAway:
            return False
        self._unwritten = self._unwritten[len(batch) :]
        return True

    # -- wishes

    async def _listen(self) -> None:
        async with self._database.listen(WISH_CHANNEL) as told:
            async for note in told:
                if note.payload in ("", self._pbx_id):
                    await self._do_all()

    async def _look_for_ever(self) -> None:
        """A notification may be lost; a wish is not."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self._do_all()

    async def _do_all(self) -> None:
        try:
            async with self._database.unit_of_work() as uow:
                wishes = await uow.wishes.take(self._pbx_id, WISH_LIFE_S)
            for wish in wishes:
                await self._do(wish)
        except DatabaseAway as away:
            log.debug("wishes not read", why=str(away))

    async def _do(self, wish: Wish) -> None:
        refusal = detail = None
        try:
            await self._wishes[wish.wish](wish)
        except (ControlRefused, AgentRefused) as refused:
            refusal, detail = refused.kind.value, str(refused)
        except AmiActionRefused as refused:
            refusal, detail = ControlRefusal.PBX_REFUSED.value, str(refused)
        except AmiError as away:
            refusal, detail = ControlRefusal.UNREACHABLE.value, str(away)
        except HotlineError as wrong:
            refusal, detail = ControlRefusal.NO_TARGET.value, str(wrong)
        said = log.info if refusal is None else log.warning
        said("desk wish", wish=wish.wish, agent=wish.agent, call=wish.call, refusal=refusal)
        async with self._database.unit_of_work() as uow:
            await uow.wishes.answer(wish.id, refusal, detail)

    # -- calls

    def _call(self, wish: Wish, *standings: Standing) -> Handled:
        """The call of the wish, which must be this agent's and stand so.

        Raises:
            ControlRefused: it does not.
        """
        try:
            key = CallKey.parse(wish.call or "")
        except ValueError:
            raise ControlRefused(ControlRefusal.NO_CALL) from None
        call = self.calls.get(key)
        if call is None:
            raise ControlRefused(ControlRefusal.NO_CALL)
        if call.agent != wish.agent:
            raise ControlRefused(ControlRefusal.NOT_YOURS)
        if standings and call.standing not in standings:
            raise ControlRefused(ControlRefusal.WRONG_STANDING, call.standing.value)
        return call

    async def _to(self, call: Handled, place: str) -> None:
        """The agent goes to a place (agent, aside, consult); the caller into the room, if not there yet."""
        if call.roomed:
            await desk.move_agent(self._link, call.agent_channel, place)
        else:
            await desk.begin_room(self._link, call.caller, call.key.uniqueid, call.agent_channel, place)

    async def _hold(self, wish: Wish) -> None:
        await self._to(self._call(wish, Standing.TALK), "aside")

    async def _resume(self, wish: Wish) -> None:
        call = self._call(wish, Standing.HELD, Standing.CONSULT, Standing.CONSULT_RINGING)
        if call.standing is Standing.CONSULT and call.third is not None:
            await hang_up(self._link, call.third)
        else:
            await self._to(call, "agent")

    async def _transfer(self, wish: Wish) -> None:
        call = self._call(wish, Standing.TALK, Standing.HELD)
        wanted = self._wanted(wish, blind=True)
        if wish.agent is not None and self._agents.roster.wraps_up(wish.agent):
            # before: a caller who is not reached is back in the queue within a moment
            await desk.pause_member(self._link, wish.agent, WRAPPING_UP)
        await desk.send_on(self._link, call.caller, wanted)
        if call.roomed:
            await hang_up(self._link, call.agent_channel)

    async def _consult(self, wish: Wish) -> None:
        call = self._call(wish, Standing.TALK, Standing.HELD)
        wanted = self._wanted(wish)
        await desk.set_variables(self._link, call.agent_channel, wanted.variables())
        await self._to(call, "consult")

    async def _three_way(self, wish: Wish) -> None:
        call = self._call(wish, Standing.TALK, Standing.HELD, Standing.CONSULT)
        if call.standing is Standing.CONSULT:
            await self._to(call, "agent")
            return
        wanted = self._wanted(wish)
        if call.standing is Standing.HELD or not call.roomed:
            await self._to(call, "agent")
        await desk.call_third(self._link, wanted, call.caller, call.key.uniqueid, wish.id)

    async def _hand_over(self, wish: Wish) -> None:
        """Whoever is left in the room goes on; a consulted party is brought there by the dialplan."""
        call = self._call(wish, Standing.CONSULT, Standing.THREE_WAY, *_RINGING)
        if call.standing in _RINGING:
            urgent = call.target is not None and call.target.kind is TargetKind.EMERGENCY
            raise ControlRefused(ControlRefusal.STAY if urgent else ControlRefusal.WRONG_STANDING)
        await hang_up(self._link, call.agent_channel)

    async def _drop_target(self, wish: Wish) -> None:
        call = self._call(wish, Standing.CONSULT, Standing.THREE_WAY, *_RINGING)
        if call.third is not None:
            await hang_up(self._link, call.third)
        elif call.standing is Standing.CONSULT_RINGING:
            await self._to(call, "agent")
        elif call.rings is not None:
            await hang_up(self._link, call.rings)

    async def _pause_recording(self, wish: Wish) -> None:
        await self._rest(self._call(wish).key, paused=True)

    async def _resume_recording(self, wish: Wish) -> None:
        await self._rest(self._call(wish).key, paused=False)

    async def _rest(self, key: CallKey, *, paused: bool) -> None:
        """First whoever listens, then the recording; the other way round when it goes on."""
        call = self.calls.get(key)
        if call is None:
            raise ControlRefused(ControlRefusal.NO_CALL)
        self._ears.pause(key, paused=True)
        try:
            await desk.mute_recording(self._link, call.caller, muted=paused)
        except AmiActionRefused:
            self._ears.pause(key, paused=call.paused)
            raise ControlRefused(ControlRefusal.NOT_RECORDED) from None
        self._ears.pause(key, paused=paused)
        self.calls.pause(key, self._pbx_now(), paused=paused)
        self._news.set()

    async def _close(self, wish: Wish) -> None:
        call = self._call(wish)
        kind = CloseKind(str(wish.details.get("close")))
        await desk.close_call(self._link, call.caller, kind.value)
        await self._free_helpers(call)

    async def _hang_up(self, wish: Wish) -> None:
        """As the agent's telephone would; a caller who waits alone is let out by the dialplan."""
        call = self._call(wish)
        if call.standing in _RINGING and call.target and call.target.kind is TargetKind.EMERGENCY:
            raise ControlRefused(ControlRefusal.STAY)
        await self._free_helpers(call)

    async def _free_helpers(self, call: Handled) -> None:
        for channel in (call.third, call.agent_channel):
            if channel is not None:
                await hang_up(self._link, channel)

    # -- whom

    def _wanted(self, wish: Wish, *, blind: bool = False) -> desk.Wanted:
        """The target as the dialplan knows it; of a queue that is asked first, its best free agent."""
        target = target_of(wish)
        known = {
            TargetKind.AGENT: {agent.id for agent in self._hotline.agents} - {wish.agent},
            TargetKind.QUEUE: {queue.id for queue in self._hotline.queues},
            TargetKind.EMERGENCY: {service.id for service in self._hotline.emergency},
        }
        if target.kind is TargetKind.UNIT:
            self.calls.unit(carried(wish), target)
            return desk.Wanted(target.kind.value, carried(wish), target.number)
        if target.id not in known[target.kind]:
            raise ControlRefused(ControlRefusal.NO_TARGET, target.id)
        if target.kind is TargetKind.QUEUE and not blind:
            return desk.Wanted(TargetKind.AGENT.value, self._free_agent(target.id, wish.agent))
        if target.kind is TargetKind.AGENT:
            self._must_be_free(target.id)
        return desk.Wanted(target.kind.value, target.id)

    def _must_be_free(self, agent: str) -> None:
        now = self._agents.roster.now(agent)
        if now is None or now.state is not AgentState.READY:
            raise ControlRefused(ControlRefusal.BUSY, now.state.value if now else "")

    def _free_agent(self, queue_id: str, but: str | None) -> str:
        """Who would be rung first there: least penalty, then longest ready."""
        queue = self._hotline.queue(queue_id)
        free = [
            (self._hotline.penalty(agent, queue), now.since, agent.id)
            for agent in self._hotline.agents
            if queue is not None and queue.id in agent.queues and agent.id != but
            if (now := self._agents.roster.now(agent.id)) and now.state is AgentState.READY
        ]
        if not free:
            raise ControlRefused(ControlRefusal.BUSY, f"nobody of {queue_id} is free")
        return min(free)[2]
