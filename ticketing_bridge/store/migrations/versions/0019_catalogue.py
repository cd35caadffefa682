"""Versions of the city's own data."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE catalogue_version (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    by TEXT NOT NULL,
    note TEXT NOT NULL,
    files JSONB NOT NULL,
    digest TEXT NOT NULL,
    restored BIGINT,
    PRIMARY KEY (id),
    FOREIGN KEY(restored) REFERENCES catalogue_version (id)
);
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
