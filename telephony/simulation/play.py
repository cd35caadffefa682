"""Plays a scenario: citizens dial, agents answer, both talk, somebody hangs up.

The script of a call runs on what the telephones notice; the diaries are written from the same
notices, so that they tell what happened and not what was planned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from telephony.simulation.diary import Diary, DiaryEntry, PhoneSide, Saw, phone_sides, rings_of
from telephony.simulation.phoned import PhonedPeople
from telephony.simulation.phones import ANONYMOUS, Notice, PhoneEvent, Phones
from telephony.simulation.played import PlayedCall, SaidTurn
from telephony.simulation.scenario import BEFORE_AN_AGENT, IgnoreHow, KeyPress, Moment, PlannedCall, Who
from telephony.simulation.speech import Dialogue

__all__ = ["PlayedCall", "Player", "PromptTimes", "SaidTurn"]

_log = structlog.get_logger(__name__)

#: a call that is not over by then is hung up by its citizen
LONGEST_CALL_S = 300.0
#: a receiver that was put down and is still in a call is put down again (seconds)
_HANG_UP_AGAIN_S = 2.0
#: agents answer a caller who is not of the scenario (a real telephone) after this time
STRANGER_ANSWER_S = 1.5
_Q850_BUSY = 17


@dataclass(frozen=True, slots=True)
class PromptTimes:
    """How long the hotline's prompts last (seconds): a caller knows them from having phoned before."""

    notice_s: float
    greeting_s: float

    def of(self, moment: Moment) -> float:
        """Seconds from the PBX's answer to a moment before any agent."""
        return {
            Moment.GREETING: self.notice_s,
            Moment.QUEUE: self.notice_s + self.greeting_s + 0.5,
        }.get(moment, 0.0)


@dataclass(slots=True)
class _Live:
    """A call while it is on."""

    plan: PlannedCall
    uniqueid: str
    channel: str = ""
    agent_channel: str = ""
    rung: int = 0
    #: the outside Asterisk has the telephone's call: before, there is nothing to hang up
    dialled: asyncio.Event = field(default_factory=asyncio.Event)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    agent_up: asyncio.Event = field(default_factory=asyncio.Event)
    #: the agent's telephone is down again
    agent_gone: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    #: keys are pressed one after the other, however long the telephone takes
    finger: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def number_shown(self) -> str:
        return self.plan.number or ANONYMOUS


Progress = Callable[[str, int, int], None]


