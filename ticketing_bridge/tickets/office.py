"""What tickets stand on in one installation: rules, calendar, units, and the key that seals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from config.catalogue import CityData, load_catalogue
from config.hotline import Hotline
from config.secrets import load_or_make_secrets
from config.settings import Settings
from config.tickets import TicketRules, load_ticket_rules
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.tickets.limits import WorkCalendar
from ticketing_bridge.tickets.preparing import CityRules
from ticketing_bridge.tickets.units import UnitDirectory

#: whose hours are an office's
OFFICE = "office"


@dataclass(frozen=True)
class TicketOffice:
    """All that ``TicketService`` needs beside a unit of work."""

    rules: TicketRules
    hotline: Hotline
    city: CityData
    vault: Vault

    @cached_property
    def city_rules(self) -> CityRules:
        """Rules as the pure parts take them."""
        calendar = WorkCalendar(
            self.hotline.calendar, self.hotline.hours.get(OFFICE, ()), self.rules.day_ends
        )
        return CityRules(self.rules, calendar, UnitDirectory.of(self.city, self.rules.superiors))

    @property
    def units(self) -> UnitDirectory:
        """The city's units."""
        return self.city_rules.units


def open_office(settings: Settings, hotline: Hotline) -> TicketOffice:
    """Read rules, catalogue and key of an installation.

    Raises:
        HotlineError: naming every wrong place of a file.
    """
    return TicketOffice(
        load_ticket_rules(settings.hotline_config),
        hotline,
        load_catalogue(),
        Vault(load_or_make_secrets(settings.home).vault),
    )
