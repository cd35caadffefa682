"""Queries about versions of the city's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.catalogue_tables import catalogue_version

#: told when another version is in force; the payload is its id
CATALOGUE_CHANNEL = "hotline_catalogue"
#: versions are made one after the other
_LOCK = text("SELECT pg_advisory_xact_lock(312345015)")


@dataclass(frozen=True, slots=True)
class CatalogueVersion:
    """A version; without its ``files`` where only a list is wanted."""

    id: int
    at: datetime
    by: str
    note: str
    digest: str
    restored: int | None
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.id:06}-{self.digest[:12]}"


class CatalogueRepository:
    """Versions of the city's data."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def alone(self) -> None:
        """Keep others from making a version until this transaction ends."""
        await self._connection.execute(_LOCK)

    async def add(
        self, files: Mapping[str, str], digest: str, by: str, note: str, restored: int | None = None
    ) -> CatalogueVersion:
        """Put a version in force."""
        made = (
            catalogue_version.insert()
            .values(files=dict(files), digest=digest, by=by, note=note, restored=restored)
            .returning(*catalogue_version.columns)
        )
        return CatalogueVersion(**(await self._connection.execute(made)).mappings().one())

    async def newest(self) -> CatalogueVersion | None:
        """The version in force; None: the built-in one."""
        query = select(catalogue_version).order_by(catalogue_version.c.id.desc()).limit(1)
        row = (await self._connection.execute(query)).mappings().first()
        return CatalogueVersion(**row) if row else None

    async def get(self, version: int) -> CatalogueVersion | None:
        """One version with its files."""
        query = select(catalogue_version).where(catalogue_version.c.id == version)
        row = (await self._connection.execute(query)).mappings().first()
        return CatalogueVersion(**row) if row else None

    async def before(self, version: int) -> CatalogueVersion | None:
        """The version that this one took the place of; None: it was the first."""
        query = select(catalogue_version).where(catalogue_version.c.id < version)
        row = (
            (await self._connection.execute(query.order_by(catalogue_version.c.id.desc()).limit(1)))
            .mappings()
            .first()
        )
        return CatalogueVersion(**row) if row else None

    async def list(self, limit: int = 100) -> list[CatalogueVersion]:
        """The newest versions, without their files."""
        columns = [it for it in catalogue_version.columns if it.name != "files"]
        query = select(*columns).order_by(catalogue_version.c.id.desc()).limit(limit)
        rows = (await self._connection.execute(query)).mappings()
        return [CatalogueVersion(**row) for row in rows]
