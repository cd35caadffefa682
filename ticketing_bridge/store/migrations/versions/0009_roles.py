"""Accounts of handling units name their unit; every account has one of the known roles."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE account ADD COLUMN unit text;
UPDATE account SET role = 'shift_leader' WHERE role = 'leader';
UPDATE account SET role = 'agent'
 WHERE role NOT IN ('agent', 'shift_leader', 'ops', 'unit', 'auditor', 'admin');
ALTER TABLE account ADD CONSTRAINT account_role
 CHECK (role IN ('agent', 'shift_leader', 'ops', 'unit', 'auditor', 'admin'));
ALTER TABLE account ADD CONSTRAINT account_unit CHECK (unit IS NULL OR role = 'unit');
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL)
