"""What is kept how long: purged by the city's own times, put on record, held where a law says so.

There is no default: a data class for which the city has set nothing is kept, and the doctor says so.
Erasing a person is destroying the key under which everything that tells who they are was sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from config.tickets import DataClass
from facts.errors import HotlineError
from facts.telephone import national
from telephony.recordings import RecordingMissing, recording_paths
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.sealed import person_subject

log = structlog.get_logger(__name__)

BATCH = 500
EVERY_S = 6 * 3600.0
#: who purges when nobody asked for it
BY_ITSELF = "worker"


class ErasureRefused(HotlineError):
    """This person cannot be erased."""

    error_id = "erasure-refused"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one data class: ``held`` were old enough and are kept by a hold."""

    data_class: DataClass
    before: datetime
    purged: int
    held: int


async def purge(
    database: Database, office: TicketOffice, folders: Sequence[Path], by: str, now: datetime
) -> list[Purged]:
    """Purge every data class whose time is set; each with its record.

    ``folders`` are where recordings lie, one a PBX. A recording that another process holds open goes when
    that one closes it.
    """
    done = []
    for data_class, days in office.rules.retention.items():
        before = now - timedelta(days=days)
        purged, held = await _PURGES[data_class](database, before, folders, by)
        async with database.unit_of_work() as uow:
            await uow.keeping.add_run(by, data_class.value, before, purged, held)
            await uow.audit.add(by, "purged", subject=data_class.value, fields=[str(purged), str(held)])
        done.append(Purged(data_class, before, purged, held))
    return done


async def _audio(database: Database, before: datetime, folders: Sequence[Path], _: str) -> tuple[int, int]:
    purged, seen_held = 0, set[str]()
    while True:
        async with database.unit_of_work() as uow:
            found = await uow.keeping.recordings_before(before, BATCH, skip=seen_held)
            if not found:
                return purged, len(seen_held)
            seen_held |= {call for call, _, held in found if held}
            bases = {call: base for call, base, held in found if not held}
            await asyncio.to_thread(_remove, [*bases.values()], folders)
            await uow.keeping.forget_recordings([*bases])
        purged += len(bases)


def _remove(bases: Sequence[str], folders: Sequence[Path]) -> None:
    for base in bases:
        for folder in folders:
            try:
                paths = recording_paths(folder, base)
            except RecordingMissing:
                continue  # a name that no PBX makes leads out of the folder
            for path in paths:
                path.unlink(missing_ok=True)


async def _words(database: Database, before: datetime, _: Sequence[Path], __: str) -> tuple[int, int]:
    async with database.unit_of_work() as uow:
        return await uow.keeping.purge_words(before)


async def _numbers(database: Database, before: datetime, _: Sequence[Path], __: str) -> tuple[int, int]:
    async with database.unit_of_work() as uow:
        return await uow.keeping.purge_numbers(before)


async def _persons(database: Database, before: datetime, _: Sequence[Path], by: str) -> tuple[int, int]:
    async with database.unit_of_work() as uow:
        found = await uow.keeping.persons_before(before)
        free = [subject for subject, held in found if not held]
        for subject in free:
            await uow.keys.destroy(subject, by)
            await uow.keeping.forget_phone(subject.removeprefix("person:"))
    return len(free), len(found) - len(free)


_PURGES = {
    DataClass.AUDIO: _audio,
    DataClass.WORDS: _words,
    DataClass.CALLER_NUMBERS: _numbers,
    DataClass.TICKET_PERSONS: _persons,
}


async def erase(database: Database, vault: Vault, phone: str, by: str, reason: str) -> int:
    """Erase a person: whatever tells who they are in any ticket is gone for ever; returns in how many.

    Raises:
        ErasureRefused: nobody is known by that number, a hold keeps them, or there is no reason.
    """
    if not reason.strip():
        raise ErasureRefused("a reason is needed", fix="--reason")
    lookup = vault.lookup("phone", national(phone))
    subject = person_subject(lookup)
    async with database.unit_of_work() as uow:
        tickets = [row.number for row in await uow.desk_tickets.of_person(lookup, limit=10_000)]
        if await uow.keeping.is_held(subject, *tickets):
            raise ErasureRefused("a legal hold keeps this person", fix="hotline retention holds")
        if not await uow.keys.destroy(subject, by):
            raise ErasureRefused("nobody is known by that number", fix="check the number")
        await uow.keeping.forget_phone(lookup)
        await uow.audit.add(by, "person-erased", subject=subject[:24], fields=tickets, reason=reason.strip())
    return len(tickets)


async def keep_purging(
    database: Database, current: Callable[[], TicketOffice], folders: Sequence[Path]
) -> None:
    """Purge a few times a day, until cancelled; nothing while the city has set no times."""
    while True:
        try:
            await purge(database, current(), folders, BY_ITSELF, datetime.now(LOCAL))
        except DatabaseAway:
            log.warning("nothing purged", fix="the database is away; it is tried again")
        except OSError as problem:
            log.error("recordings not purged", problem=str(problem), fix="let this user delete recordings")
        await asyncio.sleep(EVERY_S)
