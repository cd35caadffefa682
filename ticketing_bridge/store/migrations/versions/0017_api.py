"""The API's clients, and the answers that they may ask for twice."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE api_client (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    token_digest BYTEA NOT NULL,
    role TEXT NOT NULL,
    unit TEXT,
    scopes TEXT[] NOT NULL,
    per_minute INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    used_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (name),
    UNIQUE (token_digest)
);

CREATE TABLE api_answer (
    client BIGINT NOT NULL,
    key TEXT NOT NULL,
    request_digest BYTEA NOT NULL,
    status INTEGER,
    answer JSONB,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (client, key),
    FOREIGN KEY(client) REFERENCES api_client (id) ON DELETE CASCADE
);
CREATE INDEX api_answer_at ON api_answer (at);
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
