"""Numbers and their tokens within one transaction: what every repository with numbers translates by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import structlog
from sqlalchemy import Text, any_, bindparam, cast, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.desk_ticket_tables import data_key
from ticketing_bridge.store.number_tables import sealed_number
from ticketing_bridge.store.numbers import ERASED, is_token, new_token
from ticketing_bridge.store.sealing import SealBroken, Vault, seal, unseal

log = structlog.get_logger(__name__)

#: bytes of what a number finds its token by
_LOOKUP = 16
#: so many are opened by one statement
_AT_ONCE = 10_000

_FIND = text("""
SELECT it.lookup, it.token, it.seen_on < CAST(:day AS date) AS stale
FROM sealed_number it JOIN data_key ON data_key.id = it.key AND data_key.wrapped IS NOT NULL
WHERE it.lookup = ANY(CAST(:lookups AS bytea[]))
""")
#: those that somebody else marks now are marked as well
_SEEN = text("""
UPDATE sealed_number SET seen_on = CAST(:day AS date) WHERE token IN (
  SELECT token FROM sealed_number WHERE token = ANY(CAST(:tokens AS text[])) FOR UPDATE SKIP LOCKED)
""")
#: whose key is destroyed is nobody's: the same number gets another token
_GONE = text("""
DELETE FROM sealed_number it USING data_key
WHERE data_key.id = it.key AND data_key.wrapped IS NULL AND it.lookup = ANY(CAST(:lookups AS bytea[]))
""")
_KEYS = text("""
INSERT INTO data_key (subject, wrapped)
SELECT * FROM unnest(CAST(:subjects AS text[]), CAST(:wrapped AS bytea[])) RETURNING subject, id
""")
_MAKE = text("""
INSERT INTO sealed_number (token, lookup, key, sealed, seen_on)
SELECT token, lookup, key, sealed, CAST(:day AS date)
FROM unnest(CAST(:tokens AS text[]), CAST(:lookups AS bytea[]), CAST(:keys AS bigint[]),
            CAST(:sealed AS bytea[])) AS it (token, lookup, key, sealed)
ORDER BY lookup ON CONFLICT DO NOTHING RETURNING token
""")
_UNUSED = text("DELETE FROM data_key WHERE id = ANY(CAST(:keys AS bigint[]))")
_OPEN = (
    select(sealed_number.c.token, sealed_number.c.sealed, data_key.c.subject, data_key.c.wrapped)
    .join(data_key, data_key.c.id == sealed_number.c.key)
    .where(sealed_number.c.token == any_(cast(bindparam("tokens"), ARRAY(Text))))
)
_OF_CALLS = """
SELECT it.token, it.sealed, data_key.subject, data_key.wrapped
FROM sealed_number it JOIN data_key ON data_key.id = it.key
WHERE it.token IN (SELECT caller_number FROM call WHERE key = ANY(%(calls)s))
"""
_DESTROY = text("""
WITH gone AS (DELETE FROM sealed_number WHERE token = ANY(CAST(:tokens AS text[])) RETURNING key)
UPDATE data_key SET wrapped = NULL, destroyed_at = now(), destroyed_by = :by
WHERE id IN (SELECT key FROM gone) AND wrapped IS NOT NULL
""")
#: written of long ago, and nothing that is kept names them
_UNKEPT = text("""
SELECT token FROM sealed_number it WHERE seen_on < CAST(:before AS date)
  AND NOT EXISTS (SELECT FROM call WHERE caller_number = it.token)
  AND NOT EXISTS (SELECT FROM callback WHERE number = it.token)
  AND NOT EXISTS (SELECT FROM follow_up_task WHERE number = it.token)
  AND NOT EXISTS (SELECT FROM ticket_contact WHERE phone = it.token)
