"""Tickets of other systems are asked for when it is their time, also after what was their last word."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().connection.cursor().execute("""
ALTER TABLE delivery ADD COLUMN ask_at TIMESTAMPTZ;
UPDATE delivery SET ask_at = now() WHERE state = 'delivered' AND kind = 'ticket'
 AND (remote_meaning IS NULL OR remote_meaning NOT IN ('replied', 'returned', 'ended')
      OR updated_at > now() - interval '60 days');
DROP INDEX delivery_asked;
CREATE INDEX delivery_ask ON delivery (connector, ask_at)
 WHERE state = 'delivered' AND kind = 'ticket' AND ask_at IS NOT NULL
""")
