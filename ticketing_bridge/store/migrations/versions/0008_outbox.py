"""What leaves the house: the outbox, its deliveries, what came back."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    payload JSONB DEFAULT '{}' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    routed_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (key)
);
CREATE INDEX outbox_subject ON outbox (subject);
CREATE INDEX outbox_unrouted ON outbox (at) WHERE routed_at IS NULL;

CREATE TABLE delivery (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    outbox BIGINT NOT NULL,
    connector TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    tries INTEGER DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    first_attempt_at TIMESTAMP WITH TIME ZONE,
    attempt_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    detail TEXT,
    remote_id TEXT,
    remote_status TEXT,
    remote_meaning TEXT,
    asked_at TIMESTAMP WITH TIME ZONE,
    delivered_at TIMESTAMP WITH TIME ZONE,
    done_by TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(outbox) REFERENCES outbox (id) ON DELETE CASCADE
);
CREATE INDEX delivery_asked ON delivery (connector, asked_at) WHERE state = 'delivered' AND kind = 'ticket';
CREATE UNIQUE INDEX delivery_once ON delivery (connector, key);
CREATE INDEX delivery_remote ON delivery (connector, remote_id);
CREATE INDEX delivery_state ON delivery (state, due_at);
CREATE INDEX delivery_subject ON delivery (subject, connector);

CREATE TABLE delivery_attempt (
    delivery BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    result TEXT,
    detail TEXT,
    PRIMARY KEY (delivery, attempt),
    FOREIGN KEY(delivery) REFERENCES delivery (id) ON DELETE CASCADE
);

CREATE TABLE delivery_status (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    delivery BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    remote_status TEXT NOT NULL,
    meaning TEXT,
    note TEXT,
    applied TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(delivery) REFERENCES delivery (id) ON DELETE CASCADE
);
CREATE INDEX delivery_status_delivery ON delivery_status (delivery, id);

CREATE TABLE webhook_message (
    connector TEXT NOT NULL,
    message TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (connector, message)
);
CREATE INDEX webhook_message_at ON webhook_message (at);
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
