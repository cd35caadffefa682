"""Sends chunks of logs and finished recordings to the receiver, over HTTPS with a token."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import structlog

from facts.errors import HotlineError
from telephony.pbx_agent.following import Chunk, chunks
from telephony.recordings import wav_seconds

log = structlog.get_logger(__name__)

#: how often the PBX's files are looked at (seconds)
EVERY_S = 1.0
#: a recording that was not written to for so long is finished, when its header says so, too (seconds)
QUIET_S = 3.0
#: bytes of a recording in one request
PIECE_BYTES = 512 * 1024
_TIMEOUT_S = 20.0
_BACKOFF_S = (1.0, 2.0, 5.0, 15.0)


class ShipRefused(HotlineError):
    """The receiver does not take what we send."""

    error_id = "ship-refused"


class ShipUnsafe(HotlineError):
    """Calls' data would cross a network unprotected."""

    error_id = "ship-unsafe"


@dataclass(frozen=True, slots=True)
class Cargo:
    """What is shipped of one PBX. A path that is None is not shipped."""

    pbx_id: str
    cel: Path | None
    queue_log: Path | None
    recordings: Path | None

    @property
    def logs(self) -> dict[str, Path]:
        """Kind of log → file."""
        found = {"cel": self.cel, "queue_log": self.queue_log}
        return {kind: path for kind, path in found.items() if path is not None}


class Shipper:
    """An async context manager; ``ship_for_ever`` until cancelled, or ``ship_once``.

    Args:
        address: the receiver's; ``https://…`` unless it is this machine.
        authority: file with the certificate that the receiver must show; None: the system's authorities.
    """

    def __init__(self, cargo: Cargo, address: str, token: str, authority: Path | None = None) -> None:
        self._cargo = cargo
        self._sent_recordings: dict[str, tuple[int, float]] = {}
        self._client = httpx.AsyncClient(
            base_url=f"{checked_address(address)}/pbx/{cargo.pbx_id}/",
            headers={"Authorization": f"Bearer {token}"},
            verify=_context(authority),
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ship_for_ever(self) -> None:
        """Go on whatever the network does; a refusal is said again and again until somebody mends it."""
        failures = 0
        while True:
            try:
                await self.ship_once()
                failures = 0
                await asyncio.sleep(EVERY_S)
            except (httpx.HTTPError, ShipRefused, OSError) as problem:
                log.warning("shipping_waits", why=str(problem) or type(problem).__name__)
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1

    async def ship_once(self) -> int:
        """Everything that is there and the receiver does not have; returns bytes sent.

        Raises:
            ShipRefused: the token, the PBX or the data is not accepted.
            httpx.HTTPError: the receiver cannot be reached.
        """
        known = _checked(await self._client.get("logs")).json()
        sent = 0
        for kind, path in self._cargo.logs.items():
            read_at = time.time()
            for chunk in await asyncio.to_thread(lambda: [*chunks(path, known.get(kind, {}))]):  # noqa: B023
                await self.ship_chunk(kind, chunk)
                sent += len(chunk.data)
            _checked(await self._client.post(f"logs/{kind}/read", json={"as_of": read_at}))
        return sent + await self._ship_recordings()

    async def ship_chunk(self, kind: str, chunk: Chunk) -> None:
        """One piece of one log; sent twice it is kept once."""
        place = {"file": chunk.file, "offset": str(chunk.offset)}
        _checked(await self._client.post(f"logs/{kind}", params=place, content=chunk.data))

    async def _ship_recordings(self) -> int:
        folder = self._cargo.recordings
        if folder is None:
            return 0
        sent = 0
        for path, size, changed in await asyncio.to_thread(_finished, folder):
            if self._sent_recordings.get(path.name) != (size, changed):
                sent += await self._ship_recording(path, size)
                self._sent_recordings[path.name] = (size, changed)
        return sent

    async def _ship_recording(self, path: Path, size: int) -> int:
        """Piece by piece, going on where the receiver stopped."""
        whole = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
        params: Mapping[str, Any] = {"size": size, "sha256": whole}
        there = _checked(await self._client.get(f"recordings/{path.name}", params=params)).json()
        offset = first = int(there["have"])
        while offset < size:
            piece = await asyncio.to_thread(_piece, path, offset)
            if not piece:
                break
            answer = await self._client.post(
                f"recordings/{path.name}", params={**params, "offset": offset}, content=piece
            )
            offset = int(_checked(answer).json()["have"])
        return size - first


def checked_address(address: str) -> str:
    """The receiver's address without its last slash.

    Raises:
        ShipUnsafe: it is not HTTPS and not this machine.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ShipUnsafe(
            f"{address} is not https", fix="give the receiver's https address in HOTLINE_SHIP_TO"
        )
    return address.rstrip("/")


def _context(authority: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority) if authority else None)


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    if answer.status_code in (401, 403):
        fix = "hotline pbx agent PBX shows the token of this PBX"
    else:
        fix = "see the receiver's log"
    raise ShipRefused(f"the receiver answered {answer.status_code}: {answer.text[:200]}", fix=fix)


def _finished(folder: Path) -> list[tuple[Path, int, float]]:
    """Recordings that nobody writes to any more, the oldest first."""
    found: list[tuple[Path, int, float]] = []
    if not folder.is_dir():
        return found
    for path in folder.glob("*.wav"):
        try:
            status = path.stat()
            if time.time() - status.st_mtime >= QUIET_S and wav_seconds(path) is not None:
                found.append((path, status.st_size, status.st_mtime))
        except FileNotFoundError:
            continue
    return sorted(found, key=lambda it: it[2])


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE_BYTES)
