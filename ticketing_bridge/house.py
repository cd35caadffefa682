"""One installation as the bridge sees it: its settings, its facts, its secrets, its database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from config.catalogue_store import CatalogueStore
from config.delivery import load_delivery
from config.hotline import Hotline, load_hotline
from config.secrets import AmiSecrets, Secrets, ami_secrets, load_or_make_secrets
from config.settings import Settings, load_settings
from config.sites import PbxSite, pbx_sites, site_of
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.store.upgrade import is_current, upgrade


@dataclass(frozen=True)
class House:
    """What every role and command needs to know."""

    settings: Settings
    hotline: Hotline
    secrets: Secrets

    @property
    def embedded(self) -> bool:
        """Whether the database is the embedded one."""
        return self.settings.database_url is None

    @property
    def database_url(self) -> str:
        return self.settings.database_url or EmbeddedPostgres(self.settings.home).url

    @cached_property
    def vault(self) -> Vault:
        """The installation's key, which wraps those of persons, tickets and calls."""
        return Vault(self.secrets.vault)

    def database(self, *, connections: int = 8) -> Database:
        """The installation's database, opened with its key: what is kept of calls is sealed."""
        return Database(self.database_url, self.vault, connections=connections)

    @cached_property
    def catalogue(self) -> CatalogueStore:
        """The city's data in force here."""
        return CatalogueStore(self.settings.home)

    @property
    def sites(self) -> tuple[PbxSite, ...]:
        """Every PBX that is followed; the one of the settings first."""
        return pbx_sites(self.settings, self.hotline)

    def site(self, pbx_id: str | None = None) -> PbxSite:
        """One of them; the first when no name is given. Raises ``PbxUnknown``."""
        return site_of(self.sites, pbx_id)

    def ami_secrets(self, site: PbxSite) -> AmiSecrets:
        """The passwords of our AMI users there. Raises ``SecretFileInvalid``."""
        return ami_secrets(site, self.secrets)


def open_house() -> House:
    """Read settings, facts and secrets, making folders and secrets on first use.

    Raises:
        HotlineError: naming every wrong setting or fact and its fix.
    """
    settings = load_settings()
    hotline = load_hotline(settings.hotline_config)
    load_delivery(settings.hotline_config)
    pbx_sites(settings, hotline)
    settings.make_folders()
    return House(settings, hotline, load_or_make_secrets(settings.home))


@asynccontextmanager
async def ready_database(house: House) -> AsyncIterator[Database]:
    """The installation's database, started when it is the embedded one, with the current schema.

    For commands: a server that was not running is stopped again at the end.
    """
    server = EmbeddedPostgres(house.settings.home) if house.embedded else None
    was_running = server is None or server.pid() is not None
    if server is not None:
        await server.start()
    try:
        if not is_current(house.database_url):
            upgrade(house.database_url)
        async with house.database(connections=4) as database:
            yield database
    finally:
        if server is not None and not was_running:
            await server.stop()
