"""Recordings of the house: sealed once nobody needs the file, opened for who listens.

What the PBX has written lies in the clear until the second hearing has read it and ``after_s`` have gone by;
then it is sealed under a key of its own. The purge and erasure destroy that key and remove the file.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError

from config.sites import PbxSite
from facts.errors import HotlineError
from telephony.recordings import RecordingMissing, find_recording, recording_paths, wav_seconds
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.sealed_files import (
    SealedFile,
    read_head,
    read_sealed,
    seal_file,
    sealed_path,
)
from ticketing_bridge.store.seals import audio_subject

log = structlog.get_logger(__name__)

#: how often new recordings are looked for, in seconds
LOOK_S = 30.0
#: a file of no call that we know is sealed, too, when it is so old (seconds)
STRANGER_S = 24 * 3600.0
_SIDES = ("-rx", "-tx")


class RecordingErased(HotlineError):
    """The key of a recording is destroyed."""

    error_id = "recording-erased"
    exit_code = 1

    def __init__(self, base: str) -> None:
        super().__init__(f"recording {base} was erased", fix="nobody can hear it any more")


@dataclass(frozen=True, slots=True)
class OpenSound:
    """One file of sound that may be read: in the clear at ``path``, or sealed with its ``key``."""

    size: int
    path: Path | None = None
    sealed: SealedFile | None = None
    key: bytes = b""

    def read(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes ``[first, end)``, piece by piece. Blocks. Raises ``SealBroken``."""
        if self.sealed is not None:
            yield from read_sealed(self.sealed, self.key, first, end)
            return
        assert self.path is not None
        with self.path.open("rb") as file:
            file.seek(first)
            left = (self.size if end is None else end) - first
            while left > 0 and (piece := file.read(min(left, 64 * 1024))):
                left -= len(piece)
                yield piece


def base_of(name: str) -> str:
    """The base name of a recording's file: ``city-1.2-rx.wav`` is one side of ``city-1.2``."""
    stem = name.removesuffix(".wav")
    return next((stem.removesuffix(side) for side in _SIDES if stem.endswith(side)), stem)


async def open_sound(uow: UnitOfWork, folder: Path, base: str) -> OpenSound | None:
    """Both sides mixed, for the ear; None when there is no whole recording.

    Raises:
        RecordingErased: its key is destroyed.
        RecordingMissing: a file cannot be read.
    """
    found = await asyncio.to_thread(find_recording, folder, base)
    if found is not None:
        return OpenSound(found.mixed.stat().st_size, found.mixed)
    return await _open_sealed(uow, recording_paths(folder, base)[0])


async def _open_sealed(uow: UnitOfWork, plain: Path) -> OpenSound | None:
    try:
        sealed = await asyncio.to_thread(read_head, sealed_path(plain.parent, plain.name))
    except FileNotFoundError:
        return None
    if uow.seals is None:
        raise RecordingMissing(f"{plain.name} is sealed", fix="open the database with the installation's key")
    key = await uow.seals.opening_key(sealed.key_id)
    if key is None:
        raise RecordingErased(base_of(plain.name))
    return OpenSound(sealed.size, sealed=sealed, key=key)


@asynccontextmanager
async def opened_again(
    database: Database, folder: Path, bases: Iterable[str], run: Path
) -> AsyncIterator[Path]:
    """The folder where recordings' files are in the clear: the PBX's, or one of ours that goes afterwards.

    Args:
        database: opened with the installation's key.
        folder: where the PBX records.
        bases: the recordings' base names.
        run: where a folder for a moment may be made.

    Raises:
        RecordingErased: the key of one is destroyed.
    """
    files = [path for base in bases for path in recording_paths(folder, base)]
    sealed = [it for it in files if sealed_path(folder, it.name).exists()]
    if not sealed:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=_OPENED, dir=run) as made:
        for plain in files:
            if plain.exists():
                (Path(made) / plain.name).symlink_to(plain)
        for plain in sealed:
            async with database.unit_of_work() as uow:
                sound = await _open_sealed(uow, plain)
            if sound is not None:
                await asyncio.to_thread(_write, sound, Path(made) / plain.name)
        yield Path(made)


_OPENED = "opened-"


def _write(sound: OpenSound, target: Path) -> None:
    target.unlink(missing_ok=True)  # sealed a moment ago: the link leads nowhere by now
    with target.open("wb") as file:
        file.writelines(sound.read())


