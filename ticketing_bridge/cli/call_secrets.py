"""What the command line gives of a call: its words and its recording, on record; those of secret matters
to who may know them."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import Annotated

import typer

from facts.errors import HotlineError
from facts.identity import CallKey
from ticketing_bridge.access import Permission, Person, role_named
from ticketing_bridge.cli.output import console
from ticketing_bridge.cli.within import Reason, User, call_key, with_database
from ticketing_bridge.house import House
from ticketing_bridge.recordings import OpenSound, open_sound
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.tickets.views import may_know
from ticketing_bridge.words import CallUnknown


class CallSecret(HotlineError):
    """The words of this call are for few."""

    error_id = "call-secret"
    exit_code = 1


class RecordingRefused(HotlineError):
    """There is no recording to take away, or no reason."""

    error_id = "recording-refused"
    exit_code = 1


def console_actor() -> str:
    """Who works at the console, for the audit log."""
    try:
        return f"console:{getpass.getuser()}"
    except (KeyError, OSError):
        return "console"


async def put_on_record(
    database: Database, call: CallKey, action: str | None, user: str | None, reason: str | None
) -> None:
    """Write down that somebody reads or hears a call, before it is shown.

    ``action`` None: what hands it out writes that down by itself, and only a refusal is written here.

    Raises:
        CallSecret: it belongs to a confidential ticket, and nobody who may know was named with a reason.
    """
    key = str(call)
    async with database.unit_of_work() as uow:
        secret = await uow.desk_tickets.secret_calls([key])
        allowed = key not in secret or (bool((reason or "").strip()) and await _knows(uow, user, secret[key]))
        kind = "confidential" if key in secret else "call"
        done = f"{kind}-{action}" if allowed else "call-refused"
        if action is not None or not allowed:
            fields = [] if action is None else ["words", "draft"] if action == "viewed" else [action]
            await uow.audit.add(user or console_actor(), done, subject=key, fields=fields, reason=reason)
    if not allowed:
        raise CallSecret(
            f"{key} is the call of a confidential ticket",
            fix="--user with a login that may know, and --reason with why",
        )


async def _knows(uow: UnitOfWork, user: str | None, takers: frozenset[str]) -> bool:
    """Whether an account may know the callers of confidential tickets, or took this one."""
    account = await uow.users.by_login(user) if user else None
    if account is None or account.disabled:
        return False
    return may_know(Person(account.login, role_named(account.role)), takers)


def recording(
    key: Annotated[str, typer.Argument(help="PBX:UNIQUEID, as `calls list` prints it.")],
    out: Annotated[Path, typer.Option(help="Where the WAV file goes; it must not be there yet.")],
    user: User = None,
    reason: Reason = None,
) -> None:
    """Take a call's recording away, opened when it is sealed. Wants a user and a reason; on record."""
    call = call_key(key)

    async def work(house: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            found = await uow.calls.get(call)
            known = await uow.users.by_login(user) if user else None
        if found is None:
            raise CallUnknown(f"there is no call {call}", fix="hotline calls list shows the calls")
        if known is None or known.disabled or not (reason or "").strip():
            raise RecordingRefused("who wants it, and why?", fix="--user LOGIN --reason WHY")
        if not Person(known.login, role_named(known.role)).may(Permission.RECORDINGS_HEAR):
            raise RecordingRefused(f"{user} may not hear recordings", fix="ask somebody who may")
        await put_on_record(database, call, "recording-exported", user, reason)
        async with database.unit_of_work() as uow:
            folder = house.site(call.pbx_id).recordings
            sound = await open_sound(uow, folder, found.recording) if found.recording else None
        if sound is None:
            raise RecordingRefused(f"{call} has no recording", fix="hotline calls show tells what there is")
        await asyncio.to_thread(_write, sound, out)
        console.print(f"{sound.size} bytes in {out}", highlight=False, markup=False)

    with_database(work)


def _write(sound: OpenSound, out: Path) -> None:
    try:
        with out.open("xb") as file:
            file.writelines(sound.read())
    except OSError as problem:
        raise RecordingRefused(f"{out}: {problem.strerror}", fix="name a new file") from None
