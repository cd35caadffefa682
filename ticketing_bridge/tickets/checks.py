"""Who may do what to a ticket, and what must hold beside its state. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ticketing_bridge.access import Permission, Person
from ticketing_bridge.tickets.model import Assignment, Extension, Json, Ticket
from ticketing_bridge.tickets.states import Act, follows
from ticketing_bridge.tickets.why import Why


class Part(StrEnum):
    """Whose act it is beside the hotline's."""

    NOBODY = "nobody"
    MAIN = "main"
    JOINT = "joint"


@dataclass(frozen=True, slots=True)
class Who:
    """Who may do an act: people of the hotline with the permission, and units with that part in it."""

    permission: Permission
    part: Part = Part.NOBODY


_WORK, _DECIDE = Permission.TICKETS_WORK, Permission.TICKETS_DECIDE
_SUPERVISE = Permission.TICKETS_SUPERVISE
_UNITS_ACTS = (
    Act.SIGN,
    Act.CONTACT,
    Act.PROGRESS,
    Act.OBJECT,
    Act.ASK_EXTENSION,
    Act.ASK_REVIEW,
    Act.REPLY,
    Act.RECALL_REPLY,
    Act.ANSWER_SUPERVISION,
)
#: a unit without accounts phones; the hotline writes it down for it
WHO: Final[Mapping[Act, Who]] = {
    **dict.fromkeys(Act, Who(_WORK)),
    **dict.fromkeys(_UNITS_ACTS, Who(_WORK, Part.MAIN)),
    **dict.fromkeys((Act.JOINT_SIGN, Act.JOINT_REPLY), Who(_WORK, Part.JOINT)),
    **dict.fromkeys(
        (
            Act.UPHOLD,
            Act.DISMISS,
            Act.GRANT_EXTENSION,
            Act.REFUSE_EXTENSION,
            Act.SUSPEND,
            Act.RESUME,
            Act.CONSULT,
            Act.VERDICT,
            Act.FIND_UNREASONABLE,
            Act.FIND_REASONABLE,
            Act.REDO,
            Act.VOID,
            Act.TAKE_BACK,
        ),
        Who(_DECIDE),
    ),
    **dict.fromkeys((Act.SUPERVISE, Act.ESCALATE, Act.END_ESCALATION), Who(_SUPERVISE)),
    **dict.fromkeys((Act.HAND_OVER, Act.REPORT_TRACK, Act.END_TRACK), Who(_SUPERVISE)),
    **dict.fromkeys((Act.UNHIDE, Act.ADMIT), Who(Permission.CONFIDENTIAL_CONFIRM)),
}


def check(ticket: Ticket, act: Act, person: Person, data: Json | None = None) -> Why | None:
    """Why this person cannot do this to the ticket as it is; None: they can.

    ``data`` is what the entry would carry; None asks in general, for a button.
    """
    if follows(ticket.state, act) is None:
        return Why.STATE
    if not person.may(WHO[act].permission):
        if not (person.unit and person.may(Permission.TICKETS_OWN_UNIT)):
            return Why.ROLE
        if why := _unit_refused(ticket, act, person.unit):
            return why
    guard = GUARDS.get(act)
    return guard(ticket, data) if guard else None


def _unit_refused(ticket: Ticket, act: Act, unit: str) -> Why | None:
    part = WHO[act].part
    if part is Part.NOBODY:
        return Why.ROLE
    has = (
        ticket.main is not None and ticket.main.unit == unit
        if part is Part.MAIN
        else any(it.unit == unit for it in ticket.joint)
    )
    return None if has else Why.NOT_YOUR_UNIT


Guard = Callable[[Ticket, Json | None], Why | None]


def _joint_of(ticket: Ticket, data: Json | None) -> Assignment | None:
    return next((it for it in ticket.joint if data and it.unit == data.get("unit")), None)


def _has_unit(ticket: Ticket, _: Json | None) -> Why | None:
    return None if ticket.main else Why.NO_UNIT


def _may_object(ticket: Ticket, _: Json | None) -> Why | None:
    return Why.BOUND if ticket.bound else None


