"""``hotline calls …``: the ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from asr.models import model_facts
from facts.call import Call
from facts.masking import mask_spoken
from ticketing_bridge.call_ledger.listing import (
    allow_full_numbers,
    call_json,
    calls_table,
    event_json,
)
from ticketing_bridge.call_ledger.rebuild import rebuild as rebuild_calls
from ticketing_bridge.cli import backfilling, call_words
from ticketing_bridge.cli.call_secrets import put_on_record
from ticketing_bridge.cli.call_words import words_json
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import From, LineId, Reason, To, User, call_key, day, with_database
from ticketing_bridge.hearing_again import hear_again
from ticketing_bridge.house import House
from ticketing_bridge.roles.telephony import fold_rules
from ticketing_bridge.speech_models import recording_model
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.database import Database
from ticketing_bridge.words import CallUnknown

#: parts of a draft with long digits that are nobody's number
NO_NUMBERS = ("id", "rules")

_commands = typer.Typer(no_args_is_help=True, help="The call ledger.")


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    call_words.add_to(_commands)
    backfilling.add_to(_commands)
    app.add_typer(_commands, name="calls")


async def _numbers(uow: UnitOfWork, calls: list[Call], user: str | None, reason: str | None) -> bool:
    """Whether full numbers may be shown: both a user and a reason were given, and are logged."""
    if user is None and reason is None:
        return False
    await allow_full_numbers(uow, calls, user=user or "", reason=reason or "")
    return True


@_commands.command("list")
def list_(
    from_: From = None,
    to: To = None,
    line: LineId = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    user: User = None,
    reason: Reason = None,
    json_: Json = False,
) -> None:
    """The newest calls, numbers masked unless a user and a reason are given."""

    async def work(_: House, database: Database) -> None:
        async with database.unit_of_work() as uow:
            calls = await uow.calls.list(from_=day(from_), to=day(to, after=True), line=line, limit=limit)
            full = await _numbers(uow, calls, user, reason)
        if json_:
            print_json([call_json(call, full_numbers=full) for call in calls])
        else:
            console.print(calls_table(calls, full_numbers=full))

    with_database(work)


@_commands.command()
def show(
    key: Annotated[str, typer.Argument(help="PBX:UNIQUEID, as `calls list` prints it.")],
    user: User = None,
    reason: Reason = None,
    json_: Json = False,
) -> None:
    """One call with everything that the PBX said of it."""

    async def work(_: House, database: Database) -> None:
        wanted = call_key(key)
        async with database.unit_of_work() as uow:
            call = await uow.calls.get(wanted)
        if call is None:
            raise CallUnknown(f"there is no call {key}", fix="hotline calls list shows the calls")
        await put_on_record(database, wanted, "viewed", user, reason)
        async with database.unit_of_work() as uow:
            events = await uow.events.of_call(wanted)
            draft = await uow.drafts.latest(wanted)
            full = await _numbers(uow, [call], user, reason)
            words = await words_json(uow, wanted, full_numbers=full)
        facts = call_json(call, full_numbers=full)
        if json_:
            print_json(
                {
                    **facts,
                    "events": [event_json(event) for event in events],
                    **words,
                    "draft": _draft_json(draft.content, full_numbers=full) if draft else None,
                }
            )
            return
        for name, value in facts.items():
            console.print(f"{name:<16} {value}", highlight=False, markup=False)
        for event in events:
            console.print(f"{event.at:%H:%M:%S.%f} {event.kind}", highlight=False)
        for version in words["transcripts"]:
            console.print(f"heard            {version['kind']} {version['model']}", highlight=False)
        if words["transcript"]:
            console.print(words["transcript"], highlight=False, markup=False)

    with_database(work)


def _draft_json(value: Any, *, full_numbers: bool) -> Any:
    """A draft's content; numbers in its texts are masked at their own length, so that spans still fit."""
    if full_numbers:
        return value
    match value:
        case str():
            return mask_spoken(value)
        case list():
            return [_draft_json(it, full_numbers=False) for it in value]
        case dict():
            return {name: _draft_json(it, full_numbers=name in NO_NUMBERS) for name, it in value.items()}
    return value


@_commands.command()
def rebuild(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare, write nothing.")] = False,
    json_: Json = False,
) -> None:
    """Fold every call again from its stored events. Exit code 1 when a row was different."""

    async def work(house: House, database: Database) -> bool:
        rebuilt = await rebuild_calls(database, fold_rules(house), write=not dry_run)
        if json_:
            print_json(asdict(rebuilt))
            return bool(rebuilt.different)
        console.print(f"{rebuilt.calls} calls folded from {rebuilt.events} events")
        for one in rebuilt.different:
            console.print(f"{one.key}: {', '.join(one.fields)} was different", highlight=False, markup=False)
        return bool(rebuilt.different)

    raise typer.Exit(1 if with_database(work) else 0)


@_commands.command()
def transcribe(
    calls: Annotated[list[str] | None, typer.Argument(metavar="CALL…", help="PBX:UNIQUEID.")] = None,
    model_version: Annotated[
        str | None,
        typer.Option(help="Only transcripts of record that this model made: NAME@VERSION, or NAME."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every recording, whoever has heard it.")] = False,
    json_: Json = False,
) -> None:
    """Have recordings heard again by the model for recordings (the worker does it, after the calls of now).

    Without arguments: those whose transcript of record another model made, or nobody.
    """

    async def work(house: House, database: Database) -> None:
        model = model_facts(recording_model(house.settings)).id
        async with database.unit_of_work() as uow:
            found = await hear_again(uow, model, calls=calls or (), made_by=model_version, everything=all_)
        if json_:
            print_json({"model": model, **asdict(found)})
            return
        waiting = f", {len(found.waiting)} wait already" if found.waiting else ""
        console.print(
            f"{len(found.given)} recordings will be heard again by {model}{waiting}; {found.left} stay",
            highlight=False,
        )

    with_database(work)
