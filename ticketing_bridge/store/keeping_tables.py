"""Tables of what is kept how long, and of what is proposed and undertaken beyond one ticket."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, Date, ForeignKey, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.tables import at_column, metadata

#: what must not be purged or erased while it lasts: a call, a ticket, a person
legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    at_column("at", now=True),
    at_column("released_at", nullable=True),
    Column("released_by", Text),
    Index("legal_hold_subject", "subject"),
)

#: what was purged when; a trigger refuses UPDATE, DELETE and TRUNCATE
purge_run = Table(
    "purge_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    at_column("at", now=True),
    Column("by", Text, nullable=False),
    Column("data_class", Text, nullable=False),
    at_column("before"),
    Column("purged", Integer, nullable=False),
    Column("held", Integer, nullable=False),
)

#: proposed from verdicts: what was sent to one unit and belongs to another
dispatch_rule = Table(
    "dispatch_rule",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("words", ARRAY(Text), nullable=False),
    Column("appeal", Text, nullable=False),
    Column("from_unit", Text, nullable=False),
    Column("to_unit", Text, nullable=False),
    Column("ticket", Text, ForeignKey("ticket.number"), nullable=False),
    Column("origin", Text, nullable=False),
    at_column("proposed_at", now=True),
    Column("state", Text, nullable=False),
    Column("decided_by", Text),
    at_column("decided_at", nullable=True),
    #: what the replay said when it was decided
    Column("replay", JSONB),
    Index("dispatch_rule_state", "state", "proposed_at"),
)

#: 专项行动: an undertaking about many tickets
special_action = Table(
    "special_action",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("aim", Text, nullable=False),
    Column("responsible", Text, nullable=False),
    Column("begins_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    #: measures, each with its date, its responsible person, and when it was done
    Column("measures", JSONB, nullable=False),
    Column("tickets", ARRAY(Text), nullable=False),
    Column("result", Text),
    Column("made_by", Text, nullable=False),
    at_column("made_at", now=True),
    at_column("ended_at", nullable=True),
    Index("special_action_ends", "ends_on"),
)
