"""Calls that leave every base: one person asks, another agrees, both are on record."""

from __future__ import annotations

from enum import StrEnum

from facts.errors import HotlineError
from facts.identity import CallKey
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.rate_records import Exclusion


class ExclusionKind(StrEnum):
    """The only reasons for which a call may leave the base."""

    TEST = "test"
    CARRIER = "carrier"
    PRANK = "prank"


class Refusal(StrEnum):
    """Why it is not done; the page has words for each."""

    NO_CALL = "no_call"
    NO_REASON = "no_reason"
    ALREADY = "already"
    SAME_PERSON = "same_person"
    GONE = "gone"


class ExclusionRefused(HotlineError):
    """A call is not left out."""

    error_id = "exclusion-refused"

    def __init__(self, kind: Refusal, detail: str = "") -> None:
        super().__init__(f"{kind.value}{': ' if detail else ''}{detail}")
        self.kind = kind


async def ask(uow: UnitOfWork, call: str, kind: ExclusionKind, reason: str, who: str) -> Exclusion:
    """Ask for a call to be left out; it counts until a second person agrees.

    Raises:
        ExclusionRefused: no such call that is over, no reason, or it is asked for already.
    """
    said = " ".join(reason.split())
    try:
        found = await uow.calls.get(CallKey.parse(call.strip()))
    except ValueError:
        found = None
    if found is None or found.outcome is None:
        raise ExclusionRefused(Refusal.NO_CALL, call)
    if len(said) < 2:
        raise ExclusionRefused(Refusal.NO_REASON)
    made = await uow.rate_books.ask_exclusion(str(found.key), kind, said, who)
    if made is None:
        raise ExclusionRefused(Refusal.ALREADY, call)
    await uow.audit.add(who, "rate-exclusion-asked", subject=made.call, fields=[kind], reason=said)
    return made


async def confirm(uow: UnitOfWork, exclusion_id: int, who: str) -> None:
    """The second person agrees: from now on the call is in no base.

    Raises:
        ExclusionRefused: it is the same person, or nothing waits.
    """
    asked = await _standing(uow, exclusion_id)
    if asked.confirmed_at is not None:
        raise ExclusionRefused(Refusal.ALREADY)
    if asked.asked_by == who:
        raise ExclusionRefused(Refusal.SAME_PERSON)
    await uow.rate_books.confirm_exclusion(exclusion_id, who)
    await uow.rates.recount([asked.call])
    await uow.audit.add(who, "rate-exclusion-confirmed", subject=asked.call, reason=asked.reason)


async def end(uow: UnitOfWork, exclusion_id: int, who: str) -> None:
    """Refuse it, or take it back: the call counts.

    Raises:
        ExclusionRefused: it is over already.
    """
    asked = await _standing(uow, exclusion_id)
    await uow.rate_books.end_exclusion(exclusion_id, who)
    await uow.rates.recount([asked.call])
    await uow.audit.add(who, "rate-exclusion-ended", subject=asked.call, reason=asked.reason)


async def _standing(uow: UnitOfWork, exclusion_id: int) -> Exclusion:
    found = await uow.rate_books.exclusion(exclusion_id)
    if found is None or found.ended_at is not None:
        raise ExclusionRefused(Refusal.GONE)
    return found
