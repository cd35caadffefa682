"""Watches the tickets that are open: gives each warning once, to those who can act."""

from __future__ import annotations

from datetime import datetime

from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.outbox_records import OutboxKind
from ticketing_bridge.tickets.life import from_json
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.states import State
from ticketing_bridge.tickets.warnings import TicketWarning, due_warnings, warning_names

#: tickets that can be warned of
WATCHED = (
    State.DISPATCHED,
    State.HANDLING,
    State.SUSPENDED,
    State.OBJECTED,
    State.CONSULTING,
    State.REVIEWING,
    State.FOLLOW_UP,
    State.CLOSED,
    State.RATED,
)
#: told when warnings were given, so that pages look again
WARNING_CHANNEL = "hotline_ticket_warning"
#: tickets that are read at once
AT_ONCE = 2000


async def watch(uow: UnitOfWork, office: TicketOffice, now: datetime) -> int:
    """Give the warnings that are due; returns how many are new. No words of a ticket are opened for it."""
    given, states, after = 0, [it.value for it in WATCHED], ""
    while rows := await uow.desk_tickets.watched(states, AT_ONCE, after):
        after = rows[-1].number
        for row in rows:
            for warning in due_warnings(from_json(row.body, {}), office.city_rules, now):
                if not await uow.warnings.add(row.number, warning.kind, warning.stage, warning.unit):
                    continue
                given += 1
                await _tell(uow, office, row.number, warning)
    if given:
        await uow.notify(WARNING_CHANNEL, str(given))
    return given


async def _tell(uow: UnitOfWork, office: TicketOffice, number: str, warning: TicketWarning) -> None:
    """Once for the systems of units, and once for each telephone; no word of matter or caller."""
    detail = f"{warning.kind}:{warning.stage}"
    payload = {"warning": warning.kind.value, "what": warning.what, "unit": warning.unit}
    await uow.outbox.add(OutboxKind.WARNING, number, detail=detail, payload=payload)
    short = {"number": number, "unit": warning.unit or "", "warning": warning_names()[warning.kind]}
    for place, mobile in enumerate(office.rules.warnings.told(warning.unit), 1):
        await uow.outbox.add(
            OutboxKind.WARNING, number, detail=f"{detail}:{place}", payload={**short, "mobile": mobile}
        )
