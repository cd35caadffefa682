"""Calls of one number are found without reading all: who was missed is asked every few seconds."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(
        "CREATE INDEX call_caller ON call (caller_number, arrived_at)"
    )
