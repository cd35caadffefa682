"""The table of the city's data: every version with who put it in force."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.tables import at_column, metadata

#: the newest one is in force; none is ever changed
catalogue_version = Table(
    "catalogue_version",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    at_column("at", now=True),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    #: texts by the names of files
    Column("files", JSONB, nullable=False),
    Column("digest", Text, nullable=False),
    #: the version whose files these are again
    Column("restored", BigInteger, ForeignKey("catalogue_version.id")),
)
