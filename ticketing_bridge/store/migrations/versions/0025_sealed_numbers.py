"""Numbers of persons: tokens where they stood, sealed in one table under a key of each.

Rows that are there stay as they are until the worker, which has the installation's key, seals them. Of stored
events that is the one change which is let through: once, and nothing but a token for a number.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_STEPS = """
CREATE TABLE sealed_number (
    token TEXT NOT NULL,
    lookup BYTEA NOT NULL,
    key BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    seen_on DATE DEFAULT CURRENT_DATE NOT NULL,
    PRIMARY KEY (token),
    UNIQUE (lookup),
    FOREIGN KEY(key) REFERENCES data_key (id)
);
CREATE INDEX sealed_number_seen ON sealed_number (seen_on);
ALTER TABLE pbx_log_line ADD COLUMN sealed BOOLEAN DEFAULT false NOT NULL;
CREATE INDEX pbx_log_line_in_clear ON pbx_log_line (at) WHERE NOT sealed;
CREATE INDEX call_in_clear ON call (arrived_at) WHERE caller_number ~ '^[^~]';
CREATE INDEX call_event_in_clear ON call_event (seq) WHERE octet_length(digest) = 32;
DROP TRIGGER append_only ON call_event;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON call_event
 FOR EACH STATEMENT EXECUTE FUNCTION hotline_append_only();
CREATE FUNCTION hotline_without_numbers(said JSONB) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(said::text, '~[A-Za-z0-9_-]{20}', '#', 'g'), '\\+?[0-9]+', '#', 'g')
$$;
CREATE FUNCTION hotline_only_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF octet_length(OLD.digest) = 32 AND octet_length(NEW.digest) = 33
       AND (NEW.seq, NEW.pbx_id, NEW.ordinal, NEW.at, NEW.received_at, NEW.kind, NEW.uniqueid, NEW.linkedid, NEW.call)
           IS NOT DISTINCT FROM
           (OLD.seq, OLD.pbx_id, OLD.ordinal, OLD.at, OLD.received_at, OLD.kind, OLD.uniqueid, OLD.linkedid, OLD.call)
       AND hotline_without_numbers(NEW.payload) = hotline_without_numbers(OLD.payload)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END;
$$;
CREATE TRIGGER only_sealed BEFORE UPDATE ON call_event FOR EACH ROW EXECUTE FUNCTION hotline_only_sealed()
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(_STEPS)
