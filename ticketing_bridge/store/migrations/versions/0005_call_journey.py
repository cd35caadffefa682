"""The way of a call through flows, and what it left behind."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STEPS = """
ALTER TABLE call
    ADD COLUMN steps JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN answers JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN survey_score INTEGER,
    ADD COLUMN voicemail TEXT,
    ADD COLUMN voicemail_ms INTEGER,
    ADD COLUMN callback_requested BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN self_service TEXT,
    ADD COLUMN transfer_target TEXT,
    ADD COLUMN transferred_at TIMESTAMP WITH TIME ZONE;
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
