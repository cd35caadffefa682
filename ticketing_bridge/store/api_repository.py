"""Queries about the API's clients, and about what they were answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.api_tables import api_answer, api_client
from ticketing_bridge.store.batch import Batch, adding, answer_to
from ticketing_bridge.store.records import Json

#: answers are remembered so long: who repeats a request does so soon
REMEMBERED = timedelta(days=7)
#: when a client was last here is written down this often
_USED_EVERY = timedelta(minutes=1)


_BY_TOKENS = "SELECT * FROM api_client WHERE token_digest = ANY(%(digests)s)"
_WERE_HERE = """
UPDATE api_client SET used_at = now()
WHERE token_digest = ANY(%(digests)s) AND (used_at IS NULL OR used_at < now() - %(every)s)
"""
_FORGET = "DELETE FROM api_answer WHERE at < now() - %(remembered)s"
_USED = """
SELECT client, key FROM api_answer
JOIN jsonb_to_recordset(%(rows)s) AS it (client bigint, key text) USING (client, key)
"""
_ANSWER = adding("api_answer", ("client", "key", "request_digest", "status", "answer"))


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A client as it is kept."""

    id: int
    name: str
    role: str
    unit: str | None
    scopes: tuple[str, ...]
    per_minute: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What was answered to a key; ``status`` None: it is being worked out."""

    request_digest: bytes
    status: int | None
    answer: Json | None


class ApiRepository:
    """Clients and answers. Tokens come here only to be made into digests."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self,
        name: str,
        token: str,
        *,
        role: str,
        unit: str | None,
        scopes: Sequence[str],
        per_minute: int,
        expires_at: datetime,
        by: str,
    ) -> ApiClient | None:
        """Make a client; None when the name is taken."""
        insertion = insert(api_client).values(
            name=name,
            token_digest=_digest(token),
            role=role,
            unit=unit,
            scopes=[*scopes],
            per_minute=per_minute,
            expires_at=expires_at,
            created_by=by,
        )
        made = insertion.on_conflict_do_nothing().returning(*api_client.columns)
        row = (await self._connection.execute(made)).mappings().first()
        return _client(row) if row else None

    async def by_tokens(self, tokens: Sequence[str]) -> Sequence[ApiClient | None]:
        """Whose tokens these are, revoked and expired ones included; notes that they were here."""
        values = {"digests": [*{_digest(it) for it in tokens}], "every": _USED_EVERY}
        batch = Batch(self._connection)
        found = batch.ask(_BY_TOKENS, values)
        batch.do(_WERE_HERE, values)
        await batch.send()
        clients = {row["token_digest"]: _client(row) for row in found.rows}
        return [clients.get(_digest(it)) for it in tokens]

    async def clients(self) -> list[ApiClient]:
        """All of them by name."""
        rows = await self._connection.execute(select(api_client).order_by(api_client.c.name))
        return [_client(row) for row in rows.mappings()]

    async def revoke(self, name: str) -> bool:
        """End a client's token now; False when there is no such client, or it was revoked before."""
        change = api_client.update().where(api_client.c.name == name, api_client.c.revoked_at.is_(None))
        return bool((await self._connection.execute(change.values(revoked_at=func.now()))).rowcount)

    async def claim(self, client: int, key: str, request_digest: bytes) -> ApiAnswer | None:
        """Claim a key for a request; what was answered when it is claimed already.

        A second request waits here for the first one's transaction.
        """
        await answer_to(self._connection, _FORGET, {"remembered": REMEMBERED})
        claim = insert(api_answer).values(client=client, key=key, request_digest=request_digest)
        made = await self._connection.execute(claim.on_conflict_do_nothing().returning(api_answer.c.key))
        if made.scalar() is not None:
            return None
        query = select(api_answer).where(api_answer.c.client == client, api_answer.c.key == key)
        row = (await self._connection.execute(query)).mappings().one()
        return ApiAnswer(row["request_digest"], row["status"], row["answer"])

    async def used(self, names: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
        """Those of these keys, each a client's, that were used already."""
        batch = Batch(self._connection)
        batch.do(_FORGET, {"remembered": REMEMBERED})
        found = batch.rows(_USED, ({"client": client, "key": key} for client, key in names))
        await batch.send()
        return {(row["client"], row["key"]) for row in found.rows}

    def put_answer(
        self, batch: Batch, client: int, key: str, request_digest: bytes, status: int, answer: Json
    ) -> None:
        """Remember what is answered to a key that nobody has used; used in this very moment, all is void."""
        values = {"client": client, "key": key, "request_digest": request_digest}
        batch.rows(_ANSWER, [values | {"status": status, "answer": dict(answer)}])

    async def answered(self, client: int, key: str, status: int, answer: Json) -> None:
        """Remember what was answered."""
        change = api_answer.update().where(api_answer.c.client == client, api_answer.c.key == key)
        await self._connection.execute(change.values(status=status, answer=dict(answer)))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _client(row: Mapping[Any, Any]) -> ApiClient:
    values = {name: row[name] for name in ApiClient.__dataclass_fields__}
    return ApiClient(**{**values, "scopes": tuple(row["scopes"])})
