"""A transcript a model stays beside that of another; words of calls can be searched."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STEPS = """
ALTER TABLE transcript DROP CONSTRAINT transcript_pkey;
ALTER TABLE transcript ADD PRIMARY KEY (call, kind, model);

CREATE TABLE transcript_words (
    call TEXT NOT NULL,
    kind TEXT NOT NULL,
    line TEXT NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    caller TEXT NOT NULL,
    agent TEXT NOT NULL,
    keys TSVECTOR NOT NULL,
    PRIMARY KEY (call)
);

CREATE INDEX transcript_words_keys ON transcript_words USING gin (keys);
CREATE INDEX transcript_words_arrived ON transcript_words (arrived_at);
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
