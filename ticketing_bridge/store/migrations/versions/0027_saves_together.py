"""One job routes all that was told outside together; an index that nothing is asked by is gone."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_STEPS = """
UPDATE procrastinate_jobs SET lock = NULL, args = jsonb_build_object('entries', jsonb_build_array(args -> 'entry'))
WHERE task_name = 'route_outbox' AND status IN ('todo', 'doing') AND args ? 'entry';
DROP INDEX draft_verdict_at
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(_STEPS)
