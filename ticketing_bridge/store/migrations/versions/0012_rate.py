"""What calls count for, cells of it by minute, hour and day, and the books beside: definitions, exclusions."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE rate_call (
    call TEXT NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    line TEXT NOT NULL,
    queue TEXT NOT NULL,
    outcome TEXT NOT NULL,
    short BOOLEAN NOT NULL,
    placed BOOLEAN NOT NULL,
    excluded BOOLEAN NOT NULL,
    caller BIGINT,
    until_ms INTEGER,
    queue_ms INTEGER,
    talk_ms INTEGER NOT NULL,
    recovered_ms INTEGER,
    agents JSONB NOT NULL,
    PRIMARY KEY (call)
);
CREATE INDEX rate_call_arrived ON rate_call (arrived_at);
CREATE INDEX rate_call_caller ON rate_call (caller, arrived_at) WHERE caller IS NOT NULL;
CREATE INDEX rate_call_until ON rate_call (until_ms);

CREATE TABLE rate_delta (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    sign SMALLINT NOT NULL,
    arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    line TEXT NOT NULL,
    queue TEXT NOT NULL,
    outcome TEXT NOT NULL,
    short BOOLEAN NOT NULL,
    placed BOOLEAN NOT NULL,
    excluded BOOLEAN NOT NULL,
    caller BIGINT,
    until_ms INTEGER,
    queue_ms INTEGER,
    talk_ms INTEGER NOT NULL,
    recovered_ms INTEGER,
    agents JSONB NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE rate_agent_day (
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    agent TEXT NOT NULL,
    rings INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    ring_ms BIGINT NOT NULL,
    talk_ms BIGINT NOT NULL,
    PRIMARY KEY (at, agent)
);

CREATE TABLE rate_state (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE rate_definition (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    spec JSONB NOT NULL,
    effective_from DATE NOT NULL,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX rate_definition_name ON rate_definition (name, effective_from);

CREATE TABLE rate_exclusion (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    call TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    confirmed_by TEXT,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX rate_exclusion_call ON rate_exclusion (call) WHERE ended_at IS NULL;

CREATE TABLE carrier_count (
    day DATE NOT NULL,
    number TEXT NOT NULL,
    offered INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    source TEXT NOT NULL,
    imported_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (day, number)
);

CREATE TABLE rate_alert (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    facts JSONB NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    cleared_at TIMESTAMP WITH TIME ZONE,
    told TEXT,
    tries INTEGER DEFAULT 0 NOT NULL,
    next_try_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX rate_alert_open ON rate_alert (kind) WHERE cleared_at IS NULL;
CREATE INDEX rate_alert_raised ON rate_alert (raised_at);

CREATE INDEX callback_number ON callback (number);
"""

#: the columns of a cell
COUNTED = """
excluded n_answered n_transferred_emergency n_self_service n_voicemail n_callback_requested n_closed
n_full n_join_empty n_leave_empty n_timeout n_withdrawn n_abandoned_queue n_abandoned_ivr
n_system_error n_unresolved short short_placed placed_transferred_emergency placed_self_service
placed_voicemail placed_callback_requested placed_closed placed_full placed_join_empty
placed_leave_empty placed_timeout placed_withdrawn placed_abandoned_queue placed_abandoned_ivr
placed_system_error wait_0 wait_1 wait_2 wait_3 wait_4 wait_5 wait_6 wait_7 wait_8 wait_9 wait_10
wait_11 wait_12 wait_unknown queue_wait_0 queue_wait_1 queue_wait_2 queue_wait_3 queue_wait_4
queue_wait_5 queue_wait_6 queue_wait_7 queue_wait_8 queue_wait_9 queue_wait_10 queue_wait_11
queue_wait_12 queue_wait_unknown lost_0 lost_1 lost_2 lost_3 lost_4 lost_5 lost_6 lost_7 lost_8
lost_9 lost_10 lost_11 lost_12 recovered_0 recovered_1 recovered_2 recovered_3 recovered_4
recovered_5 recovered_6 recovered_7 recovered_8 wait_known wait_ms talk_ms
"""


def upgrade() -> None:
    run = op.get_bind().connection.cursor().execute
    run(STEPS)
    columns = ", ".join(
        f"{name} {'BIGINT' if name.endswith('_ms') else 'INTEGER'} DEFAULT 0 NOT NULL" for name in COUNTED.split()
    )
    for table in ("rate_minute", "rate_hour", "rate_day"):
        run(
            f"CREATE TABLE {table} (at TIMESTAMP WITH TIME ZONE NOT NULL, line TEXT NOT NULL, queue TEXT NOT NULL, "
            f"{columns}, PRIMARY KEY (at, line, queue))"
        )
