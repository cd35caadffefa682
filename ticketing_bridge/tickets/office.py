"""What tickets stand on in one installation: rules, calendar, units, and the key that seals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from config.catalogue import CityData
from config.catalogue_store import CatalogueStore
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
    store = CatalogueStore(settings.home)
    return TicketOffice(
        _rules(settings, store.folder),
        hotline,
        store.current(),
        Vault(load_or_make_secrets(settings.home).vault),
    )


def _rules(settings: Settings, folder: Path | None) -> TicketRules:
    """The rules of the version in force, where the city keeps its limits there; else of the city's folder."""
    kept = folder is not None and (folder / "tickets.yaml").exists()
    return load_ticket_rules(folder if kept else settings.hotline_config)


class TicketOffices:
    """The office by the city's data in force: opened again when another version is in place."""

    def __init__(self, settings: Settings, hotline: Hotline) -> None:
        self._settings, self._hotline = settings, hotline
        self._store = CatalogueStore(settings.home)
        self._open: tuple[str, TicketOffice] | None = None

    @property
    def version(self) -> str:
        """The version of the city's data in force."""
        return self._store.version

    def at_hand(self) -> TicketOffice | None:
        """The office of now where no file has to be read for it."""
        return self._open[1] if self._open is not None and self._open[0] == self.version else None

    def current(self) -> TicketOffice:
        """The office of now. Raises ``HotlineError`` naming every wrong place of a file."""
        version = self.version
        if self._open is None or self._open[0] != version:
            self._open = version, open_office(self._settings, self._hotline)
        return self._open[1]
