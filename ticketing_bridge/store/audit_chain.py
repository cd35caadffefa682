"""The audit log's chain: each line's digest holds the one before, so that no line is changed unseen.

Lines are written in the transactions of what they are about and chained right afterwards, in one place
at a time: two hundred people who save at once never wait for each other's commit. A line that is not
chained after ``LATEST`` is as suspicious as one that was changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    RowMapping,
    Table,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.tables import at_column, audit, metadata

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("audit_id", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    at_column("chained_at", now=True),
    UniqueConstraint("audit_id"),
)

_LOCK = 0x12345_02
#: what the first line holds
BEGINNING = bytes(32)
#: how long a line may be without its place in the chain
LATEST = timedelta(minutes=1)
#: how long a transaction may last whose line bears its beginning
LONGEST = timedelta(hours=1)
#: lines that commit out of order are looked for this far back
_BACK = 20_000
BATCH = 1000
_NEVER = datetime.min.replace(tzinfo=UTC)


class ChainFault(StrEnum):
    """What is wrong with a line."""

    CHANGED = "changed"
    DELETED = "deleted"
    NOT_CHAINED = "not_chained"
    #: it bears a time at which the chain was somewhere else: written in afterwards, or ahead
    MISDATED = "misdated"
    #: the chain is shorter than, or other than, a head that was kept outside
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The chain's end: who keeps it outside can prove later that nothing before it was changed."""

    position: int
    digest: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of the whole chain found."""

    lines: int
    head: ChainHead
    faults: tuple[tuple[ChainFault, int], ...]


def digest_of(before: bytes, row: RowMapping) -> bytes:
    """A line's digest: SHA-256 over the digest before and the line in one writing."""
    plain: list[Any] = [row["id"], row["at"].astimezone(UTC).isoformat(), row["actor"], row["action"]]
    plain += [row["subject"], [*row["fields"]], row["reason"]]
    return hashlib.sha256(before + json.dumps(plain, ensure_ascii=False).encode()).digest()


class AuditChainRepository:
    """Chains lines, and checks them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def extend(self, limit: int = BATCH) -> int:
        """Chain lines that are not chained yet; returns how many. 0 also while somebody else does it."""
        locked = text("SELECT pg_try_advisory_xact_lock(:key)")
        if not (await self._connection.execute(locked, {"key": _LOCK})).scalar():
            return 0
        position, before = await self._end()
        newest = select(func.coalesce(func.max(audit_chain.c.audit_id), 0) - _BACK).scalar_subquery()
        chained = select(audit_chain.c.audit_id).where(audit_chain.c.audit_id == audit.c.id)
        query = select(audit).where(audit.c.id > newest, ~chained.exists()).order_by(audit.c.id).limit(limit)
        rows = []
        for row in (await self._connection.execute(query)).mappings():
            position += 1
            before = digest_of(before, row)
            rows.append({"position": position, "audit_id": row["id"], "digest": before})
        if rows:
            await self._connection.execute(
                audit_chain.insert().values(chained_at=func.clock_timestamp()), rows
            )
        return len(rows)

    async def _end(self) -> tuple[int, bytes]:
        query = select(audit_chain.c.position, audit_chain.c.digest)
        row = (await self._connection.execute(query.order_by(audit_chain.c.position.desc()).limit(1))).first()
        return (row.position, row.digest) if row else (0, BEGINNING)

    async def head(self) -> ChainHead:
        """Where the chain ends now."""
        query = select(audit_chain).order_by(audit_chain.c.position.desc()).limit(1)
        row = (await self._connection.execute(query)).mappings().first()
        if row is None:
            return ChainHead(0, BEGINNING.hex(), None)
        return ChainHead(row["position"], row["digest"].hex(), row["chained_at"])

    async def verify(self, kept: ChainHead | None = None) -> ChainReport:
        """Compute the whole chain again, and compare it with a head that was kept outside.

        The first line that does not fit is named; what follows it is compared with the stored digests,
        so that further changed lines are found, too.
        """
        faults: list[tuple[ChainFault, int]] = []
        before, lines, last = BEGINNING, 0, 0
        earliest = chained = _NEVER
        seen_kept = kept is None or kept.position == 0
        async for row in self._chained():
            lines += 1
            if row["position"] != last + 1:
                faults.append((ChainFault.CUT, row["position"]))
            last = row["position"]
            if row["chained_at"] < chained:  # the database's clock was set back: times begin anew
                earliest = _NEVER
            chained = row["chained_at"]
            if row["id"] is None:
                faults.append((ChainFault.DELETED, row["audit_id"]))
            elif digest_of(before, row) != row["digest"]:
                faults.append((ChainFault.CHANGED, row["audit_id"]))
            elif not earliest <= row["at"] <= row["chained_at"] + LATEST:
                faults.append((ChainFault.MISDATED, row["audit_id"]))
            else:
                earliest = max(earliest, row["at"] - LONGEST)
            before = row["digest"]
            if kept is not None and row["position"] == kept.position:
                seen_kept = before.hex() == kept.digest
        if kept is not None and not seen_kept:
            faults.append((ChainFault.CUT, kept.position))
        faults += [(ChainFault.NOT_CHAINED, it) for it in await self._loose()]
        return ChainReport(lines, await self.head(), tuple(faults))

    async def _chained(self) -> AsyncIterator[RowMapping]:
        query = (
            select(
                audit_chain.c.position,
                audit_chain.c.audit_id,
                audit_chain.c.digest,
                audit_chain.c.chained_at,
                audit,
            )
            .select_from(audit_chain.outerjoin(audit, audit.c.id == audit_chain.c.audit_id))
            .order_by(audit_chain.c.position)
        )
        rows = await self._connection.stream(query)
        async for row in rows.mappings():
            yield row

    async def _loose(self) -> list[int]:
        chained = select(audit_chain.c.audit_id).where(audit_chain.c.audit_id == audit.c.id)
        late = audit.c.at < func.now() - LATEST
        query = select(audit.c.id).where(late, ~chained.exists()).order_by(audit.c.id).limit(100)
        return [row.id for row in await self._connection.execute(query)]
