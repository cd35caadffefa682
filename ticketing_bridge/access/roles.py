"""Roles and what they may do: one table, asked by pages, the API and the command line alike.

A permission says what kind of thing somebody may do; whether this very ticket is theirs to see
is said by ``ticketing_bridge.tickets.confidentiality``, for which a permission alone is never enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from facts.errors import HotlineError


class Role(StrEnum):
    """What somebody is here. Every account has exactly one."""

    AGENT = "agent"
    SHIFT_LEADER = "shift_leader"
    OPS = "ops"
    #: somebody of a handling unit; the account names the unit
    UNIT = "unit"
    AUDITOR = "auditor"
    ADMIN = "admin"
    #: a screen, not a person: shows the wall and nothing else, and stays signed in
    WALL = "wall"


class Permission(StrEnum):
    """Kinds of things that can be done; ``area.deed``."""

    #: the board, calls' pages with their words (numbers masked), drafts
    CALLS_SEE = "calls.see"
    CALLS_SEARCH = "calls.search"
    TRANSCRIPTS_EXPORT = "transcripts.export"
    #: listen to recordings
    RECORDINGS_HEAR = "recordings.hear"
    #: one number in clear, with a reason that goes on record
    NUMBERS_REVEAL = "numbers.reveal"
    #: correct and confirm drafts
    DRAFTS_EDIT = "drafts.edit"
    #: the connection rate, its causes and its missed calls
    RATE_SEE = "rate.see"
    #: the wallboard: the shift at a glance, no number of anybody
    WALL_SEE = "wall.see"
    #: take calls out of the rate's base, or agree to it
    RATE_EXCLUDE = "rate.exclude"
    #: say from which day on a rate is defined how
    RATE_DEFINE = "rate.define"
    FLOWS_SEE = "flows.see"
    CALLBACKS_WORK = "callbacks.work"
    FOLLOW_UPS_WORK = "follow_ups.work"
    NOTICE_SEE = "notice.see"
    #: speak to every caller
    NOTICE_SWITCH = "notice.switch"
    #: states of agents
    AGENTS_SEE = "agents.see"
    #: listen in, whisper, barge in, log out
    AGENTS_DIRECT = "agents.direct"
    #: one's own telephone: ready, pause, transfer, emergency
    CALLS_TAKE = "calls.take"
    KNOWLEDGE_SEE = "knowledge.see"
    KNOWLEDGE_EDIT = "knowledge.edit"
    #: the city's data: categories, units, places, dispatch rules, limits
    CATALOGUE_EDIT = "catalogue.edit"
    #: the city's tickets; of confidential ones the matter alone
    TICKETS_SEE = "tickets.see"
    #: make a ticket, answer it at the desk, dispatch it, merge it, note on it
    TICKETS_WORK = "tickets.work"
    #: decide objections, extensions, unreasonable requests, void tickets, consultations
    TICKETS_DECIDE = "tickets.decide"
    #: supervision letters, joint supervision, special channels and special actions
    TICKETS_SUPERVISE = "tickets.supervise"
    #: tickets of one's own unit: sign in, handle, reply, object
    TICKETS_OWN_UNIT = "tickets.own_unit"
    TICKETS_EXPORT = "tickets.export"
    #: who called in a confidential ticket, with a reason that goes on record
    CONFIDENTIAL_SEE = "confidential.see"
    #: be one of the two people that a confidential matter needs
    CONFIDENTIAL_CONFIRM = "confidential.confirm"
    AUDIT_SEE = "audit.see"
    #: legal hold, erasure, purge
    RETENTION_KEEP = "retention.keep"
    #: what was delivered outside, and what could not be
    DELIVERY_SEE = "delivery.see"
    DELIVERY_RESEND = "delivery.resend"
    USERS_MANAGE = "users.manage"


_P = Permission

_AGENT: Final = frozenset(
    {
        _P.CALLS_SEE,
        _P.CALLS_SEARCH,
        _P.CALLS_TAKE,
        _P.TRANSCRIPTS_EXPORT,
        _P.RECORDINGS_HEAR,
        _P.NUMBERS_REVEAL,
        _P.DRAFTS_EDIT,
        _P.RATE_SEE,
        _P.WALL_SEE,
        _P.FLOWS_SEE,
        _P.CALLBACKS_WORK,
        _P.FOLLOW_UPS_WORK,
        _P.NOTICE_SEE,
        _P.AGENTS_SEE,
        _P.KNOWLEDGE_SEE,
        _P.TICKETS_SEE,
        _P.TICKETS_WORK,
    }
)
_LEADER: Final = _AGENT | {
    _P.RATE_EXCLUDE,
    _P.NOTICE_SWITCH,
    _P.AGENTS_DIRECT,
    _P.KNOWLEDGE_EDIT,
    _P.TICKETS_DECIDE,
    _P.TICKETS_SUPERVISE,
    _P.TICKETS_EXPORT,
    _P.CONFIDENTIAL_SEE,
    _P.CONFIDENTIAL_CONFIRM,
    _P.DELIVERY_SEE,
}

#: the table: what each role may do, and nothing else
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.AGENT: _AGENT,
    Role.SHIFT_LEADER: _LEADER,
    # keeps the service running and the city's data current; needs nobody's number for it
    Role.OPS: frozenset(
        {
            _P.CALLS_SEE,
            _P.RATE_SEE,
            _P.WALL_SEE,
            _P.RATE_EXCLUDE,
            _P.RATE_DEFINE,
            _P.FLOWS_SEE,
            _P.CALLBACKS_WORK,
            _P.NOTICE_SEE,
            _P.AGENTS_SEE,
            _P.KNOWLEDGE_SEE,
            _P.KNOWLEDGE_EDIT,
            _P.CATALOGUE_EDIT,
            _P.DELIVERY_SEE,
            _P.DELIVERY_RESEND,
        }
    ),
    Role.UNIT: frozenset({_P.TICKETS_OWN_UNIT}),
    # sees what was done and by whom; never the person whom it was about
    Role.AUDITOR: frozenset({_P.AUDIT_SEE, _P.RATE_SEE, _P.WALL_SEE, _P.TICKETS_SEE, _P.DELIVERY_SEE}),
    # everything that is not a unit's: it is the first account of an installation
    Role.ADMIN: frozenset(Permission) - {_P.TICKETS_OWN_UNIT},
    Role.WALL: frozenset({_P.WALL_SEE}),
}

if missing := [role for role in Role if role not in PERMISSIONS]:
    raise ImportError(f"no permissions for {missing}")


class AccessRefused(HotlineError):
    """This person may not do that."""

    error_id = "access-refused"
    exit_code = 1


class RoleUnknown(HotlineError):
    """There is no such role."""

    error_id = "role-unknown"


def role_named(name: str) -> Role:
    """The role of this name.

    Raises:
        RoleUnknown: naming those that there are.
    """
    try:
        return Role(name)
    except ValueError:
        raise RoleUnknown(f"there is no role {name!r}", fix="one of " + ", ".join(Role)) from None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts: an account, a client of the API, or a user of this machine's command line."""

    name: str
    role: Role
    #: of whom a unit's account is; None for all others
    unit: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this kind of thing is this person's to do."""
        return permission in PERMISSIONS[self.role]

    def must(self, permission: Permission) -> None:
        """The same as a command.

        Raises:
            AccessRefused: it is not.
        """
        if not self.may(permission):
            raise AccessRefused(f"{self.role} may not do {permission}", fix="ask somebody whose role may")
