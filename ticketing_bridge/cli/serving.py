"""``hotline serve | demo``: the house at work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ticketing_bridge.bring_up import Ready, serving
from ticketing_bridge.cli.output import Json, console
from ticketing_bridge.cli.stages import Stages
from ticketing_bridge.house import House, open_house
from ticketing_bridge.logs import set_up_file_logs
from ticketing_bridge.supervision import RoleStatus, stop_signals


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.command()(serve)
    app.command()(demo)


def serve() -> None:
    """Start everything on this machine and keep it running until Ctrl-C.

    At the end the roles stop. The PBX goes on serving callers (hotline pbx stop ends
    it), and the database waits for the next start (hotline db stop).
    """
    house = open_house()
    set_up_file_logs("serve", house.settings.logs)
    stages = Stages(console)

    async def work() -> None:
        async with stop_signals() as stopped, serving(house, stages.show, on_role=show_restart) as ready:
            console.print(stages.summary(), highlight=False)
            where_to_look(house, ready, console)
            await stopped.wait()

    asyncio.run(work())


def show_restart(name: str, status: RoleStatus) -> None:
    """Say when a role had to be started again."""
    if status.pid is None and status.restarts:
        why = "was frozen" if status.frozen else f"ended with {status.last_exit}"
        console.print(f"[yellow]![/] {name} {why}; starting it again (see its log)", highlight=False)


def where_to_look(house: House, ready: Ready, out: Console) -> None:
    """The page, the first login (once), the logs."""
    settings = house.settings
    out.print(f"page: http://{settings.bind_host}:{settings.web_port}/", highlight=False)
    if ready.first_user:
        login, password = ready.first_user
        out.print(
            f"login: {login}  password: {password}  (made now, not shown again; "
            "hotline users passwd changes it)",
            highlight=False,
            soft_wrap=True,
        )
    out.print(f"logs and data: {settings.home}", highlight=False, soft_wrap=True)


def demo(
    calls: Annotated[int, typer.Option(min=1, max=10_000, help="How many citizens phone.")] = 8,
    seed: Annotated[int | None, typer.Option(help="Draws the calls; printed when none is given.")] = None,
    scenario: Annotated[Path | None, typer.Option(help="Calls one by one, from a YAML or JSON file.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=50, help="Most calls that are on at a time.")] = 6,
    exit_: Annotated[
        bool, typer.Option("--exit", help="Stop everything when all calls are compared.")
    ] = False,
    json_: Json = False,
) -> None:
    """Let simulated citizens phone simulated agents, and compare every call with its witnesses.

    Exit code 1 when a witness disagrees with a call's row.
    """
    from ticketing_bridge.cli.demo import show_demo  # noqa: PLC0415 - the simulation is not needed to serve

    show_demo(calls, seed, scenario, at_once=at_once, exit_after=exit_, as_json=json_)
