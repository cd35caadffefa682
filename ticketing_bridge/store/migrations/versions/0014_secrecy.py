"""The audit log's chain; holds and purges; proposed dispatch rules; special actions."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE audit_chain (
    position BIGINT NOT NULL,
    audit_id BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    chained_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (audit_id)
);

CREATE TABLE legal_hold (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    released_at TIMESTAMP WITH TIME ZONE,
    released_by TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX legal_hold_subject ON legal_hold (subject);

CREATE TABLE purge_run (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    by TEXT NOT NULL,
    data_class TEXT NOT NULL,
    before TIMESTAMP WITH TIME ZONE NOT NULL,
    purged INTEGER NOT NULL,
    held INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE dispatch_rule (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    words TEXT[] NOT NULL,
    appeal TEXT NOT NULL,
    from_unit TEXT NOT NULL,
    to_unit TEXT NOT NULL,
    ticket TEXT NOT NULL,
    origin TEXT NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    replay JSONB,
    PRIMARY KEY (id),
    FOREIGN KEY(ticket) REFERENCES ticket (number)
);
CREATE INDEX dispatch_rule_state ON dispatch_rule (state, proposed_at);

CREATE TABLE special_action (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    aim TEXT NOT NULL,
    responsible TEXT NOT NULL,
    begins_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    measures JSONB NOT NULL,
    tickets TEXT[] NOT NULL,
    result TEXT,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE INDEX special_action_ends ON special_action (ends_on);
"""
APPEND_ONLY = ("audit_chain", "purge_run")


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(STEPS)
    for table in APPEND_ONLY:
        cursor.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION hotline_append_only()"
        )