""")


def number_subject(token: str) -> str:
    """To whom the key of a number belongs."""
    return f"number:{token}"


class Numbers:
    """Tokens for numbers, and numbers for tokens.

    A token is drawn once for each number and stays its token until it is forgotten: equal numbers have equal
    tokens, and who is erased and phones again is somebody else. A database that was opened without the
    installation's key (tools that measure, tests) keeps numbers as they are.
    """

    def __init__(self, connection: AsyncConnection, vault: Vault | None) -> None:
        self._connection = connection
        self._vault = vault
        self._tokens: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        #: tokens of numbers that were opened: looking for them tells nothing new. Apart from ``_tokens``,
        #: because what is written must mark its number as seen
        self._opened: dict[str, str] = {}
        #: whether what is written is sealed
        self.seals = vault is not None
        #: False while answers cannot be read (``uow.unanswered()``): all that is needed must be known before
        self.asking = True

    async def tokens(self, numbers: Iterable[str], day: date | None = None) -> Mapping[str, str]:
        """Tokens by number; made for those that have none.

        Args:
            numbers: as they are written; ``ERASED`` stays what it is.
            day: when they were written; None: today.
        """
        wanted = set(numbers) - self._tokens.keys()
        if wanted and self._vault is None:
            self._tokens |= {it: it for it in wanted}
        elif wanted:
            self._tokens |= {it: it for it in wanted if it == ERASED or is_token(it)}
            if missing := await self._find(wanted - self._tokens.keys(), day or date.today()):
                await self._make(missing, day or date.today())
        return self._tokens

    async def token(self, number: str) -> str:
        """One number's token; made when it has none."""
        return (await self.tokens([number]))[number]

    async def known(self, numbers: Iterable[str]) -> list[str]:
        """What stands for these numbers in the tables: their tokens, and they themselves where unsealed."""
        return [name for names in (await self.names(numbers)).values() for name in names]

    async def names(self, numbers: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The same by number; nothing is asked for numbers that were opened within this transaction."""
        wanted = dict.fromkeys(it for it in numbers if it)
        if self._vault is not None:
            await self._find(wanted.keys() - self._opened.keys() - self._tokens.keys(), date.min)
        tokens = self._opened | self._tokens
        return {it: [*dict.fromkeys((it, tokens.get(it, it)))] for it in wanted}

    async def opened(self, stored: Iterable[str]) -> Mapping[str, str]:
        """Numbers by what stands for them; ``ERASED`` for tokens that are nobody's any more.

        What was changed, or sealed with another installation's key, is in the log and counts as erased.

        Raises:
            SealBroken: this database was opened without the installation's key.
        """
        new = set(stored) - self._numbers.keys()
        tokens = [it for it in new if is_token(it)]
        self._numbers |= dict.fromkeys(tokens, ERASED) | {it: it for it in new.difference(tokens)}
        if tokens and self._vault is None:
            raise SealBroken("a number")
        for first in range(0, len(tokens), _AT_ONCE):
            await self._open(tokens[first : first + _AT_ONCE])
        return self._numbers

    def ask_callers(self, batch: Batch, calls: Sequence[str]) -> Answer:
        """Read what callers' numbers are opened with, together with the calls; see ``know``."""
        return batch.ask(_OF_CALLS, {"calls": [*calls]})

    def know(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Numbers that were read already in this transaction."""
        if self._vault is not None:
            self._take(rows)

    async def forget(self, numbers: Iterable[str], by: str) -> int:
        """Destroy the keys of these numbers: their tokens are nobody's; returns how many there were."""
        tokens = [it for it in await self.known(numbers) if is_token(it)]
        return await self._destroy(tokens, by)

    async def forget_unkept(self, before: date, by: str) -> int:
        """The same for all that were last written before that day, and that no row is about any more."""
        found = await self._connection.execute(_UNKEPT, {"before": before})
        return await self._destroy([*found.scalars()], by)

    async def _destroy(self, tokens: Sequence[str], by: str) -> int:
        if tokens:
            await self._connection.execute(_DESTROY, {"tokens": tokens, "by": by})
        self._tokens.clear()
        self._numbers.clear()
        self._opened.clear()
        return len(tokens)

    def keyed_digest(self, digest: bytes) -> bytes:
        """An event's key as it is kept: from a plain digest the number within could be guessed."""
        return digest if self._vault is None else self._vault.keyed_once("event", digest)

    def _lookup(self, number: str) -> bytes:
        assert self._vault is not None
        return self._vault.keyed("number", number.encode())[:_LOOKUP]

    async def _find(self, wanted: set[str], day: date) -> set[str]:
        """Look for these numbers' tokens; returns those that have none."""
        if not wanted:
            return wanted
        if not self.asking:
            raise RuntimeError("numbers must be known before a block in which nothing is answered")
        by_lookup = {self._lookup(it): it for it in wanted}
        rows = (await self._connection.execute(_FIND, {"lookups": [*by_lookup], "day": day})).all()
        self._tokens |= {by_lookup[bytes(row.lookup)]: row.token for row in rows}
        if stale := [row.token for row in rows if row.stale]:
            await self._connection.execute(_SEEN, {"tokens": stale, "day": day})
        return wanted - self._tokens.keys()

    async def _make(self, numbers: set[str], day: date) -> None:
        """Draw tokens; where somebody else was first, theirs counts."""
        assert self._vault is not None
        of_token = {new_token(): it for it in numbers}
        keys = {number_subject(token): self._vault.new_key(number_subject(token)) for token in of_token}
        wrapped = [wrapped for _, wrapped in keys.values()]
        rows = await self._connection.execute(_KEYS, {"subjects": [*keys], "wrapped": wrapped})
        ids: dict[str, int] = {row.subject: row.id for row in rows}
        sealed = []
        for token, number in of_token.items():
            subject = number_subject(token)
            sealed.append(seal(keys[subject][0], ids[subject], number.encode(), subject))
        lookups = [self._lookup(it) for it in of_token.values()]
        await self._connection.execute(_GONE, {"lookups": lookups})
        values = {
            "tokens": [*of_token], "lookups": lookups, "sealed": sealed, "day": day,
            "keys": [ids[number_subject(token)] for token in of_token],
        }  # fmt: skip
        made = {*(await self._connection.execute(_MAKE, values)).scalars()}
        self._tokens |= {number: token for token, number in of_token.items() if token in made}
        if lost := of_token.keys() - made:
            await self._connection.execute(_UNUSED, {"keys": [ids[number_subject(it)] for it in lost]})
            await self._find({of_token[it] for it in lost}, day)

    async def _open(self, tokens: Sequence[str]) -> None:
        rows = await self._connection.execute(_OPEN, {"tokens": tokens})
        self._take(row._mapping for row in rows)

    def _take(self, rows: Iterable[Mapping[Any, Any]]) -> None:
        assert self._vault is not None
        broken = 0
        for row in rows:
            token, subject = row["token"], row["subject"]
            self._numbers[token] = ERASED
            if row["wrapped"] is None:
                continue
            try:
                key = self._vault.unwrap(bytes(row["wrapped"]), subject)
                number = unseal(key, bytes(row["sealed"]), number_subject(token)).decode()
            except SealBroken:
                broken += 1
                continue
            self._numbers[token] = number
            self._opened[number] = token
        if broken:
            # calls are followed and counted whoever has lost the key: their numbers are as good as erased
            log.error("numbers_not_opened", numbers=broken, fix="restore HOME/secrets.json of this database")
