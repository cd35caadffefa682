"""Tables of what agents look up: knowledge entries with their owners and terms, and the units' phone book."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from ticketing_bridge.store.tables import at_column, metadata

knowledge_entry = Table(
    "knowledge_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    #: counts changes; who saves must know the newest
    Column("version", Integer, nullable=False),
    Column("question", Text, nullable=False),
    #: other ways in which citizens ask it
    Column("also_asked", ARRAY(Text), nullable=False),
    Column("answer", Text, nullable=False),
    Column("appeal", Text, nullable=False, server_default=""),
    #: the unit that stands for the answer, and the paper it rests on
    Column("unit", Text, nullable=False, server_default=""),
    Column("basis", Text, nullable=False, server_default=""),
    #: login of who keeps it true
    Column("owner", Text, nullable=False),
    Column("review_on", Date, nullable=False),
    #: not given to citizens from this day on
    Column("expires_on", Date),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    #: pairs of characters, with places: question A, other questions B, answer D
    Column("keys", TSVECTOR, nullable=False),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("changed_by", Text, nullable=False),
    at_column("changed_at", now=True),
    Index("knowledge_entry_keys", "keys", postgresql_using="gin"),
    Index("knowledge_entry_review", "review_on"),
)

#: every version as it was saved; a trigger refuses UPDATE, DELETE and TRUNCATE
knowledge_version = Table(
    "knowledge_version",
    metadata,
    Column("entry", BigInteger, ForeignKey("knowledge_entry.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("also_asked", ARRAY(Text), nullable=False),
    Column("answer", Text, nullable=False),
    Column("appeal", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("review_on", Date, nullable=False),
    Column("expires_on", Date),
    Column("withdrawn", Boolean, nullable=False),
    Column("changed_by", Text, nullable=False),
    at_column("changed_at", now=True),
    PrimaryKeyConstraint("entry", "version"),
)

#: what was asked and not found
knowledge_gap = Table(
    "knowledge_gap",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    #: normal text: the same question counts up
    Column("normal", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("times", Integer, nullable=False),
    #: the newest call in which it was asked
    Column("call", Text),
    Column("asked_by", Text, nullable=False),
    at_column("first_at", now=True),
    at_column("last_at", now=True),
    #: the entry that answers it now, or who says that none is needed
    Column("entry", BigInteger, ForeignKey("knowledge_entry.id")),
    Column("settled_by", Text),
    at_column("settled_at", nullable=True),
    Index("knowledge_gap_open", "normal", unique=True, postgresql_where=text("settled_at IS NULL")),
)

phone_entry = Table(
    "phone_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Integer, nullable=False),
    #: as the unit directory names it
    Column("unit", Text, nullable=False),
    #: the office within it; empty: the unit's own number
    Column("office", Text, nullable=False, server_default=""),
    Column("number", Text, nullable=False),
    #: what citizens ask it for, words
    Column("duties", ARRAY(Text), nullable=False),
    Column("hours", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    #: the unit or office is no more; who has its duties now
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    Column("successor", Text, nullable=False, server_default=""),
    Column("checked_on", Date),
    Column("told", Integer, nullable=False, server_default=text("0")),
    Column("changed_by", Text, nullable=False),
    at_column("changed_at", now=True),
    Index("phone_entry_place", "unit", "office", "number", unique=True),
)

#: numbers that citizens or agents found dead
phone_report = Table(
    "phone_report",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entry", BigInteger, ForeignKey("phone_entry.id", ondelete="CASCADE"), nullable=False),
    #: the number that was meant; the entry may change
    Column("number", Text, nullable=False),
    #: dead, no_answer or wrong
    Column("kind", Text, nullable=False),
    #: citizen, agent or pbx
    Column("found_by", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("call", Text),
    Column("note", Text, nullable=False, server_default=""),
    at_column("at", now=True),
    Column("settled_by", Text),
    Column("settlement", Text),
    at_column("settled_at", nullable=True),
    Index("phone_report_at", "at"),
    Index("phone_report_open", "entry", postgresql_where=text("settled_at IS NULL")),
)
