"""Calls for people and scripts: numbers masked, unless a named user asks with a reason (and is logged)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from facts.call import AgentLeg, AgentRing, Call, JourneyStep, QueueLeg
from facts.errors import HotlineError
from facts.masking import mask_number
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.records import EventRecord

LOCAL = ZoneInfo("Asia/Shanghai")
_SHOWN = (
    "did", "line", "state", "outcome", "cause", "arrived_at", "notice_at", "flow_entered_at", "flow_left_at",
    "answered_at", "ended_at", "ended_by", "hangup_cause", "recording", "survey_score", "voicemail",
    "voicemail_ms", "callback_requested", "self_service", "transfer_target", "transferred_at",
)  # fmt: skip


class ReasonMissing(HotlineError):
    """Full numbers are shown only to a named user with a reason."""

    error_id = "reason-missing"


async def allow_full_numbers(uow: UnitOfWork, calls: Sequence[Call], *, user: str, reason: str) -> None:
    """Write down who sees which callers' numbers and why. Call before showing them.

    Raises:
        ReasonMissing: no user, no reason, or an account that there is not.
    """
    account = await uow.users.by_login(user) if user.strip() else None
    if account is None or account.disabled or not reason.strip():
        raise ReasonMissing(fix="give --user with an account's login and --reason with why")
    for call in calls:
        await uow.audit.add(
            user, "show_number", subject=str(call.key), fields=["caller_number"], reason=reason.strip()
        )


def call_json(call: Call, *, full_numbers: bool = False) -> dict[str, Any]:
    """A call as ``calls list|show --json`` prints it: times in UTC, ISO 8601."""
    return {
        "key": str(call.key),
        "caller": call.caller_number if full_numbers else mask_number(call.caller_number),
        "withheld": call.caller_number is None,
        **{name: _plain(getattr(call, name)) for name in _SHOWN},
        "flags": sorted(flag.value for flag in call.flags),
        "wait_s": call.wait_s,
        "agent": call.agent,
        "queues": [_leg_json(leg) for leg in call.queue_legs],
        "rings": [_leg_json(ring) for ring in call.rings],
        "agents": [_leg_json(leg) for leg in call.agent_legs],
        "steps": [_leg_json(step) for step in call.steps],
        "answers": [list(answer) for answer in call.answers],
    }


def _leg_json(leg: QueueLeg | AgentRing | AgentLeg | JourneyStep) -> dict[str, Any]:
    return {field.name: _plain(getattr(leg, field.name)) for field in fields(leg)}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def event_json(event: EventRecord) -> dict[str, Any]:
    """One stored event for ``calls show --events``; whatever looks like a number is masked."""
    shown = {
        name: mask_number(value) if name.endswith("_number") and isinstance(value, str) else value
        for name, value in event.payload.items()
    }
    return {"seq": event.seq, "received_at": _plain(event.received_at), **shown}


def calls_table(calls: Sequence[Call], *, full_numbers: bool = False) -> Table:
    """Calls as ``calls list`` prints them for a person, times in Asia/Shanghai."""
    table = Table(
        "arrived", "line", "caller", "state", "outcome", "wait", "agent", "ended by", "flags", "key"
    )
    for call in calls:
        table.add_row(
            call.arrived_at.astimezone(LOCAL).strftime("%m-%d %H:%M:%S"),
            call.line or "—",
            (full_numbers and call.caller_number) or mask_number(call.caller_number),
            call.state.value,
            call.outcome.value if call.outcome else "—",
            "—" if call.wait_s is None else f"{call.wait_s:.1f} s",
            call.agent or "—",
            call.ended_by.value if call.ended_by else "—",
            " ".join(sorted(flag.value for flag in call.flags)),
            str(call.key),
        )
    return table
