"""Tickets' progress, notices of the hour, queues' states, call-backs, follow-ups."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE city_ticket (
    number TEXT NOT NULL,
    digits TEXT NOT NULL,
    matter TEXT NOT NULL,
    status TEXT NOT NULL,
    status_text TEXT NOT NULL,
    units TEXT[] NOT NULL,
    expected_on DATE,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    phone_last4 TEXT,
    phone_salt BYTEA,
    phone_hash BYTEA,
    confidential BOOLEAN NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    imported_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX city_ticket_closed ON city_ticket (closed_at);
CREATE INDEX city_ticket_digits ON city_ticket (digits);
CREATE INDEX city_ticket_phone ON city_ticket (phone_last4);

CREATE TABLE ticket_contact (
    ticket TEXT NOT NULL,
    phone TEXT NOT NULL,
    PRIMARY KEY (ticket),
    FOREIGN KEY(ticket) REFERENCES city_ticket (number) ON DELETE CASCADE
);

CREATE TABLE progress_attempt (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    caller BYTEA,
    ticket BYTEA NOT NULL,
    found BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX progress_attempt_at ON progress_attempt (at);

CREATE TABLE hour_notice (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    text TEXT NOT NULL,
    lines TEXT[] NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX hour_notice_until ON hour_notice (until);

CREATE TABLE queue_state (
    pbx_id TEXT NOT NULL,
    queue TEXT NOT NULL,
    waiting INTEGER NOT NULL,
    free_agents INTEGER NOT NULL,
    agents INTEGER NOT NULL,
    place_s DOUBLE PRECISION,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (pbx_id, queue)
);

CREATE TABLE callback (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    pbx_id TEXT NOT NULL,
    call TEXT,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    line TEXT NOT NULL,
    queue TEXT NOT NULL,
    priority TEXT NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    reason TEXT,
    channel TEXT,
    done_by TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX callback_call ON callback (call);
CREATE UNIQUE INDEX callback_open_number ON callback (number) WHERE state IN ('wanted','placed','agent','dialing','by_person');
CREATE INDEX callback_state ON callback (state, due_at);

CREATE TABLE callback_attempt (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    callback BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    agent TEXT,
    agent_at TIMESTAMP WITH TIME ZONE,
    dialed_at TIMESTAMP WITH TIME ZONE,
    reached_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    result TEXT,
    recording TEXT,
    PRIMARY KEY (id),
    FOREIGN KEY(callback) REFERENCES callback (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX callback_attempt_callback ON callback_attempt (callback, attempt);

CREATE TABLE follow_up_task (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    pbx_id TEXT NOT NULL,
    ticket TEXT NOT NULL,
    number TEXT NOT NULL,
    matter TEXT NOT NULL,
    confidential BOOLEAN NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    dialled_at TIMESTAMP WITH TIME ZONE,
    recording TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (ticket)
);
CREATE INDEX follow_up_number ON follow_up_task (number, dialled_at);
CREATE INDEX follow_up_state ON follow_up_task (state, due_at);

CREATE TABLE follow_up_answer (
    task BIGINT NOT NULL,
    asked_by TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    who TEXT,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (task, asked_by, question),
    FOREIGN KEY(task) REFERENCES follow_up_task (id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(STEPS)
