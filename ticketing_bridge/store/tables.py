"""The tables, as SQLAlchemy sees them. Migrations make them; ``tests/store`` checks that both agree."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

metadata = MetaData()

_NOW = text("now()")


def at_column(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """A moment, with its zone."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=_NOW if now else None)


#: what the PBX said; a trigger refuses UPDATE (but of a number by its token, once), DELETE and TRUNCATE
call_event = Table(
    "call_event",
    metadata,
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("pbx_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("ordinal", Integer, nullable=False),
    at_column("at"),
    at_column("received_at"),
    Column("kind", Text, nullable=False),
    Column("uniqueid", Text),
    Column("linkedid", Text),
    Column("call", Text),
    Column("payload", JSONB, nullable=False),
    PrimaryKeyConstraint("pbx_id", "digest", "ordinal"),
    Index("call_event_seq", "seq"),
    Index("call_event_call", "call", "seq"),
    Index("call_event_at", "pbx_id", "at"),
    Index(
        "call_event_marks",
        "pbx_id",
        "seq",
        postgresql_where=text("kind IN ('LinkUp', 'LinkLost', 'GapFilled')"),
    ),
    #: from before numbers were sealed: the digest is not keyed yet
    Index("call_event_in_clear", "seq", postgresql_where=text("octet_length(digest) = 32")),
    Index("call_event_settled", "pbx_id", "at", postgresql_where=text("kind = 'SelfServiceSettled'")),
    Index(
        "call_event_gap",
        "pbx_id",
        text("(payload ->> 'gap_end')"),
        postgresql_where=text("payload ->> 'gap_end' IS NOT NULL"),
    ),
)

#: one row a citizen call, folded from its events
call = Table(
    "call",
    metadata,
    Column("key", Text, primary_key=True),
    Column("pbx_id", Text, nullable=False),
    Column("uniqueid", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("channel", Text, nullable=False),
    #: a token of it (see ``store.numbers``); ``""``: purged
    Column("caller_number", Text),
    Column("did", Text, nullable=False),
    Column("line", Text, nullable=False),
    at_column("arrived_at"),
    Column("state", Text, nullable=False),
    at_column("notice_at", nullable=True),
    Column("recording", Text),
    at_column("flow_entered_at", nullable=True),
    at_column("flow_left_at", nullable=True),
    Column("queue_legs", JSONB, nullable=False),
    Column("rings", JSONB, nullable=False),
    Column("agent_legs", JSONB, nullable=False),
    at_column("answered_at", nullable=True),
    at_column("ended_at", nullable=True),
    Column("ended_by", Text),
    Column("hangup_cause", Integer),
    Column("outcome", Text),
    Column("cause", Text),
    Column("flags", ARRAY(Text), nullable=False),
    Column("steps", JSONB, nullable=False, server_default=text("'[]'")),
    Column("answers", JSONB, nullable=False, server_default=text("'[]'")),
    Column("survey_score", Integer),
    Column("voicemail", Text),
    Column("voicemail_ms", Integer),
    Column("callback_requested", Boolean, nullable=False, server_default=text("false")),
    Column("self_service", Text),
    Column("transfer_target", Text),
    at_column("transferred_at", nullable=True),
    Column("fold_version", Integer, nullable=False),
    at_column("updated_at", now=True),
    Index("call_arrived", "arrived_at"),
    Index("call_updated", "updated_at"),
    Index("call_line_arrived", "line", "arrived_at"),
    Index("call_caller", "caller_number", "arrived_at"),
    Index("call_in_clear", "arrived_at", postgresql_where=text("caller_number ~ '^[^~]'")),
    Index("call_open", "pbx_id", postgresql_where=text("outcome IS NULL")),
)

live_stream = Table(
    "live_stream",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("call", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("model", Text),
    Column("offset_s", Double, nullable=False),
    at_column("started_at", now=True),
    at_column("ended_at", nullable=True),
    Column("ending", Text),
    Index("live_stream_call", "call"),
)

#: final texts heard live; partials are never stored
live_segment = Table(
    "live_segment",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("call", Text, nullable=False),
    Column("leg", Text, nullable=False),
    Column("stream", Text, nullable=False, server_default=""),
    Column("segment", Integer, nullable=False),
    Column("text", Text),
    Column("start_s", Double, nullable=False),
    Column("end_s", Double, nullable=False),
    Column("words", JSONB),
    at_column("heard_at", now=True),
    #: text and words under the call's key; then the two columns are empty (see ``store.seals``)
    Column("sealed", LargeBinary),
    UniqueConstraint("call", "leg", "stream", "segment"),
    Index("live_segment_in_clear", "id", postgresql_where=text("sealed IS NULL")),
)

transcript = Table(
    "transcript",
    metadata,
    Column("call", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("content", JSONB),
    Column("audio_digest", Text),
    at_column("made_at", now=True),
    Column("sealed", LargeBinary),
    PrimaryKeyConstraint("call", "kind", "model"),
    Index("transcript_in_clear", "call", postgresql_where=text("sealed IS NULL")),
)

#: what each side said in a call, for searching: tokens that are keyed (see ``store.search_repository``)
transcript_words = Table(
    "transcript_words",
    metadata,
    Column("call", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("line", Text, nullable=False),
    at_column("arrived_at"),
    Column("keys", TSVECTOR, nullable=False),
    Column("content", JSONB),
    #: what each side said, normal, under the call's key
    Column("sealed", LargeBinary),
    Index("transcript_words_keys", "keys", postgresql_using="gin"),
    Index("transcript_words_arrived", "arrived_at"),
)

draft = Table(
    "draft",
    metadata,
    Column("call", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("content", JSONB),
    at_column("created_at", now=True),
    Column("sealed", LargeBinary),
    #: a report (举报), or asked to be kept secret: told apart without opening it
    Column("sensitive", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("call", "version"),
    Index("draft_in_clear", "call", postgresql_where=text("sealed IS NULL")),
    Index("draft_created", "created_at"),
)

#: a job that must be given out once a call and task, whatever is folded again
job_given = Table(
    "job_given",
    metadata,
    Column("subject", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("job_id", BigInteger, nullable=False),
    at_column("given_at", now=True),
    PrimaryKeyConstraint("subject", "task"),
)

account = Table(
    "account",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    at_column("created_at", now=True),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("unit", Text),
    CheckConstraint(
        "role IN ('agent', 'shift_leader', 'ops', 'unit', 'auditor', 'admin', 'wall')", name="account_role"
    ),
    CheckConstraint("unit IS NULL OR role = 'unit'", name="account_unit"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    at_column("created_at", now=True),
    at_column("expires_at"),
    Index("web_session_account", "account_id"),
)

#: who looked, who changed; a trigger refuses UPDATE, DELETE and TRUNCATE
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    at_column("at", now=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("fields", ARRAY(Text), nullable=False),
    Column("reason", Text),
    Index("audit_subject", "subject"),
)
