"""Tickets of a city on a real database."""

from __future__ import annotations

import pytest

from tests.database import database, database_server, database_url
from tests.tickets.city import OFFICE
from ticketing_bridge.tickets import TicketService

__all__ = ["database", "database_server", "database_url"]


@pytest.fixture
def service() -> TicketService:
    return TicketService(OFFICE)
