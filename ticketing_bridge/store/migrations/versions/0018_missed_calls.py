"""Missed calls are found without reading the others."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().connection.cursor().execute("""
CREATE INDEX rate_call_missed ON rate_call (arrived_at) WHERE outcome NOT IN
    ('answered', 'transferred_emergency', 'self_service', 'unresolved')
""")
