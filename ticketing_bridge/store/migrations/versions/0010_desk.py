"""Knowledge, phone book, work sheets, and how drafts fared."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STEPS = """
CREATE TABLE knowledge_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    version INTEGER NOT NULL,
    question TEXT NOT NULL,
    also_asked TEXT[] NOT NULL,
    answer TEXT NOT NULL,
    appeal TEXT DEFAULT '' NOT NULL,
    unit TEXT DEFAULT '' NOT NULL,
    basis TEXT DEFAULT '' NOT NULL,
    owner TEXT NOT NULL,
    review_on DATE NOT NULL,
    expires_on DATE,
    withdrawn BOOLEAN DEFAULT false NOT NULL,
    keys TSVECTOR NOT NULL,
    used INTEGER DEFAULT 0 NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX knowledge_entry_keys ON knowledge_entry USING gin (keys);
CREATE INDEX knowledge_entry_review ON knowledge_entry (review_on);

CREATE TABLE knowledge_version (
    entry BIGINT NOT NULL,
    version INTEGER NOT NULL,
    question TEXT NOT NULL,
    also_asked TEXT[] NOT NULL,
    answer TEXT NOT NULL,
    appeal TEXT NOT NULL,
    unit TEXT NOT NULL,
    basis TEXT NOT NULL,
    owner TEXT NOT NULL,
    review_on DATE NOT NULL,
    expires_on DATE,
    withdrawn BOOLEAN NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (entry, version),
    FOREIGN KEY(entry) REFERENCES knowledge_entry (id)
);

CREATE TABLE knowledge_gap (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    normal TEXT NOT NULL,
    question TEXT NOT NULL,
    times INTEGER NOT NULL,
    call TEXT,
    asked_by TEXT NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    entry BIGINT,
    settled_by TEXT,
    settled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY(entry) REFERENCES knowledge_entry (id)
);
CREATE UNIQUE INDEX knowledge_gap_open ON knowledge_gap (normal) WHERE settled_at IS NULL;

CREATE TABLE phone_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    version INTEGER NOT NULL,
    unit TEXT NOT NULL,
    office TEXT DEFAULT '' NOT NULL,
    number TEXT NOT NULL,
    duties TEXT[] NOT NULL,
    hours TEXT DEFAULT '' NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    closed BOOLEAN DEFAULT false NOT NULL,
    successor TEXT DEFAULT '' NOT NULL,
    checked_on DATE,
    told INTEGER DEFAULT 0 NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX phone_entry_place ON phone_entry (unit, office, number);

CREATE TABLE phone_report (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entry BIGINT NOT NULL,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    found_by TEXT NOT NULL,
    login TEXT NOT NULL,
    call TEXT,
    note TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    settled_by TEXT,
    settlement TEXT,
    settled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY(entry) REFERENCES phone_entry (id) ON DELETE CASCADE
);
CREATE INDEX phone_report_at ON phone_report (at);
CREATE INDEX phone_report_open ON phone_report (entry) WHERE settled_at IS NULL;

CREATE TABLE work_sheet (
    call TEXT NOT NULL,
    matter INTEGER NOT NULL,
    version INTEGER NOT NULL,
    typed JSONB NOT NULL,
    state TEXT NOT NULL,
    login TEXT NOT NULL,
    ticket TEXT,
    entry BIGINT,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (call, matter)
);
CREATE INDEX work_sheet_open ON work_sheet (login) WHERE state = 'open';

CREATE TABLE draft_verdict (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    call TEXT NOT NULL,
    matter INTEGER NOT NULL,
    field TEXT NOT NULL,
    rules TEXT NOT NULL,
    verdict TEXT NOT NULL,
    confidence DOUBLE PRECISION,
    shown BOOLEAN NOT NULL,
    login TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX draft_verdict_at ON draft_verdict (at);
CREATE INDEX draft_verdict_field ON draft_verdict (rules, field, id);
CREATE UNIQUE INDEX draft_verdict_once ON draft_verdict (call, matter, field);

CREATE TABLE draft_switch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    field TEXT NOT NULL,
    rules TEXT NOT NULL,
    "on" BOOLEAN NOT NULL,
    login TEXT NOT NULL,
    reason TEXT NOT NULL,
    after BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX draft_switch_field ON draft_switch (rules, field, id);

CREATE TABLE call_mark (
    call TEXT NOT NULL,
    kind TEXT NOT NULL,
    login TEXT NOT NULL,
    warned_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (call)
);
CREATE INDEX call_mark_at ON call_mark (at);
"""

APPEND_ONLY_TABLES = ("knowledge_version",)


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(STEPS)
    for table in APPEND_ONLY_TABLES:
        cursor.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION hotline_append_only()"
        )
