"""``hotline calls search | transcript | index``: what was said in calls."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from asr.text.differences import differences
from asr.text.export import TranscriptFormat
from asr.text.searching import Snippet
from asr.text.words import masked
from config.catalogue_store import city_in_force
from facts.identity import CallKey
from facts.masking import mask_number
from facts.transcript import Leg
from ticketing_bridge.call_ledger.listing import LOCAL, allow_full_numbers
from ticketing_bridge.cli.call_secrets import console_actor, put_on_record, recording
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.cli.within import From, LineId, Reason, To, User, call_key, day, with_database
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.views import duration
from ticketing_bridge.house import House
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.records import SearchFilter, StoredTranscript
from ticketing_bridge.transcripts.city import kept_names
from ticketing_bridge.transcripts.export import document, exported
from ticketing_bridge.transcripts.search import FoundWords, SearchAnswer, index_missing
from ticketing_bridge.transcripts.search import search as search_calls
from ticketing_bridge.words import CallUnknown

Key = Annotated[str, typer.Argument(help="PBX:UNIQUEID, as `calls list` prints it.")]
Kind = Annotated[str, typer.Option("--kind", help="record (the recording) or live.")]


def add_to(commands: typer.Typer) -> None:
    """Register these commands with those of the ledger."""
    for command in (search, transcript, recording, index):
        commands.command()(command)


def search(
    text: Annotated[str, typer.Argument(help="Words, names or numbers; all that are parted by spaces.")],
    from_: From = None,
    to: To = None,
    line: LineId = None,
    leg: Annotated[Leg | None, typer.Option(help="Only what this side said.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    json_: Json = False,
) -> None:
    """The newest calls in which all of it was said. Every search is written to the audit log.

    Calls of confidential tickets are not among them.
    """

    async def work(_: House, database: Database) -> SearchAnswer:
        wanted = SearchFilter(day(from_), day(to, after=True), line, leg)
        names = kept_names(city_in_force())
        found = await search_calls(database, text, wanted, actor=console_actor(), names=names, limit=limit)
        async with database.unit_of_work() as uow:
            secret = await uow.desk_tickets.secret_calls([str(it.call.key) for it in found.found])
        shown = tuple(it for it in found.found if str(it.call.key) not in secret)
        return replace(found, found=shown)

    answer = with_database(work)
    if json_:
        print_json(
            {"terms": answer.terms, "more": answer.more, "calls": [_found_json(it) for it in answer.found]}
        )
        return
    for found in answer.found:
        at = f"{found.call.arrived_at.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"
        console.print(f"{found.call.key}  {at}  {mask_number(found.call.caller_number)}", highlight=False)
        for it in found.snippets:
            words = "".join(f"【{part}】" if hit else part for part, hit in it.pieces)
            console.print(
                f"  {duration(it.at_s):>6} {labels().legs[it.leg]}：{words}", highlight=False, markup=False
            )
    if answer.more:
        errors.print("There are older ones: --to with an earlier day, or a larger --limit.")


def _found_json(found: FoundWords) -> dict[str, Any]:
    return {
        "key": str(found.call.key),
        "arrived_at": found.call.arrived_at.isoformat(),
        "line": found.call.line,
        "caller": mask_number(found.call.caller_number),
        "agent": found.call.agent,
        "kind": found.kind,
        "found": [_snippet_json(it) for it in found.snippets],
    }


def _snippet_json(it: Snippet) -> dict[str, Any]:
    return {
        "leg": it.leg.value,
        "turn": it.turn,
        "at_s": it.at_s,
        "text": "".join(part for part, _ in it.pieces),
        "marked": [part for part, hit in it.pieces if hit],
    }


def transcript(
    key: Key,
    form: Annotated[
        TranscriptFormat, typer.Option("--format", help="json, text, srt or vtt.")
    ] = TranscriptFormat.TEXT,
    kind: Kind = "record",
    model: Annotated[str | None, typer.Option(help="Which version; default: the newest.")] = None,
    user: User = None,
    reason: Reason = None,
) -> None:
    """One call's words as a document: numbers masked unless a user and a reason are given; on record."""
    call = call_key(key)

    async def work(_: House, database: Database) -> StoredTranscript:
        await put_on_record(database, call, None, user, reason)
        async with database.unit_of_work() as uow:
            await _allowed(uow, call, user, reason)
            return await exported(
                uow, call, kind, model, actor=user or console_actor(), form=form, reason=reason
            )

    stored = with_database(work)
    names = kept_names(city_in_force())
    full = user is not None or reason is not None
    sys.stdout.write(document(stored.transcript, form, labels().legs, names, full_numbers=full))


async def _allowed(uow: UnitOfWork, call: CallKey, user: str | None, reason: str | None) -> None:
    found = await uow.calls.get(call)
    if found is None:
        raise CallUnknown(f"there is no call {call}", fix="hotline calls list shows the calls")
    if user is not None or reason is not None:
        await allow_full_numbers(uow, [found], user=user or "", reason=reason or "")


def index(json_: Json = False) -> None:
    """Make calls findable that were heard before there was a search."""

    async def work(_: House, database: Database) -> int:
        names = await asyncio.to_thread(lambda: kept_names(city_in_force()))
        with errors.status("indexing …"):
            return await index_missing(database, names)

    done = with_database(work)
    if json_:
        print_json({"indexed": done})
    else:
        console.print(f"{done} calls can be found now", highlight=False)


async def words_json(uow: UnitOfWork, call: CallKey, *, full_numbers: bool) -> dict[str, Any]:
    """What ``calls show --json`` says of a call's words: both hearings, their differences, all versions."""
    stored = {kind: await uow.transcripts.get(call, kind) for kind in ("live", "record")}
    shown = {
        kind: (it.transcript if full_numbers else masked(it.transcript)) if it else None
        for kind, it in stored.items()
    }
    live, record = shown["live"], shown["record"]
    unlike = differences(live, record) if live and record and record.turns else ()
    return {
        "transcript": record.text() if record else None,
        "live_transcript": live.text() if live else None,
        "differences": [asdict(it) for it in unlike],
        "transcripts": [asdict(it) for it in await uow.transcripts.versions(call)],
    }
