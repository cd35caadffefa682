"""Tables of the rate: a narrow row a call, its changes until they are folded, cells, the books beside."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing_bridge.store.rate_columns import COLUMNS, SUMS
from ticketing_bridge.store.tables import at_column, metadata


def _fact_columns() -> list[Column[object]]:
    return [
        at_column("arrived_at"),
        Column("line", Text, nullable=False),
        Column("queue", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("short", Boolean, nullable=False),
        Column("placed", Boolean, nullable=False),
        Column("excluded", Boolean, nullable=False),
        #: a hash of the number, keyed with the installation's salt, for rates per caller; NULL: withheld
        Column("caller", BigInteger),
        Column("until_ms", Integer),
        Column("queue_ms", Integer),
        Column("talk_ms", Integer, nullable=False),
        Column("recovered_ms", Integer),
        #: agent → [rings, answered, ring ms, talk ms]
        Column("agents", JSONB, nullable=False),
    ]


#: made once, by the migration, and never shown: ``keyed_caller(number)`` and ``keyed_hash(hash)`` use it, so
#: that every process of an installation tells callers apart alike
installation_salt = Table(
    "installation_salt",
    metadata,
    Column("purpose", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
)

#: what each call counts for now; its counterpart in the cells is taken away when it changes
rate_call = Table(
    "rate_call",
    metadata,
    Column("call", Text, primary_key=True),
    *_fact_columns(),
    Index("rate_call_arrived", "arrived_at"),
    Index("rate_call_caller", "caller", "arrived_at", postgresql_where=text("caller IS NOT NULL")),
    Index("rate_call_until", "until_ms"),
    Index(
        "rate_call_missed",
        "arrived_at",
        postgresql_where=text(
            "outcome NOT IN ('answered', 'transferred_emergency', 'self_service', 'unresolved')"
        ),
    ),
)

#: changes that the cells do not have yet; appended in the call's transaction, so that no row is hot
rate_delta = Table(
    "rate_delta",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sign", SmallInteger, nullable=False),
    *_fact_columns(),
)


def _cells(name: str) -> Table:
    return Table(
        name,
        metadata,
        #: the beginning of the minute, the hour, or the day in Asia/Shanghai
        at_column("at"),
        Column("line", Text, nullable=False),
        Column("queue", Text, nullable=False),
        *(
            Column(it, BigInteger if it in SUMS else Integer, nullable=False, server_default=text("0"))
            for it in COLUMNS
        ),
        PrimaryKeyConstraint("at", "line", "queue"),
    )


rate_minute = _cells("rate_minute")
rate_hour = _cells("rate_hour")
rate_day = _cells("rate_day")
#: the same over all lines and queues (both empty here): a year by the hour is 8,760 rows
rate_minute_all = _cells("rate_minute_all")
rate_hour_all = _cells("rate_hour_all")
rate_day_all = _cells("rate_day_all")

rate_agent_day = Table(
    "rate_agent_day",
    metadata,
    at_column("at"),
    Column("agent", Text, nullable=False),
    Column("rings", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("ring_ms", BigInteger, nullable=False),
    Column("talk_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("at", "agent"),
)

#: how calls were counted when they were last counted anew
rate_state = Table(
    "rate_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

#: versions of definitions; append-only, each from a day on
rate_definition = Table(
    "rate_definition",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    at_column("made_at", now=True),
    Index("rate_definition_name", "name", "effective_from"),
)

#: calls that two people left out of every base
rate_exclusion = Table(
    "rate_exclusion",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("call", Text, nullable=False),
    #: test, carrier, prank
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    at_column("asked_at", now=True),
    Column("confirmed_by", Text),
    at_column("confirmed_at", nullable=True),
    Column("ended_by", Text),
    at_column("ended_at", nullable=True),
    #: one that stands for each call
    Index("rate_exclusion_call", "call", unique=True, postgresql_where=text("ended_at IS NULL")),
)

#: what the carrier counted, refused calls among it, which never came to the PBX
carrier_count = Table(
    "carrier_count",
    metadata,
    Column("day", Date, nullable=False),
    Column("number", Text, nullable=False),
    Column("offered", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("source", Text, nullable=False),
    at_column("imported_at", now=True),
    PrimaryKeyConstraint("day", "number"),
)

rate_alert = Table(
    "rate_alert",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    at_column("raised_at", now=True),
    at_column("cleared_at", nullable=True),
    #: of the webhook: what it was told last (raised, cleared), and how often it was tried in vain
    Column("told", Text),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    at_column("next_try_at", now=True),
    Index("rate_alert_open", "kind", unique=True, postgresql_where=text("cleared_at IS NULL")),
    Index("rate_alert_raised", "raised_at"),
)
