"""Our own tickets as a progress query takes tickets: their state in words, nothing of the matter."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from ticketing_bridge.store.desk_ticket_records import TicketRow
from ticketing_bridge.store.journey_records import CityTicket
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.spoken import spoken_states
from ticketing_bridge.tickets.states import State


def as_told(row: TicketRow) -> CityTicket:
    """One of our own tickets as a progress query takes tickets. A limit's midnight is the day before."""
    end = row.due_at.astimezone(LOCAL) if row.due_at else None
    return CityTicket(
        number=row.number,
        digits=row.number,
        matter="",
        status=row.state,
        status_text=spoken_states()[State(row.state)],
        units=row.units,
        expected_on=_last_day(end) if end else None,
        updated_at=row.updated_at,
        phone_last4=row.phone_last4,
        phone_salt=row.phone_salt,
        phone_hash=row.phone_hash,
        confidential=row.confidential,
        closed_at=row.closed_at,
    )


def _last_day(end: datetime) -> date:
    return (end - timedelta(seconds=1)).date()
