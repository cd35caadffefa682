"""The three warnings: 超期未办, 进度滞后, 群众不满意. Pure: which are due for a ticket at a moment.

Each is given once; its stage names the limit or the answer that it is about, so that a new limit (after an
objection, a re-do) warns anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

from ticketing_bridge.tickets.limits import due, share_used
from ticketing_bridge.tickets.model import Ticket
from ticketing_bridge.tickets.preparing import CityRules
from ticketing_bridge.tickets.states import ENDINGS, State

FILE = Path(__file__).parent / "warnings.yaml"


class WarningKind(StrEnum):
    """What is wrong, or will be."""

    #: 超期未办: the limit comes near, or is over
    OVERDUE = "overdue"
    #: 进度滞后: not signed for, no contact, no progress when there should be
    LAGGING = "lagging"
    #: 群众不满意
    DISSATISFIED = "dissatisfied"


@cache
def warning_names() -> dict[WarningKind, str]:
    """What the three are called; a missing one is found at the first use."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {it: raw[it.value] for it in WarningKind}


@dataclass(frozen=True, slots=True)
class TicketWarning:
    """One warning. ``unit``: whose people can act; shift leaders see all."""

    kind: WarningKind
    #: ``70``, ``90``, ``over`` of the limit; ``unsigned``, ``no_contact``, ``no_progress``; ``suspended`` for
    #: as long as may be; what was said
    what: str
    unit: str | None
    #: what tells apart the same warning of another limit
    about: str

    @property
    def stage(self) -> str:
        """By what a warning is given once."""
        return f"{self.what}@{self.about}"


def due_warnings(ticket: Ticket, rules: CityRules, now: datetime) -> list[TicketWarning]:
    """Warnings that are due now, given before or not."""
    return [
        *_overdue(ticket, rules, now),
        *_standing(ticket, rules, now),
        *_lagging(ticket, rules, now),
        *_dissatisfied(ticket),
    ]


def _overdue(ticket: Ticket, rules: CityRules, now: datetime) -> list[TicketWarning]:
    if not ticket.clock_runs or ticket.limit is None or ticket.main is None:
        return []
    limit = ticket.limit
    used = share_used(limit.started_at, limit.due_at, now)
    about = limit.due_at.isoformat()
    if now > limit.due_at:
        return [TicketWarning(WarningKind.OVERDUE, "over", ticket.main.unit, about)]
    reached = [it for it in sorted(rules.tickets.warnings.due_shares) if used >= it]
    if not reached:
        return []
    return [TicketWarning(WarningKind.OVERDUE, f"{reached[-1] * 100:.0f}", ticket.main.unit, about)]


def _standing(ticket: Ticket, rules: CityRules, now: datetime) -> list[TicketWarning]:
    """A clock that has stood still for as long as it may: from now on it is the unit's own time."""
    if ticket.suspended_at is None or ticket.state is not State.SUSPENDED or ticket.main is None:
        return []
    if now <= ticket.suspended_at + rules.may_stand(ticket):
        return []
    about = ticket.suspended_at.isoformat()
    return [TicketWarning(WarningKind.LAGGING, "suspended", ticket.main.unit, about)]


def _lagging(ticket: Ticket, rules: CityRules, now: datetime) -> list[TicketWarning]:
    main, limit = ticket.main, ticket.limit
    if main is None or limit is None or not ticket.clock_runs:
        return []
    about = limit.started_at.isoformat()
    found = []
    if ticket.state is State.DISPATCHED:
        if now > due(main.given_at, rules.tickets.sign_within, rules.calendar):
            found.append(TicketWarning(WarningKind.LAGGING, "unsigned", main.unit, about))
        return found
    contact_until = due(main.given_at, rules.tickets.contact_within, rules.calendar)
    if ticket.contacted_at is None and not ticket.hides_person and now > contact_until:
        found.append(TicketWarning(WarningKind.LAGGING, "no_contact", main.unit, about))
    half = share_used(limit.started_at, limit.due_at, now) >= rules.tickets.warnings.lag_share
    # what was done for an earlier limit is no progress in this one
    still = ticket.progress_at is None or ticket.progress_at < limit.started_at
    if ticket.state is State.HANDLING and half and still:
        found.append(TicketWarning(WarningKind.LAGGING, "no_progress", main.unit, about))
    late_joint = [
        it
        for it in ticket.joint
        if it.signed_at is None and now > due(it.given_at, rules.tickets.sign_within, rules.calendar)
    ]
    found += [
        TicketWarning(WarningKind.LAGGING, "unsigned", it.unit, f"{about} {it.unit}") for it in late_joint
    ]
    return found


def _dissatisfied(ticket: Ticket) -> list[TicketWarning]:
    if ticket.state in ENDINGS - {State.CLOSED, State.RATED} or ticket.main is None:
        return []
    found = [
        TicketWarning(WarningKind.DISSATISFIED, "not_solved" if it.solved is False else "not_satisfied",
                ticket.main.unit, it.at.isoformat())
        for it in ticket.follow_ups
        if it.reached and (it.solved is False or it.satisfied is False)
    ]  # fmt: skip
    if ticket.rating is not None and ticket.rating <= 2:
        about = str(ticket.closed_at)
        found.append(TicketWarning(WarningKind.DISSATISFIED, "low_rating", ticket.main.unit, about))
    return found
