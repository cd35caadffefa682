"""Beyond one ticket: proposed dispatch rules with their replay, and special actions (专项行动)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from facts.errors import HotlineError
from ticketing_bridge.access import Permission, Person
from ticketing_bridge.store.catalogue_repository import CATALOGUE_CHANNEL
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.store.keeping_repository import DispatchRule, SpecialAction
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.proposals import Past, Replay, Rule, replay_rule, words_for
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.states import Act

#: tickets that a rule is replayed over
REPLAYED = 5000


class UndertakingRefused(HotlineError):
    """A rule or special action cannot be changed so."""

    error_id = "undertaking-refused"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a special action."""

    text: str
    due_on: str
    responsible: str
    done_at: str | None = None
    note: str = ""


class Undertakings:
    """Rules and actions over the unit of work."""

    def __init__(self, office: TicketOffice) -> None:
        self._office = office

    async def propose(self, uow: UnitOfWork, before: Ticket, after: Ticket, act: Act) -> int | None:
        """Propose a rule from a verdict that moved a ticket; None: it did not move, or has no known words."""
        if before.main is None or after.main is None or before.main.unit == after.main.unit:
            return None
        texts = after.texts
        words = words_for(self._office.city, f"{texts.title} {texts.content}", after.main.unit)
        if not words:
            return None
        return await uow.undertakings.propose(
            words, after.appeal, before.main.unit, after.main.unit, after.number, act.value
        )

    async def replayed(self, uow: UnitOfWork, rules: Sequence[DispatchRule]) -> dict[int, Replay]:
        """What each of these rules would have done to the tickets dispatched so far."""
        history = await self._history(uow)
        return {it.id: replay_rule(Rule(it.words, it.appeal, it.to_unit), history) for it in rules}

    async def _history(self, uow: UnitOfWork) -> list[Past]:
        rows = [it for it in await uow.desk_tickets.find(TicketFilter(), REPLAYED) if it.dispatched_at]
        sealer = Sealer(uow, self._office.vault)
        await sealer.fetch_keys(it.texts for it in rows)
        firsts = await uow.desk_tickets.first_units([it.number for it in rows])
        past = []
        for row in rows:
            ticket = await sealer.ticket(row)
            first = firsts.get(row.number)
            if ticket.main is not None and first is not None:
                words = f"{ticket.texts.title} {ticket.texts.content}"
                past.append(Past(row.number, ticket.appeal, words, first, ticket.main.unit))
        return past

    async def decide(self, uow: UnitOfWork, rule: int, person: Person, *, adopt: bool) -> None:
        """Adopt or reject a proposed rule, with what its replay said.

        Raises:
            UndertakingRefused: nobody proposed it, or it is decided.
        """
        person.must(Permission.TICKETS_DECIDE)
        found = [it for it in await uow.undertakings.rules("proposed") if it.id == rule]
        replays = await self.replayed(uow, found)
        state = "adopted" if adopt else "rejected"
        kept = asdict(replays[rule]) if rule in replays else {}
        if not found or not await uow.undertakings.decide_rule(rule, state, person.name, kept):
            raise UndertakingRefused("there is no such proposal", fix="look at the list again")
        await uow.audit.add(person.name, f"rule-{state}", subject=str(rule))
        if adopt:
            await uow.notify(CATALOGUE_CHANNEL, f"rule {rule}")  # drafts go by it from now on

    async def begin(
        self,
        uow: UnitOfWork,
        person: Person,
        title: str,
        aim: str,
        responsible: str,
        begins_on: date,
        ends_on: date,
        tickets: Sequence[str] = (),
    ) -> int:
        """Begin a special action.

        Raises:
            UndertakingRefused: something is missing, it ends before it begins, or a ticket is unknown.
        """
        person.must(Permission.TICKETS_SUPERVISE)
        words = [it.strip() for it in (title, aim, responsible)]
        if not all(words) or ends_on < begins_on:
            raise UndertakingRefused(
                "title, aim, responsible person and an end after the beginning are needed", fix="fill them in"
            )
        await self._known(uow, tickets)
        values: Mapping[str, Any] = {
            "title": words[0],
            "aim": words[1],
            "responsible": words[2],
            "begins_on": begins_on,
            "ends_on": ends_on,
            "measures": [],
            "tickets": [*tickets],
            "made_by": person.name,
        }
        made = await uow.undertakings.add_action(values)
        await uow.audit.add(person.name, "special-action-begun", subject=str(made))
        return made

    async def change(
        self,
        uow: UnitOfWork,
        person: Person,
        action: int,
        version: int,
        at: datetime,
        *,
        measure: Measure | None = None,
        done: tuple[int, str] | None = None,
        tickets: Sequence[str] = (),
        result: str | None = None,
    ) -> SpecialAction:
        """Add a measure, say that one is done (its place and a note), add tickets, or end it with its result.

        Raises:
            UndertakingRefused: there is none, it has ended, or somebody else has changed it meanwhile.
        """
        person.must(Permission.TICKETS_SUPERVISE)
        found = await uow.undertakings.action(action)
        if found is None or found.ended_at is not None:
            raise UndertakingRefused("there is no such special action that goes on", fix="look at the list")
        await self._known(uow, tickets)
        measures = [dict(it) for it in found.measures]
        if measure is not None:
            measures.append(asdict(measure))
        if done is not None and 0 <= done[0] < len(measures):
            measures[done[0]] |= {"done_at": at.isoformat(), "note": done[1]}
        if result and any(not it["done_at"] for it in measures):
            raise UndertakingRefused("a measure is not done yet", fix="say of each measure how it went")
        changed = replace(
            found,
            version=version + 1,
            measures=tuple(measures),
            tickets=tuple(dict.fromkeys((*found.tickets, *tickets))),
            result=result or found.result,
            ended_at=at if result else None,
        )
        if not await uow.undertakings.save_action(changed):
            raise UndertakingRefused("somebody else has changed it meanwhile", fix="read it again")
        await uow.audit.add(person.name, "special-action-changed", subject=str(action))
        return changed

    async def _known(self, uow: UnitOfWork, tickets: Sequence[str]) -> None:
        for number in tickets:
            if await uow.desk_tickets.get(number) is None:
                raise UndertakingRefused(f"there is no ticket {number!r}", fix="check its number")
