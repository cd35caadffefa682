"""``hotline doctor``: is everything there that serving needs, each answer a line with its fix."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from asr.models import check_model
from config.sites import PbxSite
from config.tickets import DataClass
from facts.errors import HotlineError
from ivr_flows import FlowStore
from ivr_flows.said import prompt_uses
from ivr_flows.studio import PromptState, list_prompts
from telephony.ami.actions import Action
from telephony.ami.link import AmiAddress, AmiLink
from telephony.pbx.find import find_asterisk
from telephony.pbx.process import taken_ports
from telephony.pbx.program import AsteriskVersion, Safety, security_state
from ticketing_bridge.house import House
from ticketing_bridge.ports import role_ports
from ticketing_bridge.recordings import STRANGER_S
from ticketing_bridge.speech_models import live_model, recording_model
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.upgrade import is_current
from ticketing_bridge.supervision import is_serving
from ticketing_bridge.tickets import open_office

#: less free space than this is a warning, less than a tenth of it an error (bytes)
ROOM_BYTES = 5_000_000_000
#: actions that our reader must not be allowed
TOO_MUCH = frozenset(
    {
        "Originate",
        "Command",
        "GetConfig",
        "UpdateConfig",
        "Hangup",
        "Redirect",
        "Setvar",
        "QueueAdd",
        "Reload",
    }
)
CLOCK_OFF_S = 1.0


class Health(StrEnum):
    """How a check came out."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    health: Health
    text: str
    fix: str = ""
    #: a day's work for people, no fault of the installation: it keeps nobody from production
    daily: bool = False


Check = Callable[[House], Awaitable[Finding]]


def _what(problem: Exception) -> str:
    """What is wrong, in one line and without the fix, which has its own place."""
    fix = getattr(problem, "fix", None)
    return " ".join(str(problem).removesuffix(f" — {fix}").split())


def _good(check: str, text: str) -> Finding:
    return Finding(check, Health.GOOD, text)


async def check_asterisk(house: House) -> Finding:
    """Which Asterisk, and whether its version has the security releases and no known bad bug."""
    program = await asyncio.to_thread(find_asterisk, house.settings)
    if program is None:
        return Finding("asterisk", Health.BAD, "there is none on this machine", "hotline pbx install")
    return _version_finding("asterisk", program.version, unpacked=program.origin != "system")


def _version_finding(check: str, version: AsteriskVersion, *, unpacked: bool = False) -> Finding:
    state = security_state(version)
    if state.safety is not Safety.SAFE:
        return Finding(check, Health.BAD, f"{version.number} is {state.safety}", state.fix)
    if unpacked:
        return Finding(
            check,
            Health.WARNING,
            f"{version.number}, unpacked for the local PBX: it gets no updates",
            "for production install Asterisk by the system's own means",
        )
    return _good(check, version.number)


async def check_pbx(house: House, site: PbxSite | None = None) -> Finding:
    """One PBX, the first when none is given: the reader's login and rights, systemname, clock.

    Of a PBX that we did not set up also its version, and whether its recordings are seen here.
    """
    first, site = site is None or site == house.site(), site or house.site()
    name = "pbx" if first else f"pbx {site.id}"
    where = "HOTLINE_AMI_HOST/_PORT" if first else f"pbxs {site.id} in hotline.yaml"
    address = AmiAddress(
        site.ami_host, site.ami_port, "hotline-reader", house.ami_secrets(site).ami_reader, site.id
    )
    async with AmiLink(address, follow=False) as link:
        try:
            await link.wait_up(6)
            allowed = set((await link.action(Action("ListCommands"))).headers)
            core = (await link.action(Action("CoreSettings"))).headers
        except HotlineError as problem:
            fix = f"hotline pbx start, or mend {where}" if site.local else f"start it, or mend {where}"
            return Finding(name, Health.BAD, _what(problem), problem.fix or fix)
        offset_s = link.clock.offset_s
    too_wide = sorted(TOO_MUCH & allowed)
    if too_wide:
        return Finding(
            name,
            Health.BAD,
            f"the AMI user hotline-reader may {', '.join(too_wide)}",
            "give it read=system,call,agent,reporting,user and write=reporting only",
        )
    if core.get("SystemName", site.id) != site.id:
        return Finding(
            name,
            Health.BAD,
            f"its systemname is {core['SystemName']!r}, and we call it {site.id!r}",
            f"set systemname = {site.id} in its asterisk.conf and restart it",
        )
    if offset_s is not None and abs(offset_s) > CLOCK_OFF_S:
        return Finding(
            name,
            Health.BAD,
            f"its clock is {offset_s:+.1f} s off ours",
            "run an NTP client on both machines",
        )
    if not site.local and (found := _of_a_foreign_pbx(name, site, core)):
        return found
    return _good(name, f"reachable, rights are narrow, clock {offset_s or 0:+.3f} s")


#: call-backs, taps, moves of calls, recording at rest, agents in and out of queues
_ORIGINATOR_MAY = frozenset(
    {
        *("Originate", "Redirect", "Hangup", "Getvar", "Setvar", "MixMonitorMute"),
        *("QueueAdd", "QueueRemove", "QueuePause"),
    }
)