class Player:
    """Plays planned calls on the telephones; ``play`` once."""

    def __init__(
        self,
        phones: Phones,
        diary: Diary,
        dialogues: Mapping[str, Dialogue],
        prompts: PromptTimes,
        *,
        run_id: str,
        at_once: int = 6,
        stranger: Dialogue | None = None,
        emergency: frozenset[str] = frozenset(),
    ) -> None:
        self._phones = phones
        self._diary = diary
        self._dialogues = dialogues
        self._prompts = prompts
        self._run_id = run_id
        self._slots = asyncio.Semaphore(at_once)
        self._stranger = stranger
        self._live: dict[str, _Live] = {}
        #: one telephone makes one call at a time; withheld callers count as one telephone
        self._lines: dict[str, asyncio.Lock] = {}
        self._ringing: dict[str, tuple[asyncio.Task[None], _Live | None]] = {}
        self._agent_up: dict[str, asyncio.Event] = {}
        self._done = 0
        self._phoned = PhonedPeople(phones, dialogues, self._plan_of, emergency)

    async def play(self, calls: Sequence[PlannedCall], progress: Progress | None = None) -> list[PlayedCall]:
        """Play all calls; returns what the people know, in the scenario's order.

        Raises:
            OutsideWorldLost: the outside Asterisk is gone.
        """
        pump = asyncio.create_task(self._pump())
        play = asyncio.create_task(self._play_all(calls, progress))
        try:
            await asyncio.wait({pump, play}, return_when=asyncio.FIRST_COMPLETED)
            if not play.done():
                pump.result()
            await play
        except ExceptionGroup as several:
            raise several.exceptions[0] from None  # one clear reason; the calls end together anyway
        finally:
            agents = [task for task, _ in self._ringing.values()]
            for task in (pump, play, *agents):
                task.cancel()
            await asyncio.gather(pump, play, *agents, return_exceptions=True)
            await self._phoned.close()
        return self._played(calls)

    async def _play_all(self, calls: Sequence[PlannedCall], progress: Progress | None) -> None:
        begin = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for plan in calls:
                tasks.create_task(self._one(plan, begin, len(calls), progress))

    async def _one(self, plan: PlannedCall, begin: float, total: int, progress: Progress | None) -> None:
        await asyncio.sleep(max(0.0, begin + plan.at_s - asyncio.get_running_loop().time()))
        line = self._lines.setdefault(plan.number or ANONYMOUS, asyncio.Lock())
        async with line, self._slots:
            live = _Live(plan, f"{self._run_id}-{plan.id}")
            self._live[live.uniqueid] = live
            for agent in plan.call.agents.logged_off:
                await self._phones.register(agent, False)
            try:
                await self._citizen(live)
                await self._phoned.until_phoned(plan)
            finally:
                for agent in plan.call.agents.logged_off:
                    await self._phones.register(agent, True)
        self._done += 1
        if progress is not None:
            progress(plan.id, self._done, total)

    # ---- the citizen

    async def _citizen(self, live: _Live) -> None:
        plan = live.plan
        await self._phones.dial(live.uniqueid, plan.number, plan.did, self._dialogues[plan.id].citizen)
        acts = [asyncio.create_task(self._press(live, press)) for press in plan.call.keys]
        acts += [asyncio.create_task(self._leave(live, number)) for number in range(len(plan.call.messages))]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_CALL_S):
                    await self._until_hang_up(live)
                    await live.ended.wait()
            if not live.ended.is_set():
                await self._phones.hang_up(live.channel or live.uniqueid)
                await _either(live.ended, seconds=5.0)
        finally:
            for act in acts:
                act.cancel()
            await asyncio.gather(*acts, return_exceptions=True)
        await _either(seconds=0.3)  # the agent's side sees the end too

    async def _until_hang_up(self, live: _Live) -> None:
        """Wait for the scripted moment and hang up, unless the call ends before."""
        how = live.plan.call.hangs_up
        if how.when is not Moment.DIAL:
            await _either(live.up, live.ended)
        if how.when in BEFORE_AN_AGENT:
            wait_s = self._prompts.of(how.when) + how.delay_s
            await _either(live.ended, live.agent_up, seconds=wait_s)
        if not live.agent_up.is_set():
            if how.when in BEFORE_AN_AGENT:
                await self._hang_up(live, Who.CITIZEN)
                return
            await _either(live.agent_up, live.ended)
        length_s = 0.0 if how.when is Moment.ANSWER else self._dialogues[live.plan.id].length_s
        lets_agent_end = how.when in (Moment.SURVEY, Moment.NEVER)
        delay_s = 0.8 if lets_agent_end or how.when in BEFORE_AN_AGENT else how.delay_s
        await _either(live.ended, seconds=length_s + delay_s)
        await self._hang_up(live, Who.AGENT if lets_agent_end else how.who)
        if how.when is Moment.SURVEY:
            await _either(live.agent_gone, live.ended)
            await _either(live.ended, seconds=how.delay_s)
            await self._hang_up(live, Who.CITIZEN)

    async def _hang_up(self, live: _Live, who: Who) -> None:
        """Put a receiver down; the citizen's again, until the call is over."""
        if who is Who.AGENT:
            if not live.ended.is_set():
                await self._phones.hang_up(live.agent_channel)
            return
        await _either(live.dialled, live.ended)
        while not live.ended.is_set():
            await self._phones.hang_up(live.channel or live.uniqueid)
            await _either(live.ended, seconds=_HANG_UP_AGAIN_S)

    async def _when(self, live: _Live, moment: Moment, after_s: float) -> None:
        """Wait until so many seconds after a moment of this call."""
        if moment is not Moment.DIAL:
            await live.up.wait()
        if moment in (Moment.ANSWER, Moment.TALK):
            await live.agent_up.wait()
        if moment is Moment.SURVEY:
            await live.agent_gone.wait()
        talk_s = self._dialogues[live.plan.id].length_s if moment is Moment.TALK else 0.0
        await asyncio.sleep(self._prompts.of(moment) + talk_s + after_s)

    async def _press(self, live: _Live, press: KeyPress) -> None:
        await self._when(live, press.when, press.after_s)
        async with live.finger:
            for digit in press.digits:
                await self._phones.press(live.channel, digit)
                await asyncio.sleep(0.3)

    async def _leave(self, live: _Live, number: int) -> None:
        message = live.plan.call.messages[number]
        await self._when(live, message.when, message.after_s)
        await self._phones.leave(live.channel, self._dialogues[live.plan.id].messages[number])

    # ---- the agents

    async def _agent(self, ring: PhoneEvent, live: _Live | None) -> None:
        """One ringing of one agent's telephone."""
        dialogue = self._dialogues[live.plan.id] if live else self._stranger
        answer_s = live.plan.call.agents.answer_after_s if live else STRANGER_ANSWER_S
        if live is not None:
            live.rung += 1
            if live.plan.call.nobody_answers:
                return
            if live.rung <= live.plan.call.agents.first_ignores:
                if live.plan.call.agents.ignore_how is IgnoreHow.DECLINE:
                    await asyncio.sleep(answer_s)
                    await self._phones.hang_up(ring.channel, _Q850_BUSY)
                return
        await asyncio.sleep(answer_s)
        up = self._agent_up.setdefault(ring.uniqueid, asyncio.Event())
        if not await self._phones.answer(ring.channel, dialogue.agent if dialogue else None):
            return
        await up.wait()
        if live is not None:
            live.agent_channel = ring.channel
        if dialogue is not None:
            await self._phones.talk(ring.channel, live.channel if live else None)
        if live is not None:
            live.agent_up.set()

    # ---- what the telephones notice

    async def _pump(self) -> None:
        while True:
            self._noticed(await self._phones.next_event())

    def _noticed(self, event: PhoneEvent) -> None:
        self._phoned.noticed(event)
        self._write(event)
        live = self._live.get(event.uniqueid)
        match event.notice:
            case Notice.DIALLED if live:
                live.dialled.set()
            case Notice.CITIZEN_UP if live:
                live.channel = event.channel
                live.up.set()
            case Notice.GONE | Notice.NOT_REACHED if live:
                live.ended.set()
            case Notice.AGENT_RINGS:
                caller = self._caller(event.number)
                self._ringing[event.uniqueid] = asyncio.create_task(self._agent(event, caller)), caller
            case Notice.AGENT_UP:
                self._agent_up.setdefault(event.uniqueid, asyncio.Event()).set()
            case Notice.GONE if event.uniqueid in self._ringing:
                task, caller = self._ringing.pop(event.uniqueid)
                task.cancel()
                if caller is not None and caller.agent_channel == event.channel:
                    caller.agent_channel = ""
                    caller.agent_gone.set()

    def _caller(self, number: str) -> _Live | None:
        return next(
            (it for it in self._live.values() if it.number_shown == number and not it.ended.is_set()), None
        )

    def _plan_of(self, number: str) -> PlannedCall | None:
        """The last call that this number made."""
        return next((it.plan for it in reversed(self._live.values()) if it.number_shown == number), None)

    def _write(self, event: PhoneEvent) -> None:
        """Into the diary of whose telephone it is."""
        live = self._live.get(event.uniqueid)
        person = "citizen" if live else event.agent or event.channel.removeprefix("PJSIP/").rpartition("-")[0]
        saw = _DIARY.get(event.notice)
        if saw is None or (live is None and event.notice in (Notice.NOT_REACHED, Notice.DIALLED)):
            return
        if event.notice is Notice.PHONE_RINGS or (live is None and self._phoned.mine(event.uniqueid)):
            person = "phoned"
        number = live.plan.did if live else event.dialled or event.number
        detail = f"cause {event.cause}" if event.cause is not None else ""
        self._diary.write(DiaryEntry(event.at, person, event.uniqueid, saw, number, detail))

    def _played(self, calls: Sequence[PlannedCall]) -> list[PlayedCall]:
        sides = phone_sides(self._diary.entries)
        citizens = {side.channel: side for side in sides if side.channel in self._live}
        agents = [
            side for side in sides if side.channel not in self._live and not self._phoned.mine(side.channel)
        ]
        played: list[PlayedCall] = []
        for plan in calls:
            citizen = citizens.get(f"{self._run_id}-{plan.id}")
            if citizen is None:
                continue
            rings = tuple(rings_of(citizen, agents, plan.number or ANONYMOUS))
            service, own = (
                tuple(it for it in sides if it.channel in self._phoned.rings_for(plan, emergency=emergency))
                for emergency in (True, False)
            )
            said = self._said(plan, citizen, rings)
            played.append(PlayedCall(plan, citizen, rings, said, service[0] if service else None, own))
        return played

    def _said(
        self, plan: PlannedCall, citizen: PhoneSide, rings: Sequence[PhoneSide]
    ) -> tuple[SaidTurn, ...]:
        """The turns that were said to their end, by each side's own start."""
        agent = next((ring for ring in rings if ring.speaks_at), None)
        sides = {Who.CITIZEN: citizen, Who.AGENT: agent}
        said: list[SaidTurn] = []
        for turn in self._dialogues[plan.id].turns:
            side = sides[turn.who]
            if side is None or side.speaks_at is None:
                continue
            start_at = side.speaks_at + timedelta(seconds=turn.start_s)
            end_at = side.speaks_at + timedelta(seconds=turn.voiced_end_s)
            if side.ended_at is None or end_at <= side.ended_at:
                said.append(SaidTurn(plan.id, turn.who, turn.text, start_at, end_at))
        return tuple(said)


_DIARY: Mapping[Notice, Saw] = {
    Notice.DIALLED: Saw.DIALLED,
    Notice.CITIZEN_UP: Saw.ANSWERED,
    Notice.CITIZEN_SPEAKS: Saw.SPEAKS,
    Notice.CITIZEN_SAID: Saw.SAID,
    Notice.CITIZEN_LEAVES: Saw.LEFT,
    Notice.PHONE_RINGS: Saw.RANG,
    Notice.PHONE_UP: Saw.ANSWERED,
    Notice.AGENT_RINGS: Saw.RANG,
    Notice.AGENT_UP: Saw.ANSWERED,
    Notice.AGENT_SPEAKS: Saw.SPEAKS,
    Notice.AGENT_SAID: Saw.SAID,
    Notice.FAR_END_HUNG_UP: Saw.OTHER_HUNG_UP,
    Notice.HUNG_UP: Saw.HUNG_UP,
    Notice.NOT_REACHED: Saw.ENDED,
    Notice.GONE: Saw.ENDED,
}


async def _either(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Until one of the events is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        if waits:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        elif seconds is not None:
            await asyncio.sleep(seconds)
    finally:
        for wait in waits:
            wait.cancel()
