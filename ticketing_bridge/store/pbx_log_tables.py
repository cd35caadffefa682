"""What agents beside remote PBXs shipped of CEL and queue_log: lines by file and place."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, PrimaryKeyConstraint, Table, Text, text

from ticketing_bridge.store.tables import at_column, metadata

pbx_log_line = Table(
    "pbx_log_line",
    metadata,
    Column("pbx_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("place", BigInteger, nullable=False),
    at_column("at"),
    #: numbers in it are tokens, once it is sealed
    Column("line", Text, nullable=False),
    Column("sealed", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("pbx_id", "kind", "file", "place"),
    Index("pbx_log_line_at", "pbx_id", "kind", "at"),
    Index("pbx_log_line_in_clear", "at", postgresql_where=text("NOT sealed")),
)

#: how far each file has come, and when its log was last read to its end (``file`` empty)
pbx_log_file = Table(
    "pbx_log_file",
    metadata,
    Column("pbx_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("have", BigInteger, nullable=False),
    at_column("as_of"),
    PrimaryKeyConstraint("pbx_id", "kind", "file"),
)
