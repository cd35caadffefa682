"""Tables of the API: its clients, and the answers that they may ask for twice."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.tables import at_column, metadata

#: who may use the API; of its token only the digest
api_client = Table(
    "api_client",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("token_digest", LargeBinary, nullable=False, unique=True),
    #: it acts as somebody of this role, and of this unit
    Column("role", Text, nullable=False),
    Column("unit", Text),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("per_minute", Integer, nullable=False),
    at_column("created_at", now=True),
    Column("created_by", Text, nullable=False),
    at_column("expires_at"),
    at_column("revoked_at", nullable=True),
    at_column("used_at", nullable=True),
)

#: what a client got for a key, so that a request sent twice is done once
api_answer = Table(
    "api_answer",
    metadata,
    Column("client", BigInteger, ForeignKey("api_client.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", Integer),
    Column("answer", JSONB),
    at_column("at", now=True),
    PrimaryKeyConstraint("client", "key"),
    Index("api_answer_at", "at"),
)
