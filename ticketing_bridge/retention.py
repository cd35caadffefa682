"""What is kept how long: purged by the city's own times, put on record, held where a law says so.

There is no default: a data class for which the city has set nothing is kept, and the doctor says so.
Erasing a person is destroying the key under which everything that tells who they are was sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from config.tickets import DataClass
from facts.errors import HotlineError
from facts.telephone import national
from ticketing_bridge.recordings import remove_recording
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.keeping_repository import KeptRecording
from ticketing_bridge.store.people_repositories import SEARCHED
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.store.seals import audio_subject, words_subject
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.sealed import Sealer, person_subject

#: where recordings lie, by PBX
Folders = Mapping[str, Path]

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
class Erased:
    """In how many tickets and of how many calls somebody was erased."""

    tickets: int
    calls: int
    #: tickets of these calls whose caller is to be reached at another number: who that is stands there still
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one data class: ``held`` were old enough and are kept by a hold."""

    data_class: DataClass
    before: datetime
    purged: int
    held: int


async def purge(
    database: Database, office: TicketOffice, folders: Folders, by: str, now: datetime
) -> list[Purged]:
    """Purge every data class whose time is set; each with its record.

    ``folders`` are where recordings lie, by PBX. A recording that another process holds open goes when
    that one closes it. Keys of what is purged are destroyed: sealed copies elsewhere are gone with them.
    """
    done = []
    for data_class, days in office.rules.retention.items():
        before = now - timedelta(days=days)
        purged, held = await _PURGES[data_class](_Purging(database, office.vault, before, folders, by))
        async with database.unit_of_work() as uow:
            await uow.keeping.add_run(by, data_class.value, before, purged, held)
            await uow.audit.add(by, "purged", subject=data_class.value, fields=[str(purged), str(held)])
        done.append(Purged(data_class, before, purged, held))
    return done


@dataclass(frozen=True, slots=True)
class _Purging:
    """What is purged: all that ended before, by whom."""

    database: Database
    vault: Vault
    before: datetime
    folders: Folders
    by: str


async def _audio(it: _Purging) -> tuple[int, int]:
    purged, seen_held = 0, set[tuple[str, str]]()
    while True:
        async with it.database.unit_of_work() as uow:
            found = await uow.keeping.recordings_before(it.before, BATCH, skip=seen_held)
            if not found:
                return purged, len(seen_held)
            seen_held |= {(one.pbx_id, one.base) for one in found if one.held}
            free = [one for one in found if not one.held]
            await _forget_audio(uow, free, it.folders, it.by)
        purged += len(free)


async def _forget_audio(
    uow: UnitOfWork, recordings: Sequence[KeptRecording], folders: Folders, by: str
) -> None:
    """Destroy the keys of these recordings, and remove what there is of them."""
    await uow.keys.forget([audio_subject(it.pbx_id, it.base) for it in recordings], by)
    await asyncio.to_thread(_remove, recordings, folders)
    await uow.keeping.forget_recordings(recordings)


def _remove(recordings: Sequence[KeptRecording], folders: Folders) -> None:
    for it in recordings:
        if it.pbx_id in folders:
            remove_recording(folders[it.pbx_id], it.base)


async def _words(it: _Purging) -> tuple[int, int]:
    async with it.database.unit_of_work() as uow:
        found = await uow.keeping.words_before(it.before)
        free = [call for call, held in found if not held]
        await _forget_words(uow, free, it.by)
        searched = await uow.keys.subjects_before(f"{SEARCHED}{it.before:%Y-%m}", SEARCHED)
        await uow.keys.destroy_all(searched, it.by)
    return len(free), len(found) - len(free)


async def _forget_words(uow: UnitOfWork, calls: Sequence[str], by: str) -> None:
    """Destroy the keys of these calls' words, and remove what there is of them."""
    await uow.keys.destroy_all([words_subject(it) for it in calls], by)
    await uow.keeping.forget_words(calls)


async def _numbers(it: _Purging) -> tuple[int, int]:
    async with it.database.unit_of_work() as uow:
        return await uow.keeping.purge_numbers(it.before, it.by)


