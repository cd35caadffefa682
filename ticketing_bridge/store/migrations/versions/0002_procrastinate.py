"""The task queue's tables."""

from __future__ import annotations

from alembic import op

from ticketing_bridge.store.migrations.versions import procrastinate_schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(procrastinate_schema())
