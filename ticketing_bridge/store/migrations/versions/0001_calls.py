"""Calls and their events, live words, transcripts, drafts, people, audit.

Written out rather than taken from ``tables.py``: a step never changes once released.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE account (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    login TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    disabled BOOLEAN DEFAULT false NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (login)
);

CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT,
    fields TEXT[] NOT NULL,
    reason TEXT,
    PRIMARY KEY (id)
);

CREATE INDEX audit_subject ON audit (subject);
CREATE TABLE call (
    key TEXT NOT NULL,
    pbx_id TEXT NOT NULL,
    uniqueid TEXT NOT NULL,
    linkedid TEXT NOT NULL,
    channel TEXT NOT NULL,
    caller_number TEXT,
    did TEXT NOT NULL,
    line TEXT NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    notice_at TIMESTAMP WITH TIME ZONE,
    recording TEXT,
    flow_entered_at TIMESTAMP WITH TIME ZONE,
    flow_left_at TIMESTAMP WITH TIME ZONE,
    queue_legs JSONB NOT NULL,
    rings JSONB NOT NULL,
    agent_legs JSONB NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT,
    hangup_cause INTEGER,
    outcome TEXT,
    cause TEXT,
    flags TEXT[] NOT NULL,
    fold_version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (key)
);

CREATE INDEX call_arrived ON call (arrived_at);
CREATE INDEX call_line_arrived ON call (line, arrived_at);
CREATE INDEX call_open ON call (pbx_id) WHERE outcome IS NULL;
CREATE TABLE call_event (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    pbx_id TEXT NOT NULL,
    digest BYTEA NOT NULL,
    ordinal INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    uniqueid TEXT,
    linkedid TEXT,
    call TEXT,
    payload JSONB NOT NULL,
    PRIMARY KEY (pbx_id, digest, ordinal)
);

CREATE INDEX call_event_at ON call_event (pbx_id, at);
CREATE INDEX call_event_call ON call_event (call, seq);
CREATE INDEX call_event_seq ON call_event (seq);
CREATE TABLE draft (
    call TEXT NOT NULL,
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    content JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (call, version)
);

CREATE INDEX draft_created ON draft (created_at);
CREATE TABLE job_given (
    subject TEXT NOT NULL,
    task TEXT NOT NULL,
    job_id BIGINT NOT NULL,
    given_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (subject, task)
);

CREATE TABLE live_segment (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    call TEXT NOT NULL,
    leg TEXT NOT NULL,
    stream TEXT DEFAULT '' NOT NULL,
    segment INTEGER NOT NULL,
    text TEXT NOT NULL,
    start_s DOUBLE PRECISION NOT NULL,
    end_s DOUBLE PRECISION NOT NULL,
    words JSONB NOT NULL,
    heard_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (call, leg, stream, segment)
);

CREATE TABLE live_stream (
    stream TEXT NOT NULL,
    call TEXT NOT NULL,
    leg TEXT NOT NULL,
    model TEXT,
    offset_s DOUBLE PRECISION NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ending TEXT,
    PRIMARY KEY (stream)
);

CREATE INDEX live_stream_call ON live_stream (call);
CREATE TABLE transcript (
    call TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    content JSONB NOT NULL,
    audio_digest TEXT,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (call, kind)
);

CREATE TABLE web_session (
    token_digest BYTEA NOT NULL,
    account_id BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (token_digest),
    FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
);

CREATE INDEX web_session_account ON web_session (account_id);
"""

APPEND_ONLY = """
CREATE FUNCTION hotline_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END;
$$;
"""

APPEND_ONLY_TABLES = ("call_event", "audit")


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(TABLES)
    cursor.execute(APPEND_ONLY)
    for table in APPEND_ONLY_TABLES:
        cursor.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION hotline_append_only()"
        )