async def _persons(it: _Purging) -> tuple[int, int]:
    async with it.database.unit_of_work() as uow:
        found = await uow.keeping.persons_before(it.before)
        free = [subject for subject, held in found if not held]
        for subject in free:
            await uow.keys.destroy(subject, it.by)
            await uow.keeping.forget_phone(subject.removeprefix("person:"))
        # who left no number has a key with the ticket alone
        alone = await uow.keeping.numberless_before(it.before)
        numbers = [number for number, held in alone if not held]
        keys = [person_subject(it.vault.lookup("ticket", number)) for number in numbers]
        await uow.keys.destroy_all(keys, it.by)
        await uow.keeping.forget_persons(numbers)
    return len(free) + len(numbers), len(found) + len(alone) - len(free) - len(numbers)


_PURGES = {
    DataClass.AUDIO: _audio,
    DataClass.WORDS: _words,
    DataClass.CALLER_NUMBERS: _numbers,
    DataClass.TICKET_PERSONS: _persons,
}


async def erase(
    database: Database, vault: Vault, phone: str, by: str, reason: str, folders: Folders | None = None
) -> Erased:
    """Erase a person, for ever: who they are in tickets; words, recordings and numbers of their calls.

    The keys are destroyed, so that sealed copies cannot be opened either; what lies here goes with them.

    Args:
        database: the installation's.
        vault: its key.
        phone: whose; their calls are those from this number.
        by: who does it.
        reason: why; it goes on record.
        folders: where recordings lie, by PBX.

    Raises:
        ErasureRefused: nobody is known by that number, a hold keeps them, or there is no reason.
    """
    if not reason.strip():
        raise ErasureRefused("a reason is needed", fix="--reason")
    number = national(phone)
    lookup, written = vault.lookup("phone", number), spellings(number)
    subject = person_subject(lookup)
    async with database.unit_of_work() as uow:
        tickets = [row.number for row in await uow.desk_tickets.of_person(lookup, limit=10_000)]
        calls = await uow.keeping.calls_of(written)
        recordings = await uow.keeping.recordings_of(calls, written)
        if await uow.keeping.is_held(subject, *tickets, *calls) or any(it.held for it in recordings):
            raise ErasureRefused("a legal hold keeps this person", fix="hotline retention holds")
        if database.vault is not None and await uow.clear_numbers.any_left():
            raise ErasureRefused(
                "numbers of former versions are being sealed: what is not could not be erased",
                fix="try again when hotline doctor says that they are sealed",
            )
        keys = await uow.keys.destroy(subject, by)
        if not await uow.keeping.forget_numbers(written, by) and not (keys or calls or recordings):
            raise ErasureRefused("nobody is known by that number", fix="check the number")
        await uow.keeping.forget_phone(lookup)
        elsewhere = await _forget_called_from(uow, vault, calls, number, lookup)
        await _forget_words(uow, calls, by)
        await _forget_audio(uow, recordings, folders or {}, by)
        fields = [*tickets, *calls]
        await uow.audit.add(by, "person-erased", subject=subject[:24], fields=fields, reason=reason.strip())
    return Erased(len(tickets), len(calls), elsewhere)


async def _forget_called_from(
    uow: UnitOfWork, vault: Vault, calls: Sequence[str], number: str, lookup: str
) -> tuple[str, ...]:
    """Take the number out of tickets of its calls that are somebody's with another number to call back."""
    rows = await uow.desk_tickets.many(await uow.desk_tickets.numbers_of_calls(calls))
    others = [(row, it) for row in rows if (it := row.person_lookup) is not None and it != lookup]
    sealer, found = Sealer(uow, vault), []
    await sealer.fetch_keys(row.person for row, _ in others)
    for row, other in others:
        caller = await sealer.caller(row)
        if caller is not None and national(caller.phone or "") == number:
            left = await sealer.person(person_subject(other), row.number, replace(caller, phone=None))
            await uow.keeping.put_person(row.number, left)
            found.append(row.number)
    return tuple(sorted(found))


def spellings(number: str) -> list[str]:
    """The ways in which a PBX may give a national number."""
    return [number, *(f"{prefix}{number}" for prefix in ("+86", "86", "0086", "0"))]


async def keep_purging(database: Database, current: Callable[[], TicketOffice], folders: Folders) -> None:
    """Purge a few times a day, until cancelled; nothing while the city has set no times."""
    while True:
        try:
            await purge(database, current(), folders, BY_ITSELF, datetime.now(LOCAL))
        except DatabaseAway:
            log.warning("nothing purged", fix="the database is away; it is tried again")
        except OSError as problem:
            log.error("recordings not purged", problem=str(problem), fix="let this user delete recordings")
        await asyncio.sleep(EVERY_S)
