"""Words of calls sealed under a key of each call; search indexes hold keyed tokens alone, also of tickets.

Rows that are there stay as they are until the worker, which has the installation's key, seals them. The index
is made anew by it: nothing of its text is kept.
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_STEPS = """
ALTER TABLE transcript ADD COLUMN sealed BYTEA, ALTER COLUMN content DROP NOT NULL;
ALTER TABLE draft ADD COLUMN sealed BYTEA, ALTER COLUMN content DROP NOT NULL,
    ADD COLUMN sensitive BOOLEAN DEFAULT false NOT NULL;
UPDATE draft SET sensitive = true
WHERE content -> 'purpose' ->> 'value' = '举报' OR content -> 'confidential' ->> 'value' = 'true';
ALTER TABLE live_segment ADD COLUMN sealed BYTEA, ALTER COLUMN text DROP NOT NULL,
    ALTER COLUMN words DROP NOT NULL;
ALTER TABLE work_sheet ADD COLUMN sealed BYTEA, ALTER COLUMN typed DROP NOT NULL;
CREATE INDEX transcript_in_clear ON transcript (call) WHERE sealed IS NULL;
CREATE INDEX draft_in_clear ON draft (call) WHERE sealed IS NULL;
CREATE INDEX live_segment_in_clear ON live_segment (id) WHERE sealed IS NULL;
CREATE INDEX work_sheet_in_clear ON work_sheet (call) WHERE sealed IS NULL;
TRUNCATE transcript_words;
ALTER TABLE transcript_words DROP COLUMN caller, DROP COLUMN agent,
    ADD COLUMN content JSONB, ADD COLUMN sealed BYTEA;
CREATE TABLE ticket_words (
    ticket TEXT NOT NULL,
    keys TSVECTOR,
    PRIMARY KEY (ticket),
    FOREIGN KEY(ticket) REFERENCES ticket (number)
);
CREATE INDEX ticket_words_keys ON ticket_words USING gin (keys)
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(_STEPS)
