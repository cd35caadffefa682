"""How fresh the ledger is, found at once."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("call_updated", "call", ["updated_at"])
