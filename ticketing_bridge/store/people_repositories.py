"""Queries about accounts, their sessions and the audit log."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.masking import mask_phones, mask_spoken
from ticketing_bridge.store import tables
from ticketing_bridge.store.batch import Answer, Batch, adding
from ticketing_bridge.store.records import Account, AuditEntry
from ticketing_bridge.store.sealing import SealBroken
from ticketing_bridge.store.seals import Seals


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


_AUDIT_LINES = adding("audit", ("actor", "action", "subject", "fields", "reason"))


#: before a reason that is sealed, in base64
_SEALED = "~"
#: to whom keys of searched words belong: each to a month
SEARCHED = "searched:"


class AuditRepository:
    """Who looked at what and why; append-only.

    Words that somebody searched for are names and addresses more often than not: they are sealed under a key
    of their month, and the chain is of the line as it is kept.
    """

    def __init__(self, connection: AsyncConnection, seals: Seals | None) -> None:
        self._connection = connection
        self._seals = seals

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
        self._put(batch, actor, action, subject, fields, mask_phones(reason) if reason else reason)

    @staticmethod
    def _put(
        batch: Batch, actor: str, action: str, subject: str | None, fields: Sequence[str], reason: str | None
    ) -> None:
        values = {"actor": actor, "action": action, "subject": subject, "fields": [*fields], "reason": reason}
        batch.rows(_AUDIT_LINES, [values])

    async def add_search(self, actor: str, action: str, words: str, *, fields: Sequence[str] = ()) -> None:
        """Write who looked for which words. Long numbers in them are masked."""
        reason = mask_spoken(words.strip())
        if self._seals is not None:
            sealed = await self._seals.seal(
                f"{SEARCHED}{date.today():%Y-%m}", {"words": reason}, _searched(actor, action)
            )
            reason = _SEALED + b64encode(sealed).decode()
        batch = Batch(self._connection)
        self._put(batch, actor, action, None, fields, reason)
        await batch.send()

    async def list(self, *, subject: str | None = None, limit: int = 200) -> list[AuditEntry]:
        """Newest first. Of sealed words whose key is destroyed, or that were changed, there are none."""
        table = tables.audit
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(table.c.subject == subject)
        rows = (await self._connection.execute(query)).mappings().all()
        return [
            AuditEntry(
                row["at"],
                row["actor"],
                row["action"],
                row["subject"],
                tuple(row["fields"]),
                await self._opened(row["reason"], _searched(row["actor"], row["action"])),
            )
            for row in rows
        ]

    async def _opened(self, reason: str | None, place: str) -> str | None:
        if self._seals is None or not reason or not reason.startswith(_SEALED):
            return reason
        try:
            found = await self._seals.open(b64decode(reason.removeprefix(_SEALED), validate=True), place)
        except ValueError:
            return reason  # somebody has written so
        except SealBroken:
            return None
        return str(found["words"]) if found else None


def _searched(actor: str, action: str) -> str:
    """Where searched words stand."""
    return f"{action}:{actor}"