async def check_originator(house: House, site: PbxSite | None = None) -> Finding:
    """The other AMI user: without it no call-back is made, no speech is heard, no lost caller is rescued."""
    first, site = site is None or site == house.site(), site or house.site()
    name = "calls out" if first else f"calls out {site.id}"
    secret = house.ami_secrets(site).ami_originator
    address = AmiAddress(site.ami_host, site.ami_port, "hotline-originator", secret, site.id)
    async with AmiLink(address, follow=False) as link:
        try:
            await link.wait_up(6)
            allowed = set((await link.action(Action("ListCommands"))).headers)
        except HotlineError as problem:
            return Finding(
                name, Health.BAD, _what(problem), problem.fix or "hotline pbx render, and reload it"
            )
    if lacks := sorted(_ORIGINATOR_MAY - allowed):
        return Finding(
            name,
            Health.BAD,
            f"the AMI user hotline-originator may not {', '.join(lacks)}",
            "give it write=originate,call,agent",
        )
    return _good(name, "may phone for the hotline and move callers")


def _of_a_foreign_pbx(name: str, site: PbxSite, core: Mapping[str, str]) -> Finding | None:
    """What is wrong with a PBX that we did not set up: its version, or that its recordings are not seen."""
    version = AsteriskVersion.parse(f"Asterisk {core.get('AsteriskVersion', '')}")
    if version and (found := _version_finding(name, version)).health is not Health.GOOD:
        return found
    if not os.access(site.recordings, os.R_OK | os.X_OK):
        return Finding(
            name,
            Health.BAD,
            f"its recordings cannot be read in {site.recordings}",
            "mount the folder, let this user read it, or mend HOTLINE_RECORDINGS_FOLDER or pbxs",
        )
    return None


async def check_ports(house: House) -> Finding:
    """Every port is free, or taken by this house itself."""
    if is_serving(house.settings.run):
        return _good("ports", "in use by this installation")
    taken = await asyncio.to_thread(taken_ports, role_ports(house.settings, house.sites[1:]))
    if taken:
        return Finding(
            "ports",
            Health.BAD,
            f"another program uses {', '.join(map(str, taken))}",
            f"end it, or set {', '.join(f'HOTLINE_{it.setting}' for it in taken)}",
        )
    return _good("ports", "free")


async def check_disk(house: House) -> Finding:
    """Room for recordings (about 1 MB a leg and minute) and the database, which may be on two disks."""
    folders = [it for it in (house.settings.home, house.settings.recordings) if it.is_dir()]
    free, fullest = min((shutil.disk_usage(it).free, it) for it in folders)
    text = f"{free / 1e9:.1f} GB free in {fullest}"
    fix = "make room, or set HOTLINE_HOME to a larger disk"
    if free < ROOM_BYTES / 10:
        return Finding("disk", Health.BAD, text, fix)
    if free < ROOM_BYTES:
        return Finding("disk", Health.WARNING, text, fix)
    return _good("disk", text)


async def check_speech_model(house: House) -> Finding:
    """The models load and hear, each in a process of its own."""
    try:
        facts = await asyncio.to_thread(lambda: check_model(live_model(house.settings)))
        if house.settings.second_pass_model is not None:
            second = await asyncio.to_thread(lambda: check_model(recording_model(house.settings)))
            return _good("model", f"{facts.id}; recordings: {second.id}")
    except HotlineError as problem:
        return Finding("model", Health.BAD, _what(problem), problem.fix or "set HOTLINE_MODEL")
    if house.settings.model is None:
        return Finding(
            "model",
            Health.WARNING,
            f"{facts.id}: the demo model hears synthetic voices, not people",
            "put a large Mandarin Vosk model in place by HOTLINE_MODEL",
        )
    return _good("model", facts.id)


async def check_database(house: House) -> Finding:
    """It answers, and has the current schema."""
    server = EmbeddedPostgres(house.settings.home) if house.embedded else None
    if server is not None and server.pid() is None:
        return Finding(
            "database", Health.WARNING, "the embedded server is not running", "hotline serve starts it"
        )
    try:
        async with house.database(connections=1) as database:
            await database.ping()
        if not await asyncio.to_thread(is_current, house.database_url):
            return Finding("database", Health.BAD, "its schema is not current", "hotline db upgrade")
    except HotlineError as problem:
        return Finding(
            "database",
            Health.BAD,
            _what(problem),
            problem.fix or "mend HOTLINE_DATABASE_URL or start the server",
        )
    return _good("database", "answers, schema current")


async def _unreachable(house: House, check: str, text: str) -> Finding | None:
    """What a check says that needs the database, when that is not well."""
    stored = await check_database(house)
    return None if stored.health is Health.GOOD else Finding(check, stored.health, text, stored.fix)


