"""Tables of agents at work: their states, what was asked at the desk, and what became of calls there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.tables import at_column, metadata

#: each row begins a state, which lasts to the agent's next row; a trigger refuses UPDATE, DELETE, TRUNCATE
agent_state = Table(
    "agent_state",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("pbx_id", Text, nullable=False),
    Column("agent", Text, nullable=False),
    #: the PBX's clock
    at_column("at"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("queue", Text, nullable=False, server_default=""),
    Column("call", Text, nullable=False, server_default=""),
    #: who wished it: a web account, ``phone``, or nobody (it came by itself)
    Column("by", Text, nullable=False, server_default=""),
    Index("agent_state_agent", "agent", "at"),
    Index("agent_state_at", "at"),
)

#: how each agent stands
agent_now = Table(
    "agent_now",
    metadata,
    Column("pbx_id", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    at_column("since"),
    Column("reason", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("call", Text, nullable=False),
    at_column("signed_in_at", nullable=True),
    at_column("until", nullable=True),
    PrimaryKeyConstraint("pbx_id", "agent"),
)

#: what a web page asks of the telephony role of a PBX; done once or never
desk_wish = Table(
    "desk_wish",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    at_column("at", now=True),
    Column("pbx_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    #: what: ``facts.agents`` and ``facts.call_control`` name the methods
    Column("wish", Text, nullable=False),
    Column("agent", Text),
    Column("call", Text),
    Column("details", JSONB, nullable=False),
    #: asked, taken, done, refused, late
    Column("state", Text, nullable=False, server_default="asked"),
    Column("refusal", Text),
    Column("detail", Text),
    at_column("done_at", nullable=True),
    Index("desk_wish_open", "pbx_id", postgresql_where=text("state = 'asked'")),
    Index("desk_wish_call", "call"),
)

#: what became of a call at the desk, and whose its ticket is from then on; append-only
desk_move = Table(
    "desk_move",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("call", Text, nullable=False),
    at_column("at"),
    Column("standing", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("target_kind", Text),
    Column("target", Text),
    #: how the target was not reached: no_answer, busy, failed
    Column("missed", Text),
    #: recording and live transcription rest
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Index("desk_move_call", "call", "id"),
)
