"""CEL and queue_log of PBXs that are elsewhere, as their agents ship them."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLES = """
CREATE INDEX call_event_settled ON call_event (pbx_id, at) WHERE kind = 'SelfServiceSettled';
CREATE TABLE pbx_log_line (
    pbx_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    place BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (pbx_id, kind, file, place)
);
CREATE INDEX pbx_log_line_at ON pbx_log_line (pbx_id, kind, at);
CREATE TABLE pbx_log_file (
    pbx_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    have BIGINT NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (pbx_id, kind, file)
)
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(_TABLES)