async def check_deliveries(house: House) -> Finding:
    """Nothing waits for a person because it could not be handed over."""
    if unreachable := await _unreachable(house, "deliveries", "cannot be counted without the database"):
        return unreachable
    async with house.database(connections=1) as database, database.unit_of_work() as uow:
        dead = await uow.deliveries.dead()
    told = ", ".join(f"{connector} {count}" for connector, count in sorted(dead.items()) if count)
    if told:
        text = f"given up, each waits for a person: {told}"
        fix = "hotline delivery list --state dead, mend the cause, then hotline delivery resend or drop"
        return Finding("deliveries", Health.WARNING, text, fix, daily=True)
    return _good("deliveries", "none was given up")


async def check_prompts(house: House) -> Finding:
    """Every prompt has its sound; a citizen of a system in production hears no synthesiser."""
    settings = house.settings
    uses = prompt_uses(house.hotline, FlowStore(settings.flow_folder))
    sounds = await asyncio.to_thread(list_prompts, uses, settings.sounds)
    missing = sum(sound.state is PromptState.MISSING for sound in sounds)
    synthesised = sum(sound.state is PromptState.SYNTHESISED for sound in sounds)
    if missing:
        text = f"{missing} of {len(sounds)} have no sound"
        return Finding("prompts", Health.WARNING, text, "hotline flows prompts --render")
    if synthesised:
        text = f"{synthesised} of {len(sounds)} are synthesised: not ready for production"
        return Finding("prompts", Health.WARNING, text, "have them recorded: hotline flows prompts --script")
    return _good("prompts", f"{len(sounds)}, all recorded")


async def check_retention(house: House) -> Finding:
    """The city has said how long each kind of data is kept; nobody else says it for them."""
    rules = await asyncio.to_thread(lambda: open_office(house.settings, house.hotline).rules)
    unset = [it.value for it in DataClass if it not in rules.retention]
    if unset:
        text = f"no time is set for {', '.join(unset)}: nothing of it is ever purged"
        return Finding("retention", Health.WARNING, text, "set retention in the city's tickets.yaml")
    return _good("retention", ", ".join(f"{it.value} {days} d" for it, days in rules.retention.items()))


async def check_sealing(house: House) -> Finding:
    """Words, recordings and numbers of calls do not lie in the clear for longer than they are needed so."""
    if unreachable := await _unreachable(house, "sealing", "cannot be looked at without the database"):
        return unreachable
    async with house.database(connections=1) as database, database.unit_of_work() as uow:
        rows, numbers = await uow.clear.count(), await uow.clear_numbers.count()
    old = time.time() - house.settings.seal_after_s - STRANGER_S
    folders = [site.recordings for site in house.sites if site.recordings.is_dir()]
    files = await asyncio.to_thread(
        lambda: sum(it.stat().st_mtime < old for folder in folders for it in folder.glob("*.wav"))
    )
    if rows or files or numbers:
        text = f"in the clear: words in {rows} rows, numbers in {numbers}, {files} recordings of a day ago"
        fix = "the worker seals them: see its log, and let it write and remove in the folder of recordings"
        return Finding("sealing", Health.WARNING, text, fix)
    return _good("sealing", "words, recordings and numbers of calls are sealed")


async def check_audit_heads(house: House) -> Finding:
    """The audit log's head is kept in another place."""
    if house.settings.audit_heads is None:
        text = "its head is kept nowhere outside: who rules this machine can rewrite the whole log"
        return Finding("audit log", Health.WARNING, text, "set HOTLINE_AUDIT_HEADS to a folder elsewhere")
    return _good("audit log", f"its head goes to {house.settings.audit_heads} each day")


async def check_clock(house: House) -> Finding:
    """The machine's clock is not behind the files that it wrote, and does not step."""
    before_wall, before = time.time(), time.monotonic()
    await asyncio.sleep(0.2)
    stepped_s = (time.time() - before_wall) - (time.monotonic() - before)
    newest = max((path.stat().st_mtime for path in house.settings.logs.glob("*")), default=0.0)
    if abs(stepped_s) > 0.1 or newest > time.time() + CLOCK_OFF_S:
        return Finding("clock", Health.BAD, "the clock steps or went back", "run an NTP client that slews")
    return _good("clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, steady")


def checks_for(house: House) -> dict[str, Check]:
    """The checks of this house by name: one line a PBX, an Asterisk of our own only where it is used."""
    first, *further = house.sites
    return {
        **({"asterisk": check_asterisk} if first.local else {}),
        "pbx": check_pbx,
        **{f"pbx {site.id}": functools.partial(check_pbx, site=site) for site in further},
        "calls out": check_originator,
        **{f"calls out {site.id}": functools.partial(check_originator, site=site) for site in further},
        "ports": check_ports,
        "disk": check_disk,
        "model": check_speech_model,
        "prompts": check_prompts,
        "database": check_database,
        "deliveries": check_deliveries,
        "retention": check_retention,
        "sealing": check_sealing,
        "audit log": check_audit_heads,
        "clock": check_clock,
    }


async def examine(house: House) -> list[Finding]:
    """Run every check; one that fails unexpectedly is a finding, too."""
    findings = []
    for name, check in checks_for(house).items():
        try:
            findings.append(await check(house))
        except (HotlineError, OSError) as problem:
            findings.append(
                Finding(name, Health.BAD, _what(problem), getattr(problem, "fix", None) or "see the logs")
            )
    return findings
