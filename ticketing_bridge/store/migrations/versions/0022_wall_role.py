"""Screens on a wall have a role of their own."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().connection.cursor().execute("""
ALTER TABLE account DROP CONSTRAINT account_role;
ALTER TABLE account ADD CONSTRAINT account_role
 CHECK (role IN ('agent', 'shift_leader', 'ops', 'unit', 'auditor', 'admin', 'wall'))
""")