def _other_unit(ticket: Ticket, data: Json | None) -> Why | None:
    same = data is not None and ticket.main is not None and data.get("main") == ticket.main.unit
    return Why.SAME_UNIT if same else None


def _no_pending(ticket: Ticket, _: Json | None) -> Why | None:
    return Why.EXTENSION_PENDING if pending_extension(ticket) else None


def _pending(ticket: Ticket, _: Json | None) -> Why | None:
    return None if pending_extension(ticket) else Why.NO_EXTENSION


def _is_joint(ticket: Ticket, data: Json | None) -> Why | None:
    if data is None:
        return None if ticket.joint else Why.NOT_JOINT
    return None if _joint_of(ticket, data) else Why.NOT_JOINT


def _joint_signs(ticket: Ticket, data: Json | None) -> Why | None:
    if data is None:
        return None if any(it.signed_at is None for it in ticket.joint) else Why.NOT_JOINT
    found = _joint_of(ticket, data)
    return Why.NOT_JOINT if found is None else Why.SIGNED_ALREADY if found.signed_at else None


def _new_joint(ticket: Ticket, data: Json | None) -> Why | None:
    return Why.ALREADY_UNIT if data and data.get("unit") in ticket.units else None


def _joints_done(ticket: Ticket, _: Json | None) -> Why | None:
    return Why.JOINT_OPEN if any(it.replied_at is None for it in ticket.joint) else None


def _closable(ticket: Ticket, data: Json | None) -> Why | None:
    if any(it.answered_at is None for it in ticket.supervisions):
        return Why.SUPERVISION_OPEN
    if data is None or data.get("explained"):
        return None
    reached = [it for it in ticket.asked if it.reached]
    if not reached:
        return Why.NOT_FOLLOWED_UP
    return Why.NOT_SATISFIED if reached[-1].solved is False or reached[-1].satisfied is False else None


def _letter_open(ticket: Ticket, data: Json | None) -> Why | None:
    open_ = [it.id for it in ticket.supervisions if it.answered_at is None]
    known = bool(open_) if data is None else data.get("letter") in open_
    return None if known else Why.NO_SUPERVISION


def _track_open(ticket: Ticket, data: Json | None) -> Why | None:
    open_ = [it.id for it in ticket.tracks if it.ended_at is None]
    known = bool(open_) if data is None else data.get("track") in open_
    return None if known else Why.NO_TRACK


def _escalated(ticket: Ticket) -> bool:
    return ticket.escalation is not None and ticket.escalation.until is None


#: what must hold beside the state
GUARDS: Final[Mapping[Act, Guard]] = {
    Act.REDISPATCH: _other_unit,
    Act.UPHOLD: _other_unit,
    Act.OBJECT: _may_object,
    Act.ASK_EXTENSION: _no_pending,
    Act.GRANT_EXTENSION: _pending,
    Act.REFUSE_EXTENSION: _pending,
    Act.ADD_JOINT: _new_joint,
    Act.RELEASE_JOINT: _is_joint,
    Act.JOINT_SIGN: _joint_signs,
    Act.JOINT_REPLY: _is_joint,
    Act.ACCEPT_REPLY: _joints_done,
    Act.CLOSE: _closable,
    Act.REDO: _has_unit,
    Act.ANSWER_SUPERVISION: _letter_open,
    Act.ESCALATE: lambda ticket, _: Why.ESCALATED_ALREADY if _escalated(ticket) else None,
    Act.END_ESCALATION: lambda ticket, _: None if _escalated(ticket) else Why.NOT_ESCALATED,
    Act.REPORT_TRACK: _track_open,
    Act.END_TRACK: _track_open,
    Act.MERGE: lambda ticket, data: Why.MERGE_SELF if data and data.get("into") == ticket.number else None,
    Act.HIDE: lambda ticket, _: Why.HIDDEN_ALREADY if ticket.confidential else None,
    Act.UNHIDE: lambda ticket, _: None if ticket.confidential else Why.NOT_HIDDEN,
}


def pending_extension(ticket: Ticket) -> Extension | None:
    """The extension that waits for a decision."""
    return next((it for it in ticket.extensions if it.granted is None), None)
