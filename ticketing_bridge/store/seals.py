"""Sealing and opening within one transaction: which key, and the bytes it makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from ticketing_bridge.store.batch import Answer, Batch
from ticketing_bridge.store.desk_ticket_records import DataKey
from ticketing_bridge.store.desk_ticket_repository import DataKeyRepository
from ticketing_bridge.store.sealing import SealBroken, Vault, key_of, seal, unseal


def packed(values: Mapping[str, Any]) -> bytes:
    """Values as they are sealed."""
    return to_json(values)


def words_subject(call: str) -> str:
    """To whom the key of a call's words belongs."""
    return f"words:{call}"


def audio_subject(pbx_id: str, base: str) -> str:
    """To whom the key of a recording belongs; ``base`` is its name on that PBX."""
    return f"audio:{pbx_id}:{base}"


_KEYS_OF = """
SELECT id, subject, wrapped FROM data_key WHERE subject = ANY(%(subjects)s) AND wrapped IS NOT NULL
"""


class Seals:
    """Seals and opens; keys are read once a transaction, and never kept longer: a destroyed one is gone."""

    def __init__(self, keys: DataKeyRepository, vault: Vault) -> None:
        self._keys_of = keys
        self._vault = vault
        self._own: dict[str, tuple[bytes, int]] = {}
        self._keys: dict[int, DataKey] = {}
        self._plain: dict[int, bytes] = {}

    async def key(self, subject: str) -> tuple[bytes, int]:
        """The subject's key and its id; made when there is none."""
        if subject not in self._own:
            found = await self._keys_of.current(subject)
            if found is None:
                _, wrapped = self._vault.new_key(subject)
                found = await self._keys_of.add(subject, wrapped)
            self.take(found)
        return self._own[subject]

    def take(self, key: DataKey) -> None:
        """Seal with this key from now on in this transaction."""
        assert key.wrapped is not None
        self._own[key.subject] = self._vault.unwrap(key.wrapped, key.subject), key.id

    async def seal(self, subject: str, values: Mapping[str, Any], place: str) -> bytes:
        """Values sealed under the subject's key for one place."""
        key, key_id = await self.key(subject)
        return seal(key, key_id, packed(values), place)

    async def fetch_keys(self, blobs: Iterable[bytes | None]) -> None:
        """Read the keys of many blobs at once."""
        await self._fetch({key_of(blob) for blob in blobs if blob is not None})

    async def _fetch(self, ids: set[int]) -> None:
        if wanted := ids - self._keys.keys():
            self._keys |= await self._keys_of.many(wanted)

    def know(self, keys: Iterable[DataKey]) -> None:
        """Keys that were read already in this transaction."""
        self._keys |= {key.id: key for key in keys}

    async def opening_key(self, key_id: int) -> bytes | None:
        """A key by its id; None when it is destroyed."""
        await self._fetch({key_id})
        if key_id not in self._plain:
            key = self._keys.get(key_id)
            if key is None or key.wrapped is None:
                return None
            plain = self._plain[key_id] = self._vault.unwrap(key.wrapped, key.subject)
            self._own.setdefault(key.subject, (plain, key.id))  # what still opens also seals
        return self._plain[key_id]

    async def open(self, sealed: bytes | None, place: str) -> dict[str, Any] | None:
        """What was sealed; None when its key is destroyed, or there is nothing.

        Raises:
            SealBroken: it was changed, or moved to another place.
        """
        if sealed is None:
            return None
        plain = await self.opening_key(key_of(sealed))
        if plain is None:
            return None
        opened: dict[str, Any] = from_json(
            unseal(plain, sealed, place),
            cache_strings="keys",  # what was sealed stays in no cache of the process
        )
        return opened


class WordSeals:
    """Words of calls in their rows: sealed under a key of each call.

    A database that was opened without the installation's key (tools that measure, tests) keeps words as
    they are; what lies there in the clear is sealed by whoever opens it with the key (``keep_sealed``).
    """

    def __init__(self, seals: Seals | None) -> None:
        self._seals = seals

    async def closed(
        self, call: str, values: Mapping[str, Any], place: str
    ) -> tuple[Mapping[str, Any] | None, bytes | None]:
        """What a row keeps: values in the clear, or sealed; never both."""
        if self._seals is None:
            return values, None
        return None, await self._seals.seal(words_subject(call), values, place)

    def ask_keys(self, batch: Batch, calls: Iterable[str]) -> Answer:
        """Read calls' keys together with their rows."""
        return batch.ask(_KEYS_OF, {"subjects": [words_subject(it) for it in calls]})

    def know(self, keys: Iterable[DataKey]) -> None:
        """Keys that were read already in this transaction."""
        if self._seals is not None:
            self._seals.know(keys)

    async def fetch_keys(self, blobs: Iterable[bytes | None]) -> None:
        """Read the keys of many rows at once."""
        if self._seals is not None:
            await self._seals.fetch_keys(blobs)

    async def opened(
        self, plain: Mapping[str, Any] | None, sealed: bytes | None, place: str
    ) -> Mapping[str, Any] | None:
        """What a row says; None when its key is destroyed.

        Raises:
            SealBroken: it was changed, or this database was opened without the installation's key.
        """
        if sealed is None:
            return plain
        if self._seals is None:
            raise SealBroken(place)
        return await self._seals.open(sealed, place)


def transcript_place(call: str, kind: str, model: str) -> str:
    """Where a transcript stands."""
    return f"transcript:{call}:{kind}:{model}"


def draft_place(call: str, version: int) -> str:
    """Where a version of a draft stands."""
    return f"draft:{call}:{version}"


def live_place(call: str, leg: str, stream: str, segment: int) -> str:
    """Where a text that was heard live stands."""
    return f"live:{call}:{leg}:{stream}:{segment}"


def sheet_place(call: str, matter: int) -> str:
    """Where a work sheet stands."""
    return f"sheet:{call}:{matter}"


def index_place(call: str) -> str:
    """Where the text of the search index stands."""
    return f"index:{call}"
