"""Our own tickets as deliveries see them: what may be told, whom to tell, what other systems say back.

Units' words are told and nothing else: whatever a unit may not read never leaves the house either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from config.delivery import Meaning
from ticketing_bridge.access import AccessRefused, Person, Role
from ticketing_bridge.delivery.mapping.words import words
from ticketing_bridge.delivery.outbound import OutboundTicket, Reporter
from ticketing_bridge.delivery.subjects import Said, by
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.tickets import Act, State, Ticket, TicketRefused, TicketService, TicketUnknown
from ticketing_bridge.tickets.model import Caller
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.views import for_units

#: acts by which it goes to other units
_MOVES: Final = frozenset(
    {Act.DISPATCH, Act.REDISPATCH, Act.UPHOLD, Act.VERDICT, Act.TAKE_BACK, Act.RELEASE_JOINT, Act.HIDE}
)
#: what is ended outside, too
_WITHDRAWN: Final = frozenset({State.WITHDRAWN, State.VOID, State.MERGED})
#: states in which a unit's system may bring a ticket further, and by which acts
_STEPS: Final[Mapping[Meaning, Mapping[State, tuple[Act, ...]]]] = {
    Meaning.RECEIVED: {},
    Meaning.SIGNED: {State.DISPATCHED: (Act.SIGN,)},
    Meaning.WORKING: {State.DISPATCHED: (Act.SIGN,), State.HANDLING: (Act.PROGRESS,)},
    Meaning.REPLIED: {State.DISPATCHED: (Act.SIGN, Act.REPLY), State.HANDLING: (Act.REPLY,)},
    Meaning.RETURNED: {State.DISPATCHED: (Act.OBJECT,), State.HANDLING: (Act.OBJECT,)},
    Meaning.ENDED: {},
    Meaning.REOPENED: {State.REPLIED: (Act.RECALL_REPLY,)},
}
#: the same of a joint unit's own part
_JOINT_STEPS: Final[Mapping[Meaning, tuple[Act, ...]]] = {
    Meaning.SIGNED: (Act.JOINT_SIGN,),
    Meaning.WORKING: (Act.JOINT_SIGN,),
    Meaning.REPLIED: (Act.JOINT_REPLY,),
}
#: where it already is as far as this would bring it
_THERE: Final[Mapping[Meaning, frozenset[State]]] = {
    Meaning.RECEIVED: frozenset(State),
    Meaning.SIGNED: frozenset(State) - {State.RECEIVED, State.DISPATCHED},
    Meaning.WORKING: frozenset(State) - {State.RECEIVED, State.DISPATCHED, State.HANDLING},
    Meaning.REPLIED: frozenset({State.REPLIED, State.FOLLOW_UP, State.CLOSED, State.RATED}),
    Meaning.RETURNED: frozenset({State.OBJECTED, State.RECEIVED}),
    Meaning.ENDED: frozenset(),
    Meaning.REOPENED: frozenset({State.DISPATCHED, State.HANDLING, State.SUSPENDED}),
}
assert set(_STEPS) == set(_THERE) == set(Meaning)


class HouseTickets:
    """Tickets of this installation."""

    def __init__(self, service: Callable[[], TicketService], now: Callable[[], datetime]) -> None:
        self._service, self._now = service, now

    async def outbound(self, uow: UnitOfWork, number: str) -> OutboundTicket | None:
        """What may be told of a ticket now: the words that units read."""
        found = await self._opened(uow, number)
        if found is None:
            return None
        ticket, caller = found
        shown = for_units(ticket, caller)
        history = await uow.desk_tickets.history(number)
        known = caller if caller and not ticket.hides_person else None
        return OutboundTicket(
            number=ticket.number,
            revision=ticket.version,
            channel=ticket.channel,
            received_at=ticket.received_at,
            title=shown.title,
            content=shown.content,
            purpose=ticket.purpose,
            appeal=ticket.appeal,
            place="、".join(shown.places) or None,
            state=ticket.state.value,
            unit=ticket.main.unit if ticket.main else None,
            confidential=ticket.confidential,
            anonymous=ticket.anonymous,
            demand=shown.demand or None,
            occurred=shown.when or None,
            line=ticket.dedicated_line,
            urgency=ticket.level,
            joint_units=tuple(it.unit for it in ticket.joint),
            limit_at=ticket.limit.due_at if ticket.limit else None,
            reply=shown.answer or None,
            withdrawn=ticket.state in _WITHDRAWN,
            told_by=history[-1].by if history else None,
            moved_at=max((it.version for it in history if Act(it.act) in _MOVES), default=0),
            reporter=Reporter(known.name, known.to_call) if known else None,
        )

    async def reporter(self, uow: UnitOfWork, number: str) -> Reporter | None:
        """Whom to tell about it; None: nobody, or nobody knows."""
        found = await self._opened(uow, number)
        caller = found[1] if found else None
        return Reporter(caller.name, caller.to_call) if caller else None

    async def _opened(self, uow: UnitOfWork, number: str) -> tuple[Ticket, Caller | None] | None:
        row = await uow.desk_tickets.get(number)
        if row is None:
            return None
        sealer = Sealer(uow, self._service().office.vault)
        return await sealer.ticket(row), await sealer.caller(row)

    async def told(self, uow: UnitOfWork, number: str, said: Said) -> str:
        """Bring the ticket as far as the unit's system says it is, as the unit would: for its own part."""
        found = await self._opened(uow, number)
        if found is None:
            return "refused: unknown"
        ticket = found[0]
        if said.units and (ticket.main is None or ticket.main.unit not in said.units):
            return await self._joint_told(uow, ticket, said)
        if ticket.state in _THERE[said.meaning]:
            return "nothing_new"
        acts = _STEPS[said.meaning].get(ticket.state)
        if said.meaning is Meaning.REOPENED and not acts:
            return await self._noted(uow, ticket, said)
        if not acts or ticket.main is None:
            return f"refused: {ticket.state.value}"
        return await self._done(uow, ticket, acts, said, ticket.main.unit)

    async def _joint_told(self, uow: UnitOfWork, ticket: Ticket, said: Said) -> str:
        """What a joint unit's system says is of its part; that of a unit that has it no more, of nothing."""
        part = next((it for it in ticket.joint if it.unit in said.units), None)
        if part is None:
            return "refused: not_theirs"
        acts = _JOINT_STEPS.get(said.meaning, ())
        there = part.replied_at or (acts == (Act.JOINT_SIGN,) and part.signed_at)
        if said.meaning is Meaning.RECEIVED or there:
            return "nothing_new"
        if not acts:
            return "refused: joint"
        return await self._done(uow, ticket, acts, said, part.unit)

    async def _done(self, uow: UnitOfWork, ticket: Ticket, acts: Sequence[Act], said: Said, unit: str) -> str:
        person = Person(by(said.connector), Role.UNIT, unit)
        try:
            for act in acts:
                ticket = await self._service().do(
                    uow, ticket.number, ticket.version, act, person, self._now(), _given(act, said.note)
                )
        except (TicketRefused, TicketUnknown, AccessRefused) as refused:
            return f"refused: {getattr(refused, 'why', refused.error_id)}"
        return "applied"

    async def _noted(self, uow: UnitOfWork, ticket: Ticket, said: Said) -> str:
        """What the hotline has gone on with already is not undone by another system: people read of it."""
        told = {"note": "：".join(filter(None, (words()["reopened"], (said.note or "").strip())))}
        hotline = Person(by(said.connector), Role.AGENT)
        await self._service().do(uow, ticket.number, ticket.version, Act.NOTE, hotline, self._now(), told)
        return "noted"


#: the field of an act in which stands what the other system says
_SAID_IN: Final = {
    Act.PROGRESS: "note",
    Act.REPLY: "answer",
    Act.JOINT_REPLY: "reply",
    Act.OBJECT: "reason",
    Act.RECALL_REPLY: "reason",
}


def _given(act: Act, note: str | None) -> dict[str, Any]:
    said = (note or "").strip() or words()["no_words"]
    return {_SAID_IN[act]: said} if act in _SAID_IN else {}
