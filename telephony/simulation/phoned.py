"""Telephones that the hotline phones: a citizen who is called back or asked, an emergency service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from telephony.simulation.phones import Notice, PhoneEvent, Phones
from telephony.simulation.scenario import Phoned, PlannedCall, TakeHow
from telephony.simulation.speech import Dialogue

_Q850_BUSY = 17
#: an emergency service answers after this time
_EMERGENCY_S = 1.0


@dataclass(slots=True)
class _Ring:
    """One ringing of one telephone."""

    event: PhoneEvent
    plan: PlannedCall | None
    emergency: bool
    task: asyncio.Task[None] | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)


class PhonedPeople:
    """Takes the hotline's calls as the scenario says; what it does not say rings out.

    Args:
        plan_of: the scenario's call of a citizen's number, the last one that began.
        emergency: numbers of emergency services.
    """

    def __init__(
        self,
        phones: Phones,
        dialogues: Mapping[str, Dialogue],
        plan_of: Callable[[str], PlannedCall | None],
        emergency: frozenset[str],
    ) -> None:
        self._phones = phones
        self._dialogues = dialogues
        self._plan_of = plan_of
        self._emergency = emergency
        self._rings: dict[str, _Ring] = {}
        #: calls of the scenario whose citizen was phoned, and that call is over
        self._over: dict[str, asyncio.Event] = {}

    def noticed(self, event: PhoneEvent) -> None:
        """What a telephone notices."""
        if event.notice is Notice.PHONE_RINGS:
            emergency = event.dialled in self._emergency
            plan = self._plan_of(event.number if emergency else event.dialled)
            ring = _Ring(event, plan, emergency)
            self._rings[event.uniqueid] = ring
            ring.task = asyncio.create_task(self._take(ring), name="phoned")
            return
        known = self._rings.get(event.uniqueid)
        if known is None:
            return
        if event.notice is Notice.PHONE_UP:
            known.up.set()
        elif event.notice is Notice.GONE and known.task is not None:
            known.task.cancel()
            if known.plan is not None and not known.emergency:
                self._finished(known.plan.id).set()

    def rings_for(self, plan: PlannedCall, *, emergency: bool) -> set[str]:
        """Uniqueids of telephones that rang because of this call."""
        return {
            uniqueid
            for uniqueid, ring in self._rings.items()
            if ring.plan is not None and ring.plan.id == plan.id and ring.emergency is emergency
        }

    def mine(self, uniqueid: str) -> bool:
        """Whether the hotline phoned this telephone."""
        return uniqueid in self._rings

    async def until_phoned(self, plan: PlannedCall) -> None:
        """Wait for the call that the script expects."""
        if plan.call.phoned is not None:
            try:
                async with asyncio.timeout(plan.call.phoned.within_s):
                    await self._finished(plan.id).wait()
            except TimeoutError:
                return

    async def close(self) -> None:
        """Nobody takes a call any more."""
        tasks = [ring.task for ring in self._rings.values() if ring.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, plan_id: str) -> asyncio.Event:
        return self._over.setdefault(plan_id, asyncio.Event())

    async def _take(self, ring: _Ring) -> None:
        script = self._script(ring)
        if script is None or script.how is TakeHow.RING_OUT:
            return
        await asyncio.sleep(script.after_s)
        if script.how is TakeHow.BUSY:
            await self._phones.hang_up(ring.event.channel, _Q850_BUSY)
            return
        dialogue = self._dialogues.get(ring.plan.id) if ring.plan else None
        words = dialogue.phoned if dialogue and not ring.emergency else None
        if not await self._phones.take(ring.event.channel, words):
            return
        await ring.up.wait()
        await asyncio.gather(self._press(ring, script), self._hang_up(ring, script))

    def _script(self, ring: _Ring) -> Phoned | None:
        if ring.emergency:
            how = ring.plan.call.emergency if ring.plan else TakeHow.ANSWER
            return Phoned(how=how, after_s=_EMERGENCY_S)
        return ring.plan.call.phoned if ring.plan else None

    async def _press(self, ring: _Ring, script: Phoned) -> None:
        begin = asyncio.get_running_loop().time()
        for press in sorted(script.keys, key=lambda press: press.after_s):
            await asyncio.sleep(max(0.0, begin + press.after_s - asyncio.get_running_loop().time()))
            for digit in press.digits:
                await self._phones.press(ring.event.channel, digit)
                await asyncio.sleep(0.3)

    async def _hang_up(self, ring: _Ring, script: Phoned) -> None:
        if script.hangs_up_after_s is not None:
            await asyncio.sleep(script.hangs_up_after_s)
            await self._phones.hang_up(ring.event.channel)