def forget_opened(run: Path) -> None:
    """Remove what a worker that was killed had opened."""
    for left in run.glob(f"{_OPENED}*"):
        shutil.rmtree(left, ignore_errors=True)


def remove_recording(folder: Path, base: str) -> None:
    """Remove a recording's files, in the clear and sealed. Raises ``OSError``."""
    try:
        paths = recording_paths(folder, base)
    except RecordingMissing:
        return  # a name that no PBX makes leads out of the folder
    for path in paths:
        path.unlink(missing_ok=True)
        sealed_path(folder, path.name).unlink(missing_ok=True)


async def seal_recordings(database: Database, site: PbxSite, after_s: float, now: float) -> int:
    """Seal what is old enough and needed in the clear by nobody; returns how many files.

    Args:
        database: opened with the installation's key.
        site: whose recordings.
        after_s: seconds since the file was last written.
        now: Unix time.

    Raises:
        OSError: no room, or this user may not remove recordings there.
    """
    ripe = await asyncio.to_thread(_ripe, site.recordings, now - after_s)
    if not ripe or database.vault is None:
        return 0
    bases = {base_of(path.name) for path, _ in ripe}
    async with database.unit_of_work() as uow:
        waiting = await uow.keeping.recordings_in_need(site.id, bases)
    done = 0
    for path, written in ripe:
        base = base_of(path.name)
        if waiting.get(base, written > now - STRANGER_S):
            continue
        async with database.unit_of_work() as uow:
            assert uow.seals is not None
            key, key_id = await uow.seals.key(audio_subject(site.id, base))
        await asyncio.to_thread(seal_file, path, key, key_id)
        done += 1
    return done


def _ripe(folder: Path, before: float) -> list[tuple[Path, float]]:
    """Whole files last written before, with when."""
    if not folder.is_dir():
        return []
    found = [(it, it.stat().st_mtime) for it in folder.glob("*.wav")]
    return [(it, written) for it, written in found if written < before and wav_seconds(it) is not None]


async def keep_sealed(database: Database, sites: Sequence[PbxSite], after_s: float, run: Path) -> None:
    """Seal recordings, and words that were kept before there were keys of calls, until cancelled."""
    await asyncio.to_thread(forget_opened, run)
    while True:
        try:
            await seal_words(database)
            for site in sites:
                await _sealed_at(database, site, after_s)
        except DatabaseAway:
            log.warning("nothing sealed", fix="the database is away; it is tried again")
        await asyncio.sleep(LOOK_S)


async def _sealed_at(database: Database, site: PbxSite, after_s: float) -> None:
    """One PBX's recordings; what is wrong with its folder keeps no other from being sealed."""
    try:
        await seal_recordings(database, site, after_s, time.time())
    except DatabaseAway:
        raise
    except (OSError, HotlineError) as problem:
        fix = "make room, and let this user write and remove in the folder of recordings"
        log.error("recordings_not_sealed", pbx=site.id, problem=str(problem), fix=fix)


async def keep_numbers_sealed(database: Database) -> None:
    """Seal numbers that were kept before they were sealed, until cancelled. Of a year it takes hours."""
    while True:
        try:
            if done := await seal_numbers(database):
                log.info("numbers_sealed", rows=done)
        except DatabaseAway:
            log.warning("no numbers sealed", fix="the database is away; it is tried again")
        except DBAPIError as refused:  # somebody else was writing the same rows
            log.warning("no numbers sealed", problem=type(refused.orig).__name__, fix="it is tried again")
        await asyncio.sleep(LOOK_S)


async def seal_numbers(database: Database, at_once: int = 500) -> int:
    """Seal numbers that lie in the clear; returns how many rows."""
    return await _all_sealed(database, lambda uow: uow.clear_numbers.seal_some(at_once))


async def seal_words(database: Database, at_once: int = 200) -> int:
    """Seal words that lie in the clear; returns how many rows."""
    return await _all_sealed(database, lambda uow: uow.clear.seal_some(at_once))


async def _all_sealed(database: Database, seal_some: Callable[[UnitOfWork], Awaitable[int]]) -> int:
    """Some in each transaction, until there are no more."""
    done = 0
    while database.vault is not None:
        async with database.unit_of_work() as uow:
            sealed = await seal_some(uow)
        done += sealed
        if not sealed:
            break
    return done
