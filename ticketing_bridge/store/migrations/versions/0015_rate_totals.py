"""Cells of all lines and queues together: a year by the hour, or by the minute of its worst day, is few rows."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLUMNS = """
SELECT string_agg('coalesce(sum(' || attname || '), 0)', ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = 'rate_minute'::regclass AND attnum > 3 AND NOT attisdropped
"""


def upgrade() -> None:
    run = op.get_bind().connection.cursor().execute
    sums = run(COLUMNS).fetchone()[0]
    for table in ("rate_minute", "rate_hour", "rate_day"):
        run(f"CREATE TABLE {table}_all (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        run(f"ALTER TABLE {table}_all ADD PRIMARY KEY (at, line, queue)")
        run(f"INSERT INTO {table}_all SELECT at, '', '', {sums} FROM {table} GROUP BY at")
