"""Agents at work: their states, wishes of the desk, and what became of calls there."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE agent_state (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    pbx_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    queue TEXT DEFAULT '' NOT NULL,
    call TEXT DEFAULT '' NOT NULL,
    by TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX agent_state_agent ON agent_state (agent, at);
CREATE INDEX agent_state_at ON agent_state (at);

CREATE TABLE agent_now (
    pbx_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    state TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    queue TEXT NOT NULL,
    call TEXT NOT NULL,
    signed_in_at TIMESTAMP WITH TIME ZONE,
    until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (pbx_id, agent)
);

CREATE TABLE desk_wish (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    pbx_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    wish TEXT NOT NULL,
    agent TEXT,
    call TEXT,
    details JSONB NOT NULL,
    state TEXT DEFAULT 'asked' NOT NULL,
    refusal TEXT,
    detail TEXT,
    done_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE INDEX desk_wish_open ON desk_wish (pbx_id) WHERE state = 'asked';
CREATE INDEX desk_wish_call ON desk_wish (call);

CREATE TABLE desk_move (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    call TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    standing TEXT NOT NULL,
    owner TEXT NOT NULL,
    target_kind TEXT,
    target TEXT,
    missed TEXT,
    paused BOOLEAN DEFAULT false NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX desk_move_call ON desk_move (call, id);
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(TABLES)
    for table in ("agent_state", "desk_move"):
        cursor.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION hotline_append_only()"
        )
