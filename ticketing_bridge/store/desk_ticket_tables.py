"""Tables of our own tickets: each ticket, its history, its keys, what waits for a second person."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from ticketing_bridge.store.tables import at_column, metadata

#: keys of persons and tickets, wrapped by the installation's key; destroyed ones keep their row
data_key = Table(
    "data_key",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("wrapped", LargeBinary),
    at_column("made_at", now=True),
    at_column("destroyed_at", nullable=True),
    Column("destroyed_by", Text),
    Index("data_key_subject", "subject", unique=True, postgresql_where=text("wrapped IS NOT NULL")),
)

#: one row a ticket: what its history adds up to. Words and persons are sealed
ticket = Table(
    "ticket",
    metadata,
    Column("number", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    #: the whole ticket but its words
    Column("body", JSONB, nullable=False),
    Column("texts", LargeBinary, nullable=False),
    Column("person", LargeBinary),
    #: by what the person is found again (see ``sealing.Vault.lookup``)
    Column("person_lookup", Text),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("appeal", Text, nullable=False),
    Column("call", Text),
    Column("main_unit", Text),
    Column("units", ARRAY(Text), nullable=False),
    Column("barred", ARRAY(Text), nullable=False),
    Column("confidential", Boolean, nullable=False),
    at_column("received_at"),
    at_column("updated_at"),
    at_column("dispatched_at", nullable=True),
    at_column("due_at", nullable=True),
    at_column("closed_at", nullable=True),
    #: of the call-back number only what a caller must name, as of imported tickets
    Column("phone_last4", Text),
    Column("phone_salt", LargeBinary),
    Column("phone_hash", LargeBinary),
    Index("ticket_state", "state", "received_at"),
    Index("ticket_received", "received_at"),
    Index("ticket_units", "units", postgresql_using="gin"),
    Index("ticket_due", "due_at", postgresql_where=text("closed_at IS NULL")),
    Index("ticket_closed", "closed_at"),
    Index("ticket_call", "call"),
    Index("ticket_person", "person_lookup"),
    Index("ticket_phone", "phone_last4"),
    Index("ticket_in_clear", "number", postgresql_where=text("phone_last4 ~ '^[^~]'")),
)

#: by what a ticket is found: keyed tokens of its words; NULL: its caller was erased, it is found no more
ticket_words = Table(
    "ticket_words",
    metadata,
    Column("ticket", Text, ForeignKey("ticket.number"), primary_key=True),
    Column("keys", TSVECTOR),
    Index("ticket_words_keys", "keys", postgresql_using="gin"),
)

#: a ticket's history; a trigger refuses UPDATE, DELETE and TRUNCATE
ticket_event = Table(
    "ticket_event",
    metadata,
    Column("ticket", Text, ForeignKey("ticket.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("act", Text, nullable=False),
    at_column("at"),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("unit", Text),
    Column("data", JSONB, nullable=False),
    Column("texts", LargeBinary),
    PrimaryKeyConstraint("ticket", "version"),
    Index("ticket_event_at", "at"),
    Index("ticket_event_act", "act", "at"),
)

#: after which number of the sequence ``ticket_serial_seq`` a day's serial numbers begin
ticket_serial = Table(
    "ticket_serial",
    metadata,
    Column("day", Date, primary_key=True),
    Column("base", BigInteger, nullable=False),
)

#: one of these drafts became that ticket: nobody makes two
ticket_source = Table(
    "ticket_source",
    metadata,
    Column("source", Text, primary_key=True),
    Column("ticket", Text, ForeignKey("ticket.number"), nullable=False),
)

#: links of tickets beside merging: repeats, the same matter
ticket_link = Table(
    "ticket_link",
    metadata,
    Column("ticket", Text, ForeignKey("ticket.number"), nullable=False),
    Column("other", Text, ForeignKey("ticket.number"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    at_column("at", now=True),
    PrimaryKeyConstraint("ticket", "other", "kind"),
    Index("ticket_link_other", "other"),
)

#: what one person asked for and another one must confirm
ticket_approval = Table(
    "ticket_approval",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ticket", Text, ForeignKey("ticket.number"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("units", ARRAY(Text), nullable=False),
    Column("asked_by", Text, nullable=False),
    at_column("asked_at", now=True),
    Column("reason", LargeBinary, nullable=False),
    Column("decided_by", Text),
    at_column("decided_at", nullable=True),
    Column("granted", Boolean),
    Index("ticket_approval_open", "ticket", postgresql_where=text("granted IS NULL")),
    UniqueConstraint("ticket", "kind", "asked_at"),
)

#: warnings given, each once
ticket_warning = Table(
    "ticket_warning",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ticket", Text, ForeignKey("ticket.number"), nullable=False),
    Column("kind", Text, nullable=False),
    #: what tells apart several of one kind: the stage, and the limit or answer that it is about
    Column("stage", Text, nullable=False),
    Column("unit", Text),
    at_column("at", now=True),
    at_column("seen_at", nullable=True),
    Column("seen_by", Text),
    UniqueConstraint("ticket", "kind", "stage"),
    Index("ticket_warning_at", "at"),
)
