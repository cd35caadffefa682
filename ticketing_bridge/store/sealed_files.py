"""Files under a key: AES-256-GCM in pieces, so that any stretch of a long recording is opened alone.

A head says which key opens it, how long it was and its SHA-256; every piece is bound to the head, to the
file's name and to its place: pieces can be neither exchanged, left out nor cut off unseen.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ticketing_bridge.store.sealing import SealBroken

SUFFIX = ".sealed"
PIECE = 64 * 1024
_MARK = b"HLF1"
_HEAD = struct.Struct(">4sQQI32s")
_NONCE = 12
_TAG = 16


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed file as its head describes it; ``size`` in bytes, of what was sealed."""

    path: Path
    key_id: int
    size: int
    piece: int
    sha256: str
    head: bytes

    @property
    def name(self) -> str:
        """The name of what was sealed."""
        return self.path.name.removesuffix(SUFFIX)


def sealed_path(folder: Path, name: str) -> Path:
    """Where the sealed form of a file of ``folder`` lies: apart, so that what is new is found quickly."""
    return folder / "sealed" / f"{name}{SUFFIX}"


def seal_file(plain: Path, key: bytes, key_id: int) -> SealedFile:
    """Seal a file into its folder's ``sealed``, read it back, and only then remove what was in the clear.

    Raises:
        OSError: no room, or this user may not write there; the file stays as it is.
        SealBroken: what was written cannot be read back; the file stays as it is.
    """
    target = sealed_path(plain.parent, plain.name)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    part = target.with_suffix(".part")
    with plain.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").digest()
        size = source.tell()
        source.seek(0)
        head = _HEAD.pack(_MARK, key_id, size, PIECE, digest)
        cipher = AESGCM(key)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(head)
            for index in range(_pieces(size, PIECE)):
                nonce = os.urandom(_NONCE)
                file.write(nonce)
                file.write(cipher.encrypt(nonce, source.read(PIECE), _bound(head, plain.name, index)))
            file.flush()
            os.fsync(file.fileno())
    part.replace(target)
    made = read_head(target)
    again = hashlib.sha256()
    for piece in read_sealed(made, key):
        again.update(piece)
    if again.digest() != digest:
        raise SealBroken(target.name)
    plain.unlink()
    return made


def _pieces(size: int, piece: int) -> int:
    return -(-size // piece)


def _bound(head: bytes, name: str, index: int) -> bytes:
    return head + name.encode() + index.to_bytes(8, "big")


def read_head(path: Path) -> SealedFile:
    """What a sealed file says of itself.

    Raises:
        SealBroken: it is none.
        FileNotFoundError: there is none.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or head[:4] != _MARK:
        raise SealBroken(path.name)
    _, key_id, size, piece, digest = _HEAD.unpack(head)
    return SealedFile(path, key_id, size, piece, digest.hex(), head)


def read_sealed(sealed: SealedFile, key: bytes, first: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes ``[first, end)`` of what was sealed, piece by piece. Blocks.

    Raises:
        SealBroken: it was changed, cut off, or sealed under another key.
    """
    end = sealed.size if end is None else min(end, sealed.size)
    cipher = AESGCM(key)
    stride = _NONCE + sealed.piece + _TAG
    with sealed.path.open("rb") as file:
        for index in range(first // sealed.piece, _pieces(end, sealed.piece)):
            at = index * sealed.piece
            length = min(sealed.piece, sealed.size - at)
            file.seek(_HEAD.size + index * stride)
            blob = file.read(_NONCE + length + _TAG)
            try:
                plain = cipher.decrypt(blob[:_NONCE], blob[_NONCE:], _bound(sealed.head, sealed.name, index))
            except (InvalidTag, ValueError):
                raise SealBroken(sealed.path.name) from None
            yield plain[max(0, first - at) : end - at]
