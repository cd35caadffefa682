"""Queries about accounts, their sessions and the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.masking import mask_phones
from ticketing_bridge.store import tables
from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.records import Account, AuditEntry


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_BY_SESSIONS = f"""
SELECT web_session.token_digest, {", ".join(f"account.{name}" for name in Account.__dataclass_fields__)}
FROM account JOIN web_session ON web_session.account_id = account.id
WHERE web_session.token_digest = ANY(%(digests)s) AND web_session.expires_at > now() AND NOT account.disabled
"""


class AccountRepository:
    """People who may log in, and their open sessions. Passwords come here as argon2 hashes only."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, login: str, password_hash: str, role: str, unit: str | None = None) -> Account | None:
        """Make an account; None when the login is taken. ``unit``: of whom somebody of a unit is."""
        values = {"login": login, "password_hash": password_hash, "role": role, "unit": unit}
        insertion = insert(tables.account).values(values)
        made = insertion.on_conflict_do_nothing().returning(*tables.account.columns)
        row = (await self._connection.execute(made)).mappings().first()
        return Account(**row) if row else None

    async def by_login(self, login: str) -> Account | None:
        """The account of this login, disabled ones included."""
        query = select(tables.account).where(tables.account.c.login == login)
        row = (await self._connection.execute(query)).mappings().first()
        return Account(**row) if row else None

    async def list(self) -> list[Account]:
        """All accounts by login."""
        query = select(tables.account).order_by(tables.account.c.login)
        return [Account(**row) for row in (await self._connection.execute(query)).mappings()]

    async def set_password(self, login: str, password_hash: str) -> bool:
        """Change a password and end the account's sessions; False when there is no such login."""
        return await self._change(login, password_hash=password_hash)

    async def disable(self, login: str) -> bool:
        """Lock an account and end its sessions; False when there is no such login."""
        return await self._change(login, disabled=True)

    async def set_role(self, login: str, role: str, unit: str | None) -> bool:
        """Give an account another role and end its sessions; False when there is no such login."""
        return await self._change(login, role=role, unit=unit)

    async def _change(self, login: str, **values: object) -> bool:
        table, session = tables.account, tables.web_session
        change = table.update().where(table.c.login == login).values(**values).returning(table.c.id)
        account_id = (await self._connection.execute(change)).scalar()
        if account_id is None:
            return False
        await self._connection.execute(session.delete().where(session.c.account_id == account_id))
        return True

    async def open_session(self, account_id: int, token: str, expires_at: datetime) -> None:
        """Remember a session by the SHA-256 of its token; sessions past their time go."""
        session = tables.web_session
        await self._connection.execute(session.delete().where(session.c.expires_at <= func.now()))
        await self._connection.execute(
            session.insert().values(token_digest=_digest(token), account_id=account_id, expires_at=expires_at)
        )

    def ask_sessions(self, batch: Batch, tokens: Sequence[str]) -> Answer:
        """Who holds each of these tokens, while it lasts and the account is not disabled."""
        return batch.ask(_BY_SESSIONS, {"digests": [*{_digest(it) for it in tokens}]})

    @staticmethod
    def accounts_of(found: Answer, tokens: Sequence[str]) -> Sequence[Account | None]:
        """Who was found, token by token."""
        accounts = {row.pop("token_digest"): Account(**row) for row in found.rows}
        return [accounts.get(_digest(it)) for it in tokens]

    async def close_session(self, token: str) -> None:
        """Log out."""
        session = tables.web_session
        await self._connection.execute(session.delete().where(session.c.token_digest == _digest(token)))


_AUDIT_LINES = """
INSERT INTO audit (actor, action, subject, fields, reason)
SELECT actor, action, subject, fields, reason FROM jsonb_populate_recordset(NULL::audit, %(rows)s)
"""


class AuditRepository:
    """Who looked at what and why; append-only."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self,
        actor: str,
        action: str,
        *,
        subject: str | None = None,
        fields: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        """Write one line. ``subject`` is a call key or a ticket number."""
        batch = Batch(self._connection)
        self.put(batch, actor, action, subject=subject, fields=fields, reason=reason)
        await batch.send()

    def put(
        self,
        batch: Batch,
        actor: str,
        action: str,
        *,
        subject: str | None = None,
        fields: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        """The same together with what it is about. Of numbers in the reason the middle is hidden.

        A line stays for ever, also when somebody is erased.
        """
        reason = mask_phones(reason) if reason else reason
        values = {"actor": actor, "action": action, "subject": subject, "fields": [*fields], "reason": reason}
        batch.rows(_AUDIT_LINES, [values])

    async def list(self, *, subject: str | None = None, limit: int = 200) -> list[AuditEntry]:
        """Newest first."""
        table = tables.audit
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(table.c.subject == subject)
        rows = (await self._connection.execute(query)).mappings()
        return [
            AuditEntry(
                row["at"], row["actor"], row["action"], row["subject"], tuple(row["fields"]), row["reason"]
            )
            for row in rows
        ]
