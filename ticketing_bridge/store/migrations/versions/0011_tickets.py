"""Our own tickets, with their history, keys, approvals and warnings."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE data_key (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subject TEXT NOT NULL,
    wrapped BYTEA,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    destroyed_at TIMESTAMP WITH TIME ZONE,
    destroyed_by TEXT,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX data_key_subject ON data_key (subject) WHERE wrapped IS NOT NULL;

CREATE TABLE ticket (
    number TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    body JSONB NOT NULL,
    texts BYTEA NOT NULL,
    person BYTEA,
    person_lookup TEXT,
    channel TEXT NOT NULL,
    purpose TEXT NOT NULL,
    appeal TEXT NOT NULL,
    call TEXT,
    main_unit TEXT,
    units TEXT[] NOT NULL,
    barred TEXT[] NOT NULL,
    confidential BOOLEAN NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    dispatched_at TIMESTAMP WITH TIME ZONE,
    due_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    phone_last4 TEXT,
    phone_salt BYTEA,
    phone_hash BYTEA,
    PRIMARY KEY (number)
);
CREATE INDEX ticket_call ON ticket (call);
CREATE INDEX ticket_closed ON ticket (closed_at);
CREATE INDEX ticket_due ON ticket (due_at) WHERE closed_at IS NULL;
CREATE INDEX ticket_person ON ticket (person_lookup);
CREATE INDEX ticket_phone ON ticket (phone_last4);
CREATE INDEX ticket_received ON ticket (received_at);
CREATE INDEX ticket_state ON ticket (state, received_at);
CREATE INDEX ticket_units ON ticket USING gin (units);

CREATE TABLE ticket_event (
    ticket TEXT NOT NULL,
    version INTEGER NOT NULL,
    act TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    by TEXT NOT NULL,
    role TEXT NOT NULL,
    unit TEXT,
    data JSONB NOT NULL,
    texts BYTEA,
    PRIMARY KEY (ticket, version),
    FOREIGN KEY(ticket) REFERENCES ticket (number)
);
CREATE INDEX ticket_event_act ON ticket_event (act, at);
CREATE INDEX ticket_event_at ON ticket_event (at);

CREATE TABLE ticket_serial (
    day DATE NOT NULL,
    base BIGINT NOT NULL,
    PRIMARY KEY (day)
);

CREATE TABLE ticket_source (
    source TEXT NOT NULL,
    ticket TEXT NOT NULL,
    PRIMARY KEY (source),
    FOREIGN KEY(ticket) REFERENCES ticket (number)
);

CREATE TABLE ticket_link (
    ticket TEXT NOT NULL,
    other TEXT NOT NULL,
    kind TEXT NOT NULL,
    by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (ticket, other, kind),
    FOREIGN KEY(ticket) REFERENCES ticket (number),
    FOREIGN KEY(other) REFERENCES ticket (number)
);
CREATE INDEX ticket_link_other ON ticket_link (other);

CREATE TABLE ticket_approval (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    ticket TEXT NOT NULL,
    kind TEXT NOT NULL,
    units TEXT[] NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    reason BYTEA NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    granted BOOLEAN,
    PRIMARY KEY (id),
    UNIQUE (ticket, kind, asked_at),
    FOREIGN KEY(ticket) REFERENCES ticket (number)
);
CREATE INDEX ticket_approval_open ON ticket_approval (ticket) WHERE granted IS NULL;

CREATE TABLE ticket_warning (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    ticket TEXT NOT NULL,
    kind TEXT NOT NULL,
    stage TEXT NOT NULL,
    unit TEXT,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE,
    seen_by TEXT,
    PRIMARY KEY (id),
    UNIQUE (ticket, kind, stage),
    FOREIGN KEY(ticket) REFERENCES ticket (number)
);
CREATE INDEX ticket_warning_at ON ticket_warning (at);
CREATE SEQUENCE ticket_serial_seq;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ticket_event
 FOR EACH STATEMENT EXECUTE FUNCTION hotline_append_only();
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
