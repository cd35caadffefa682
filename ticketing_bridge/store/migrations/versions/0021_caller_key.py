"""Callers are told apart by a keyed hash: without the installation's own salt no number can be tried out."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# The key is made of the old hash, so that callers whose number is erased long since stay the same callers.
_KEYED = """
CREATE TABLE installation_salt (
    purpose TEXT PRIMARY KEY,
    salt BYTEA NOT NULL
);
INSERT INTO installation_salt VALUES
    ('caller', sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid(), 'UTF8')));
CREATE FUNCTION keyed_hash(hash BIGINT) RETURNS BIGINT LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT ('x' || left(encode(sha256(salt || sha256(salt || int8send(hash))), 'hex'), 16))::bit(64)::bigint
    FROM installation_salt WHERE purpose = 'caller'
$$;
CREATE FUNCTION keyed_caller(number TEXT) RETURNS BIGINT LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT keyed_hash(hashtextextended(number, 0))
$$;
UPDATE rate_call SET caller = keyed_hash(caller) WHERE caller IS NOT NULL;
UPDATE rate_delta SET caller = keyed_hash(caller) WHERE caller IS NOT NULL
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(_KEYED)
