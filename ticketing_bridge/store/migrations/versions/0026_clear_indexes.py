"""Whether numbers lie in the clear is asked again and again: an index of those rows alone, nearly always empty."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_STEPS = """
CREATE INDEX callback_in_clear ON callback (id) WHERE number ~ '^[^~]';
CREATE INDEX follow_up_task_in_clear ON follow_up_task (id) WHERE number ~ '^[^~]';
CREATE INDEX ticket_contact_in_clear ON ticket_contact (ticket) WHERE phone ~ '^[^~]';
CREATE INDEX ticket_in_clear ON ticket (number) WHERE phone_last4 ~ '^[^~]';
CREATE INDEX city_ticket_in_clear ON city_ticket (number) WHERE phone_last4 ~ '^[^~]'
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(_STEPS)
