"""Times in which a PBX was not heard are found without reading all events, and what fills them."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(
        "CREATE INDEX call_event_marks ON call_event (pbx_id, seq) "
        "WHERE kind IN ('LinkUp', 'LinkLost', 'GapFilled')"
    )
    cursor.execute(
        "CREATE INDEX call_event_gap ON call_event (pbx_id, (payload ->> 'gap_end')) "
        "WHERE payload ->> 'gap_end' IS NOT NULL"
    )
