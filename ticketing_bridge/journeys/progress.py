"""Progress of a ticket for somebody on the telephone, who may be anybody.

Who asks must name the ticket and the last digits of its call-back number, or phone from that
number and name the last digits of the ticket: a calling number alone opens nothing, for it can
be forged. A confidential ticket sounds and takes exactly as long as one that is not there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from facts.caller_session import ProgressAnswer, TicketProgress
from facts.telephone import LAST_DIGITS, national, only_digits, phone_digest
from ticketing_bridge.journeys.own_progress import as_told
from ticketing_bridge.journeys.spoken import progress_text
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.journey_records import CityTicket, ProgressCounts
from ticketing_bridge.store.kept_phones import UNKEYED, KeptPhones

UNKNOWN = TicketProgress(ProgressAnswer.UNKNOWN)
LOCKED = TicketProgress(ProgressAnswer.LOCKED)
#: every answer comes after this time, whatever was found on the way (seconds)
ANSWER_S = 0.4
#: looked at when there is no ticket, so that its lack takes no less time
_NOBODY = CityTicket("", "", "", "", "", (), None, datetime.min, "", b"", b"", True, None)


@dataclass(frozen=True, slots=True)
class ProgressLimits:
    """How often may be asked within ``within``. All who withhold their number share one account."""

    per_caller: int = 6
    withheld: int = 30
    #: failed attempts on one ticket
    per_ticket: int = 5
    #: failed attempts of everybody
    failed: int = 200
    within: timedelta = timedelta(hours=1)

    def locked(self, counts: ProgressCounts, *, withheld: bool) -> bool:
        """Whether nobody is answered any more."""
        most = self.withheld if withheld else self.per_caller
        return (
            counts.caller >= most or counts.ticket_failed >= self.per_ticket or counts.failed >= self.failed
        )


def opened_by(
    tickets: Iterable[CityTicket], last4: str, caller: str | None, phones: KeptPhones = UNKEYED
) -> CityTicket | None:
    """The first ticket that these words open: ``caller`` None when the ticket itself was named.

    All are looked at with the same steps, and one that is not there or confidential like the others.
    """
    found = None
    for ticket in (*tickets, _NOBODY):
        fits = phones.is_last4(ticket.phone_last4, last4)
        digest = phone_digest(caller or "", ticket.phone_salt or b"\0")
        known = phones.is_digest(ticket.phone_hash, digest) or caller is None
        if fits and known and not ticket.confidential and found is None:
            found = ticket
    return found


class Progress:
    """Answers progress queries within their limits."""

    def __init__(
        self, database: Database, limits: ProgressLimits = ProgressLimits(), *, answer_s: float = ANSWER_S
    ) -> None:
        self._database = database
        self._limits = limits
        self._answer_s = answer_s

    async def ask(self, number: str, last_digits: str, caller_number: str | None) -> TicketProgress:
        """What may be said. Every answer takes the same time.

        Raises:
            DatabaseAway: nobody can say.
        """
        answered_at = asyncio.get_running_loop().time() + self._answer_s
        caller = national(caller_number) if caller_number else None
        async with self._database.unit_of_work() as uow:
            answer = await self._answer(uow, only_digits(number), only_digits(last_digits), caller)
        await asyncio.sleep(max(0.0, answered_at - asyncio.get_running_loop().time()))
        return answer

    async def _answer(
        self, uow: UnitOfWork, number: str, last_digits: str, caller: str | None
    ) -> TicketProgress:
        who = _digest("caller", caller) if caller else None
        what = _digest("ticket", number) if number else _digest("phone", caller or "")
        await uow.tickets.counted_alone()
        counts = await uow.tickets.attempts(who, what, self._limits.within)
        if self._limits.locked(counts, withheld=caller is None):
            return LOCKED
        ticket = await _found(uow, number, last_digits, caller)
        await uow.tickets.add_attempt(who, what, found=ticket is not None)
        return TicketProgress(ProgressAnswer.FOUND, progress_text(ticket)) if ticket else UNKNOWN


async def _found(uow: UnitOfWork, number: str, last_digits: str, caller: str | None) -> CityTicket | None:
    if len(last_digits) != LAST_DIGITS:
        return None
    if number:
        named = await uow.tickets.by_digits(number)
        own = await uow.desk_tickets.asked_for(digits=number)
        return opened_by(
            [*map(as_told, own), *([named] if named else [])], last_digits, None, uow.kept_phones
        )
    if caller is None:
        return None
    last4 = caller[-LAST_DIGITS:]
    own = await uow.desk_tickets.asked_for(last4=last4, last_digits=last_digits)
    found = await uow.tickets.by_phone_and_digits(last4, last_digits)
    return opened_by([*map(as_told, own), *found], last4, caller, uow.kept_phones)


def _digest(kind: str, text: str) -> bytes:
    """Whom and what an attempt was about, without keeping it."""
    return hashlib.sha256(f"{kind}:{text}".encode()).digest()
