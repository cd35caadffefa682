"""``hotline calls backfill``: what happened while a PBX was not heard, from its own records."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.sites import PbxSite
from facts.call import Outcome
from ticketing_bridge.call_ledger.backfill import Backfill, Filled
from ticketing_bridge.call_ledger.evidence import evidence as evidence_of
from ticketing_bridge.call_ledger.listing import LOCAL
from ticketing_bridge.cli.output import Json, console, errors, print_json
from ticketing_bridge.cli.within import From, call_key, day, with_database
from ticketing_bridge.house import House
from ticketing_bridge.roles.backfilling import BACKFILL_CHANNEL, keepers, log_source
from ticketing_bridge.roles.telephony import fold_rules
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.gap_repository import Gap
from ticketing_bridge.words import CallUnknown

#: the telephony role that runs is given so long to fill the gaps (seconds)
ROLE_WITHIN_S = 60.0

Told = Callable[[int, int], None]


@dataclass(slots=True)
class SiteReport:
    """What became of one PBX's gaps. ``by_role``: its telephony role runs and did it."""

    pbx: str
    filled: list[Filled] = field(default_factory=list)
    left: list[Filled] = field(default_factory=list)
    by_role: bool = False
    unresolved: int = 0

    def as_json(self) -> dict[str, Any]:
        """Times in UTC, ISO 8601."""
        return {
            "pbx": self.pbx,
            "by_role": self.by_role,
            "filled": [_gap_json(it) for it in self.filled],
            "left": [_gap_json(it) for it in self.left],
            "unresolved": self.unresolved,
        }


def add_to(commands: typer.Typer) -> None:
    """Register this module's command."""
    commands.command()(backfill)
    commands.command()(evidence)


def backfill(
    from_: From = None,
    pbx: Annotated[str | None, typer.Option(help="Only this PBX; default: all.")] = None,
    json_: Json = False,
) -> None:
    """Fill the times in which a PBX was not heard, from its CEL and queue_log.

    The telephony role does the same by itself whenever it hears the PBX again. Exit code 1 when a gap
    could not be filled: the reason is printed, and its calls stay unresolved.
    """

    async def work(house: House, database: Database) -> list[SiteReport]:
        sites = [house.site(pbx)] if pbx else [*house.sites]
        out = errors if json_ else console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=out, disable=not out.is_terminal) as bars:
            reports = []
            for site in sites:
                bar = bars.add_task(site.id, total=None)
                tell: Told = lambda done, total, bar=bar: bars.update(bar, completed=done, total=total)  # type: ignore[misc]  # noqa: E731
                reports.append(await _site(house, database, site, day(from_), tell))
        return reports

    reports = with_database(work)
    if json_:
        print_json([report.as_json() for report in reports])
    else:
        for report in reports:
            _show(report)
    raise typer.Exit(1 if any(report.left for report in reports) else 0)


def evidence(
    calls: Annotated[list[str], typer.Argument(metavar="CALL…", help="PBX:UNIQUEID.")],
    out: Annotated[Path, typer.Option(help="File for the events, one JSON line each.")],
) -> None:
    """Everything that the PBX said of calls, for a test of the fold; numbers are replaced by made-up ones.

    The same number gives the same made-up one within a file; what callers told a flow is left out.
    """

    async def work(house: House, database: Database) -> list[dict[str, Any]]:
        payloads: list[Mapping[str, Any]] = []
        async with database.unit_of_work() as uow:
            for key in map(call_key, calls):
                records = await uow.events.of_call(key)
                if not records:
                    raise CallUnknown(
                        f"there are no events of {key}", fix="hotline calls list shows the calls"
                    )
                payloads += [record.payload for record in records]
        return evidence_of(payloads, secrets.token_bytes(32), fold_rules(house))

    lines = with_database(work)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    out.write_text(text, encoding="utf-8")
    console.print(f"{out}: {len(lines) - 1} events; read it before it leaves the house", highlight=False)


async def _site(
    house: House, database: Database, site: PbxSite, since: datetime | None, told: Told
) -> SiteReport:
    report = SiteReport(site.id)
    source = log_source(house, site, database)
    kept = keepers(house.hotline, site.id)
    backfill = Backfill(database, site.id, fold_rules(house), source, keepers=kept)
    async with database.leadership(f"telephony:{site.id}").if_free() as ours:
        if ours:
            done = await backfill.fill_all(since, told)
            report.filled = [it for it in done if it.why is None]
            report.left = [it for it in done if it.why is not None]
    if not ours:
        await _ask_role(database, backfill, report, told)
    async with database.unit_of_work() as uow:
        report.unresolved = len(await uow.calls.list(pbx_id=site.id, outcome=Outcome.UNRESOLVED))
    return report


async def _ask_role(database: Database, backfill: Backfill, report: SiteReport, told: Told) -> None:
    """Who follows the PBX has the calls of now in memory: it is asked, and waited for."""
    report.by_role = True
    wanted: Sequence[Gap] = await backfill.gaps()
    if not wanted:
        return
    async with database.unit_of_work() as uow:
        await uow.notify(BACKFILL_CHANNEL, report.pbx)
    deadline = time.monotonic() + ROLE_WITHIN_S
    left = wanted
    while left and time.monotonic() < deadline:
        told(len(wanted) - len(left), len(wanted))
        await asyncio.sleep(0.5)
        ends = {gap.end for gap in await backfill.gaps()}
        left = [gap for gap in wanted if gap.end in ends]
    report.filled = [Filled(gap) for gap in wanted if gap not in left]
    report.left = [Filled(gap, why="the telephony role could not yet: see its log") for gap in left]


def _gap_json(filled: Filled) -> dict[str, Any]:
    gap = filled.gap
    return {
        "begin": gap.begin.isoformat() if gap.begin else None,
        "end": gap.end.isoformat(),
        "events": filled.events,
        "calls": [str(key) for key in filled.calls],
        "why": filled.why,
    }


def _show(report: SiteReport) -> None:
    for one in (*report.filled, *report.left):
        begin = f"{one.gap.begin.astimezone(LOCAL):%m-%d %H:%M:%S}" if one.gap.begin else "?"
        end = f"{one.gap.end.astimezone(LOCAL):%m-%d %H:%M:%S}"
        what = one.why or (
            "filled by the telephony role"
            if report.by_role
            else f"{one.events} events, {len(one.calls)} calls"
        )
        console.print(f"{report.pbx}  {begin} … {end}  {what}", highlight=False, markup=False)
    if not (report.filled or report.left):
        console.print(f"{report.pbx}  no gap is open", highlight=False)
    console.print(f"{report.pbx}  {report.unresolved} calls are unresolved", highlight=False)
