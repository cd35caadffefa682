"""Tables of what leaves the house: the outbox, its deliveries to connectors, what came back."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.tables import at_column, metadata

#: that something must be told outside; written in the transaction of what it is about, without personal data
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    #: number of a ticket, or key of a call
    Column("subject", Text, nullable=False),
    #: which state of the subject: a later one replaces an earlier one
    Column("revision", Integer, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'")),
    at_column("at", now=True),
    at_column("routed_at", nullable=True),
    Index("outbox_subject", "subject"),
    Index("outbox_unrouted", "at", postgresql_where=text("routed_at IS NULL")),
)

#: one row for each connector that an entry of the outbox goes to
delivery = Table(
    "delivery",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("outbox", BigInteger, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False),
    Column("connector", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    #: what the other side knows it by
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),
    #: attempts in all, and since a person had it sent again
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    #: not before this time
    at_column("due_at", now=True),
    at_column("first_attempt_at", nullable=True),
    at_column("attempt_at", nullable=True),
    #: why it is as it is: a key of the page's labels, and words for the log
    Column("reason", Text),
    Column("detail", Text),
    Column("remote_id", Text),
    #: what the other side calls its state, what that means here, and when it was last asked
    Column("remote_status", Text),
    Column("remote_meaning", Text),
    at_column("asked_at", nullable=True),
    #: when it is to be asked next; NULL: not any more
    at_column("ask_at", nullable=True),
    at_column("delivered_at", nullable=True),
    #: who of us decided it, when a person did
    Column("done_by", Text),
    at_column("created_at", now=True),
    at_column("updated_at", now=True),
    Index("delivery_once", "connector", "key", unique=True),
    Index("delivery_state", "state", "due_at"),
    Index("delivery_subject", "subject", "connector"),
    Index("delivery_remote", "connector", "remote_id"),
    Index(
        "delivery_ask",
        "connector",
        "ask_at",
        postgresql_where=text("state = 'delivered' AND kind = 'ticket' AND ask_at IS NOT NULL"),
    ),
)

#: what became of each attempt; written before it begins and completed after it ended
delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("delivery", BigInteger, ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    at_column("at", now=True),
    at_column("ended_at", nullable=True),
    Column("result", Text),
    Column("detail", Text),
    PrimaryKeyConstraint("delivery", "attempt"),
)

#: what the other side said of a ticket's state, in order; ``applied`` tells what it did here
delivery_status = Table(
    "delivery_status",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("delivery", BigInteger, ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False),
    at_column("at", now=True),
    Column("remote_status", Text, nullable=False),
    Column("meaning", Text),
    Column("note", Text),
    Column("applied", Text, nullable=False),
    Index("delivery_status_delivery", "delivery", "id"),
)

#: messages that came by a connector's webhook: each is taken once
webhook_message = Table(
    "webhook_message",
    metadata,
    Column("connector", Text, nullable=False),
    Column("message", Text, nullable=False),
    at_column("at", now=True),
    PrimaryKeyConstraint("connector", "message"),
    Index("webhook_message_at", "at"),
)
