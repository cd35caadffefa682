"""``hotline run ROLE``: apart from the others, so that a role starts with nothing but what it needs."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ticketing_bridge.house import open_house
from ticketing_bridge.roles.run import role_named, run_role


def add_to(app: typer.Typer) -> None:
    """Register this module's command."""
    app.command()(run)


Role = Annotated[
    str,
    typer.Argument(
        help="telephony, telephony@PBX, flows, speech, worker or web; pbx-agent, pbx-receiver of a remote PBX"
    ),
]


def run(role: Role) -> None:
    """Run one role alone, under systemd or an orchestrator."""
    role_named(role)
    asyncio.run(run_role(role, open_house()))
