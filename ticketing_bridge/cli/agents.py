"""``hotline agents``: how every agent stands, and what each did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table

from facts.agents import AgentNow, AgentState
from ticketing_bridge.agents.day import AgentDay, agent_days
from ticketing_bridge.agents.service import agent_work
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.within import From, To, day, with_database
from ticketing_bridge.house import House
from ticketing_bridge.rate.service import day_of
from ticketing_bridge.store.database import Database


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(agents)


def agents(from_: From = None, to: To = None, json_: Json = False) -> None:
    """How every agent stands now, and the times of a stretch of days (default: today)."""

    async def work(house: House, database: Database) -> None:
        now = datetime.now(UTC)
        begin = day(from_) or day_of(now)[0]
        end = min(day(to, after=True) or now, now)
        standing = await agent_work(house.settings, database, house.hotline).everyone()
        async with database.unit_of_work() as uow:
            days = agent_days(await uow.agents.spans(begin, end))
        rows = [_json(it, days.get(it.agent)) for it in standing]
        if json_:
            print_json({"from": begin.isoformat(), "to": end.isoformat(), "agents": rows})
            return
        table = Table("agent", "state", "since", "signed in", "talks", "talk s", "wrap-up s", "occupancy")
        for row in rows:
            table.add_row(
                row["agent"],
                " ".join(filter(None, (row["state"], row["reason"]))),
                row["since"] or "",
                row["signed_in_at"] or "nobody has",
                str(row["talks"]),
                f"{row['seconds'].get('talking', 0):.0f}",
                f"{row['seconds'].get('wrap_up', 0):.0f}",
                "" if row["occupancy"] is None else f"{100 * row['occupancy']:.1f} %",
            )
        console.print(table)

    with_database(work)


def _json(now: AgentNow, did: AgentDay | None) -> dict[str, Any]:
    known = now.state is not AgentState.UNKNOWN
    return {
        "agent": now.agent,
        "pbx": now.pbx_id,
        "state": now.state.value,
        "reason": now.reason,
        "since": now.since.isoformat() if known else None,
        "signed_in_at": now.signed_in_at.isoformat() if now.signed_in_at else None,
        "call": now.call or None,
        "talks": did.talks if did else 0,
        "seconds": {state.value: round(s, 3) for state, s in did.seconds.items()} if did else {},
        "handle_s": did.handle_s if did else None,
        "occupancy": did.occupancy if did else None,
    }
