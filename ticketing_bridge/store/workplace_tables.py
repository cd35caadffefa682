"""Tables of the agent's desk: work sheets, how drafts fared, marks of calls."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.tables import at_column, metadata

#: what a person has typed or accepted for one matter of a call, until it is a ticket
work_sheet = Table(
    "work_sheet",
    metadata,
    Column("call", Text, nullable=False),
    #: 1, and 2, 3 … when the caller has another matter
    Column("matter", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    #: field → value, version, by, accepted
    Column("typed", JSONB),
    Column("state", Text, nullable=False),
    Column("login", Text, nullable=False),
    #: what became of it: the ticket's number
    Column("ticket", Text),
    #: the knowledge entry that it was answered with
    Column("entry", BigInteger),
    at_column("opened_at", now=True),
    at_column("changed_at", now=True),
    at_column("saved_at", nullable=True),
    #: what was typed, under the key of the call's words
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("call", "matter"),
    Index("work_sheet_open", "login", postgresql_where=text("state = 'open'")),
    Index("work_sheet_in_clear", "call", postgresql_where=text("sealed IS NULL")),
)

#: how each field of each draft fared with the agent: the draft ledger
draft_verdict = Table(
    "draft_verdict",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("call", Text, nullable=False),
    Column("matter", Integer, nullable=False),
    Column("field", Text, nullable=False),
    #: version of what drafted
    Column("rules", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("confidence", Double),
    #: false: the field was switched off, the agent saw nothing of it
    Column("shown", Boolean, nullable=False),
    Column("login", Text, nullable=False),
    at_column("at", now=True),
    Index("draft_verdict_field", "rules", "field", "id"),
    Index("draft_verdict_once", "call", "matter", "field", unique=True),
)

#: a person switches a field on again (counting begins anew) or off
draft_switch = Table(
    "draft_switch",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("field", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("on", Boolean, nullable=False),
    Column("login", Text, nullable=False),
    Column("reason", Text, nullable=False),
    #: verdicts after this one count
    Column("after", BigInteger, nullable=False),
    at_column("at", now=True),
    Index("draft_switch_field", "rules", "field", "id"),
)

#: calls that no ticket comes of: silent, prank, abusive
call_mark = Table(
    "call_mark",
    metadata,
    Column("call", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("login", Text, nullable=False),
    #: the warning of the script was given
    at_column("warned_at", nullable=True),
    #: the agent ended the call under protection
    at_column("ended_at", nullable=True),
    at_column("at", now=True),
    Index("call_mark_at", "at"),
)
