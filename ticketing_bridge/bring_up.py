"""Everything below the roles, from nothing to a PBX that takes calls: one stage after the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ivr_flows import FlowStore
from ivr_flows.prompts import render_hold_music, render_prompts
from ivr_flows.said import prompt_uses
from ivr_flows.studio import install_recordings
from telephony.pbx.find import find_asterisk
from telephony.pbx.install import install_asterisk
from telephony.pbx.local import LocalPbx
from telephony.pbx.program import AsteriskProgram
from ticketing_bridge.desk.auth import ensure_first_user
from ticketing_bridge.house import House
from ticketing_bridge.keeping import Kept, kept_running
from ticketing_bridge.ports import wait_for_role_ports
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.upgrade import upgrade
from ticketing_bridge.supervision import RoleStatus, Supervisor, roles_for, serving_lock


class Stage(Protocol):
    """One stage on show."""

    def progress(self, done: float, total: float | None = None) -> None:
        """How far it is; the unit is the stage's own."""

    def note(self, text: str) -> None:
        """What the stage's line says at its end."""

    def download(self, size_bytes: int, seconds: float) -> None:
        """Bytes and seconds that were spent on the network: shown apart from our own work."""


#: shows a stage while the block runs
ShowStage = Callable[[str], AbstractContextManager[Stage]]


@dataclass(frozen=True, slots=True)
class Ready:
    """A house that takes calls."""

    #: None: an existing PBX is followed
    pbx: LocalPbx | None
    supervisor: Supervisor
    #: login and password of the user made at first start, shown once
    first_user: tuple[str, str] | None


def render_sounds(
    house: House, folder: Path, progress: Callable[[float, float | None], None] | None = None
) -> int:
    """Every prompt and the hold music as sound files below ``folder``; returns how many prompts were new.

    Studio recordings go before the synthesiser.
    """
    queues = {queue.id for queue in house.hotline.queues}
    texts = prompt_uses(house.hotline, FlowStore(house.settings.flow_folder, queues=queues))
    made = install_recordings(texts, house.settings.studio, folder)
    made += render_prompts(texts, folder, progress)
    render_hold_music(house.hotline.spoken_while_waiting(), folder)
    return made


async def start_database(house: House, show: ShowStage) -> None:
    """Start the embedded server, if it is ours to start, and bring its schema up to date."""
    if house.embedded:
        with show("database") as stage:
            await EmbeddedPostgres(house.settings.home, progress=stage.note).start()
    with show("schema") as stage:
        steps = await asyncio.to_thread(upgrade, house.database_url)
        stage.note(", ".join(steps) if steps else "current")


def get_asterisk(house: House, stage: Stage) -> AsteriskProgram:
    """The Asterisk to use, fetched when there is none; its download is told apart from our own work."""
    program = find_asterisk(house.settings)
    if program is None:
        program, fetched = install_asterisk(
            house.settings, lambda _, done, total: stage.progress(done, total)
        )
        stage.download(fetched.download_bytes, fetched.download_s)
        stale = "" if fetched.index_fresh else ", archive index past its date, signatures verified"
        stage.note(f"{program.version.number} (fetched from {fetched.suite}{stale})")
        return program
    stage.note(f"{program.version.number} ({'system' if program.origin == 'system' else 'unpacked'})")
    return program


async def local_pbx(house: House, show: ShowStage, *, stop_on_exit: bool = False) -> LocalPbx:
    """The local PBX with an Asterisk that is got when there is none; not started yet."""
    with show("asterisk") as stage:
        program = await asyncio.to_thread(get_asterisk, house, stage)
    return LocalPbx(house.settings, house.hotline, house.secrets, program, stop_on_exit=stop_on_exit)


async def _started(pbx: LocalPbx) -> str:
    """Start the local PBX; returns what the stage says."""
    started = await pbx.start()
    return "taken up again" if started.reused else f"started, process {started.pid}"


@asynccontextmanager
async def serving(
    house: House,
    show: ShowStage,
    *,
    on_role: Callable[[str, RoleStatus], None] | None = None,
    stop_all: bool = False,
) -> AsyncIterator[Ready]:
    """Bring the house up and keep its roles running until the block ends.

    ``stop_all`` ends the local PBX and the embedded database too; otherwise the PBX goes on
    serving callers and the database keeps what it has.
    """
    settings = house.settings
    with serving_lock(settings.run):
        first, *further = house.sites
        for site in house.sites:
            house.ami_secrets(site)  # missing ones are said now, not by a role again and again
        await asyncio.to_thread(wait_for_role_ports, settings, further)
        pbx = await local_pbx(house, show, stop_on_exit=stop_all) if first.local else None
        try:
            await start_database(house, show)
            with show("prompts") as stage:
                made = await asyncio.to_thread(render_sounds, house, settings.sounds, stage.progress)
                stage.note(f"{made} new")
            async with (
                house.database(connections=1) as database,
                database.unit_of_work() as uow,
            ):
                first_user = await ensure_first_user(uow)
            with show("pbx") as stage:
                stage.note(await _started(pbx) if pbx else f"existing, {first.ami_host}:{first.ami_port}")
            roles = roles_for((site.id for site in further), settings.flows_processes)
            environment = {**os.environ, "HOTLINE_HOME": str(settings.home.absolute())}
            kept = [Kept.database(EmbeddedPostgres(settings.home))] if house.embedded else []
            kept += [Kept.pbx(pbx)] if pbx is not None else []
            async with (
                kept_running(*kept),
                Supervisor(settings.run, settings.logs, environment, roles, on_role) as supervisor,
            ):
                with show("roles") as stage:
                    await supervisor.ready()
                    stage.note(", ".join(supervisor.status))
                yield Ready(pbx, supervisor, first_user)
        finally:
            if stop_all:
                if pbx is not None:
                    await pbx.stop()
                if house.embedded:
                    await EmbeddedPostgres(settings.home).stop()
