"""Sealing: AES-256-GCM under a key of each person and each ticket, so that erasure is destroying a key.

Keys lie in the database, wrapped by the installation's key, which does not (``HOME/secrets.json``): a
copy of the database alone opens nothing. A blob says which key opens it and is bound to its place
(associated data): it cannot be moved to another row.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from facts.errors import HotlineError

_FORM = b"\x01"
_KEY_ID = 8
_NONCE = 12
#: bytes of a token: eight characters
_TOKEN = 6
#: bytes of a digest that is keyed; a plain one has 32
KEYED_DIGEST = 33
#: tokens that are kept at hand: a text has a hundred of them, and most are of other texts, too
_TOKENS_KEPT = 20_000
_HEAD = len(_FORM) + _KEY_ID + _NONCE


class SealBroken(HotlineError):
    """A sealed value cannot be opened: it was changed, or the installation's key is another one."""

    error_id = "seal-broken"

    def __init__(self, place: str) -> None:
        super().__init__(
            f"{place} cannot be opened", fix="restore HOME/secrets.json that belongs to this database"
        )


class Vault:
    """The installation's key: wraps the keys of persons and tickets, and makes names that find them."""

    def __init__(self, secret: str) -> None:
        self._wrapping = AESGCM(self._derived(secret, b"hotline wrapping"))
        self._lookup = self._derived(secret, b"hotline lookup")
        self._lines = AESGCM(self._derived(secret, b"hotline lines"))
        #: see ``_token``
        self.token = lru_cache(_TOKENS_KEPT)(self._token)

    @staticmethod
    def _derived(secret: str, purpose: bytes) -> bytes:
        return hmac.digest(secret.encode(), purpose, sha256)

    def lookup(self, kind: str, value: str) -> str:
        """A name by which the same value is found again, and which tells nothing about it."""
        return hmac.digest(self._lookup, f"{kind}:{value}".encode(), sha256).hex()

    def _token(self, kind: str, value: str) -> str:
        """A short name for an index: other values may have the same, so that what is found is looked at."""
        return b64encode(hmac.digest(self._lookup, f"{kind}:{value}".encode(), sha256)[:_TOKEN]).decode()

    def keyed(self, kind: str, value: bytes) -> bytes:
        """A digest that nobody without the installation's key can try values against."""
        return hmac.digest(self._lookup, kind.encode() + b":" + value, sha256)

    def keyed_once(self, kind: str, digest: bytes) -> bytes:
        """A plain digest as it is kept: from it alone what it is of could be guessed. Keyed ones stay."""
        return digest if len(digest) == KEYED_DIGEST else b"\x01" + self.keyed(kind, digest)

    def seal_line(self, plain: bytes) -> bytes:
        """One line of a file of ours that is gone soon: there is no key of its own to destroy."""
        nonce = os.urandom(_NONCE)
        return b64encode(nonce + self._lines.encrypt(nonce, plain, None))

    def open_line(self, sealed: bytes) -> bytes:
        """What was sealed. Raises ``SealBroken``."""
        try:
            blob = b64decode(sealed, validate=True)
            return self._lines.decrypt(blob[:_NONCE], blob[_NONCE:], None)
        except (InvalidTag, ValueError):
            raise SealBroken("a line") from None

    def new_key(self, subject: str) -> tuple[bytes, bytes]:
        """A new key and its wrapped form."""
        key = os.urandom(32)
        nonce = os.urandom(_NONCE)
        return key, nonce + self._wrapping.encrypt(nonce, key, subject.encode())

    def unwrap(self, wrapped: bytes, subject: str) -> bytes:
        """The key. Raises ``SealBroken``."""
        try:
            return self._wrapping.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], subject.encode())
        except InvalidTag:
            raise SealBroken(f"the key of {subject.partition(':')[0]}") from None


def seal(key: bytes, key_id: int, plain: bytes, place: str) -> bytes:
    """A sealed value for one place (``ticket:2026…:texts``)."""
    nonce = os.urandom(_NONCE)
    head = _FORM + key_id.to_bytes(_KEY_ID, "big")
    return head + nonce + AESGCM(key).encrypt(nonce, plain, head + place.encode())


def key_of(sealed: bytes) -> int:
    """Which key opens it."""
    return int.from_bytes(sealed[len(_FORM) : len(_FORM) + _KEY_ID], "big")


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """What was sealed. Raises ``SealBroken``."""
    head, nonce, rest = sealed[: _HEAD - _NONCE], sealed[_HEAD - _NONCE : _HEAD], sealed[_HEAD:]
    try:
        return AESGCM(key).decrypt(nonce, rest, head + place.encode())
    except InvalidTag:
        raise SealBroken(place) from None
