"""Numbers of persons, sealed: everywhere else there are tokens of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, LargeBinary, Table, Text, text

from ticketing_bridge.store.tables import metadata

sealed_number = Table(
    "sealed_number",
    metadata,
    Column("token", Text, primary_key=True),
    #: by what the number finds its token: keyed, so that none can be tried out
    Column("lookup", LargeBinary, nullable=False, unique=True),
    #: of ``number:TOKEN``; once it is destroyed the token is nobody's
    Column("key", BigInteger, ForeignKey("data_key.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    #: the last day on which it was written
    Column("seen_on", Date, nullable=False, server_default=text("CURRENT_DATE")),
    Index("sealed_number_seen", "seen_on"),
)
