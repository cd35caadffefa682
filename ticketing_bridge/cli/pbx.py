"""``hotline pbx …``: the local PBX, and files for one that is already there."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from config.secrets import make_ami_secrets
from facts.errors import HotlineError
from telephony.pbx.find import find_asterisk
from telephony.pbx.local import LocalPbx, write_private
from telephony.pbx.program import AsteriskMissing
from telephony.pbx.render import render_include
from ticketing_bridge.bring_up import get_asterisk, render_sounds
from ticketing_bridge.cli.output import Json, console, print_json
from ticketing_bridge.cli.pbx_agent import write_agent_files
from ticketing_bridge.cli.stages import Stages
from ticketing_bridge.house import House, open_house

_commands = typer.Typer(no_args_is_help=True, help="The PBX: get it, write its configuration, start, stop.")


def add_to(app: typer.Typer) -> None:
    """Register this module's commands."""
    app.add_typer(_commands, name="pbx")


class NoLocalPbx(HotlineError):
    """This house follows an existing PBX and has none of its own."""

    error_id = "no-local-pbx"


def _local(house: House) -> LocalPbx:
    if not house.settings.local_pbx:
        raise NoLocalPbx(
            "this house has no PBX of its own (HOTLINE_LOCAL_PBX=false)",
            fix="use the PBX's own commands, or set HOTLINE_LOCAL_PBX=true",
        )
    program = find_asterisk(house.settings)
    if program is None:
        raise AsteriskMissing("there is no Asterisk on this machine", fix="hotline pbx install")
    return LocalPbx(house.settings, house.hotline, house.secrets, program)


@_commands.command()
def install() -> None:
    """Get an Asterisk when there is none: from the machine's own distribution, without root."""
    house = open_house()
    stages = Stages(console)
    with stages.show("asterisk") as stage:
        get_asterisk(house, stage)


@_commands.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    pbx: Annotated[
        str | None, typer.Option(help="Which PBX; default: the first one (HOTLINE_PBX_ID).")
    ] = None,
) -> None:
    """Write files that an administrator can include in an existing PBX, with a README.

    The passwords of a further PBX (pbxs in hotline.yaml) are made when its secret_file is missing.
    """
    house = open_house()
    site = house.site(pbx)
    files = render_include(
        house.settings.model_copy(update={"pbx_id": site.id, "agi_port": site.agi_port}),
        house.hotline,
        replace(house.secrets, **asdict(make_ami_secrets(site, house.secrets))),
        hotline_host=house.settings.advertise_host or site.hotline_host if site.local else site.hotline_host,
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, text in sorted(files.items()):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)
        console.print(str(path), highlight=False)
    sounds = out / "sounds"
    render_sounds(house, sounds)
    console.print(f"{sounds} (prompts: copy them below the PBX's sounds folder)", highlight=False)


@_commands.command()
def agent(
    pbx: Annotated[str, typer.Argument(help="Which PBX (pbxs in hotline.yaml).")],
    out: Annotated[Path, typer.Option(help="Folder for the files, to be copied to the PBX's machine.")],
) -> None:
    """Write what the agent beside a remote PBX needs: settings, its token, the receiver's certificate.

    There, with these files: hotline run pbx-agent. Here: hotline run pbx-receiver (HOTLINE_RECEIVER_PORT).
    """
    for path in write_agent_files(open_house(), pbx, out):
        console.print(str(path), highlight=False)


@_commands.command()
def diff() -> None:
    """What differs between the configuration in place and the rendered one. Exit code 1 if anything."""
    differences = _local(open_house()).differences()
    for name, (before, after) in differences.items():
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"{name} (in place)", f"{name} (rendered)", lineterm=""
        )
        for line in lines:
            console.print(_without_secret(line), highlight=False, markup=False)
    raise typer.Exit(1 if differences else 0)


def _without_secret(line: str) -> str:
    """A line of configuration with a password's value hidden."""
    name, equals, _ = line.partition("=")
    return f"{name}= ********" if equals and name.strip(" +-") in ("secret", "password") else line


@_commands.command()
def start() -> None:
    """Start the local PBX, or have the running one take up what changed."""
    house = open_house()
    render_sounds(house, house.settings.sounds)
    started = asyncio.run(_local(house).start())
    state = "taken up again" if started.reused else f"started in {started.took_s:.1f} s"
    pending = "; a restart is needed when no call is up" if started.restart_pending else ""
    console.print(f"pbx {state}, process {started.pid}{pending}", highlight=False)


@_commands.command()
def stop() -> None:
    """End the local PBX. Calls that are still up are hung up."""
    stopped = asyncio.run(_local(open_house()).stop())
    console.print("pbx stopped" if stopped else "pbx was not running")


@_commands.command()
def status(json_: Json = False) -> None:
    """Whether the local PBX runs, and how busy it is. Exit code 1 when it does not."""
    found = asyncio.run(_local(open_house()).status())
    if json_:
        print_json(asdict(found))
    elif found.running:
        console.print(
            f"pbx runs: {found.version}, process {found.pid}, {found.calls} calls, {found.channels} channels",
            highlight=False,
        )
    else:
        console.print("pbx does not run — hotline pbx start")
    raise typer.Exit(0 if found.running else 1)
