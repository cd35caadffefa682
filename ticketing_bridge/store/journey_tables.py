"""Tables of what callers are told, promised and asked: tickets' progress, notices, call-backs, follow-ups."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from ticketing_bridge.store.tables import at_column, metadata

#: tickets of the city's system as they were imported; of the call-back number only what a caller must name
city_ticket = Table(
    "city_ticket",
    metadata,
    Column("number", Text, primary_key=True),
    #: the digits of its number: what can be keyed
    Column("digits", Text, nullable=False),
    Column("matter", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_text", Text, nullable=False),
    Column("units", ARRAY(Text), nullable=False),
    Column("expected_on", Date),
    at_column("updated_at"),
    Column("phone_last4", Text),
    Column("phone_salt", LargeBinary),
    Column("phone_hash", LargeBinary),
    Column("confidential", Boolean, nullable=False),
    at_column("closed_at", nullable=True),
    at_column("imported_at", now=True),
    Index("city_ticket_digits", "digits"),
    Index("city_ticket_phone", "phone_last4"),
    Index("city_ticket_closed", "closed_at"),
    Index("city_ticket_in_clear", "number", postgresql_where=text("phone_last4 ~ '^[^~]'")),
)

#: whom to ask about a closed ticket; gone as soon as the follow-up is made
ticket_contact = Table(
    "ticket_contact",
    metadata,
    Column("ticket", Text, ForeignKey("city_ticket.number", ondelete="CASCADE"), primary_key=True),
    Column("phone", Text, nullable=False),
    Index("ticket_contact_in_clear", "ticket", postgresql_where=text("phone ~ '^[^~]'")),
)

#: progress queries, for their limits; numbers as digests
progress_attempt = Table(
    "progress_attempt",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    at_column("at", now=True),
    Column("caller", LargeBinary),
    Column("ticket", LargeBinary, nullable=False),
    Column("found", Boolean, nullable=False),
    Index("progress_attempt_at", "at"),
)

hour_notice = Table(
    "hour_notice",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("text", Text, nullable=False),
    #: ids of lines; empty: all
    Column("lines", ARRAY(Text), nullable=False),
    at_column("until"),
    Column("made_by", Text, nullable=False),
    at_column("made_at", now=True),
    at_column("ended_at", nullable=True),
    Column("ended_by", Text),
    Index("hour_notice_until", "until"),
)

#: how each queue stands, as its PBX's telephony role sees it
queue_state = Table(
    "queue_state",
    metadata,
    Column("pbx_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("free_agents", Integer, nullable=False),
    Column("agents", Integer, nullable=False),
    #: seconds that one place in the queue takes, measured; NULL: not enough calls to say
    Column("place_s", Double),
    at_column("at", now=True),
    PrimaryKeyConstraint("pbx_id", "queue"),
)

callback = Table(
    "callback",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("pbx_id", Text, nullable=False),
    Column("call", Text),
    Column("kind", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Text, nullable=False),
    #: arrival of the call that it stands for: its place in the queue
    at_column("arrived_at"),
    Column("state", Text, nullable=False),
    #: not before this time
    at_column("due_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    #: why it is as it is, for people: a key of the page's labels
    Column("reason", Text),
    #: the PBX's channel that waits or talks for it
    Column("channel", Text),
    #: who of us has seen to it, when a person did
    Column("done_by", Text),
    at_column("created_at", now=True),
    at_column("updated_at", now=True),
    #: one that is open for each number: nobody is dialled twice
    Index(
        "callback_open_number",
        "number",
        unique=True,
        postgresql_where=text("state IN ('wanted','placed','agent','dialing','by_person')"),
    ),
    Index("callback_state", "state", "due_at"),
    Index("callback_call", "call"),
    Index("callback_number", "number"),
    Index("callback_in_clear", "id", postgresql_where=text("number ~ '^[^~]'")),
)

callback_attempt = Table(
    "callback_attempt",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("callback", BigInteger, ForeignKey("callback.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    at_column("placed_at", now=True),
    Column("agent", Text),
    at_column("agent_at", nullable=True),
    at_column("dialed_at", nullable=True),
    at_column("reached_at", nullable=True),
    at_column("ended_at", nullable=True),
    Column("result", Text),
    Column("recording", Text),
    Index("callback_attempt_callback", "callback", "attempt", unique=True),
)

follow_up_task = Table(
    "follow_up_task",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("pbx_id", Text, nullable=False),
    Column("ticket", Text, nullable=False, unique=True),
    Column("number", Text, nullable=False),
    Column("matter", Text, nullable=False),
    Column("confidential", Boolean, nullable=False),
    at_column("closed_at"),
    Column("state", Text, nullable=False),
    at_column("due_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    at_column("dialled_at", nullable=True),
    Column("recording", Text),
    at_column("created_at", now=True),
    at_column("updated_at", now=True),
    Index("follow_up_state", "state", "due_at"),
    Index("follow_up_number", "number", "dialled_at"),
    Index("follow_up_task_in_clear", "id", postgresql_where=text("number ~ '^[^~]'")),
)

#: answers of robot and person apart
follow_up_answer = Table(
    "follow_up_answer",
    metadata,
    Column("task", BigInteger, ForeignKey("follow_up_task.id", ondelete="CASCADE"), nullable=False),
    #: robot or human
    Column("asked_by", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    #: login of the person who asked
    Column("who", Text),
    at_column("at", now=True),
    PrimaryKeyConstraint("task", "asked_by", "question"),
)
