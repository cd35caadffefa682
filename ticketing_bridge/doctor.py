"""``hotline doctor``: is everything there that serving needs, each answer a line with its fix."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from asr.models import check_model, default_model
from facts.errors import HotlineError
from telephony.ami.actions import Action
from telephony.ami.link import AmiAddress, AmiLink
from telephony.pbx.find import find_asterisk
from telephony.pbx.process import taken_ports
from telephony.pbx.program import AsteriskVersion, Safety, security_state
from ticketing_bridge.house import House
from ticketing_bridge.ports import role_ports
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.upgrade import is_current
from ticketing_bridge.supervision import is_serving

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


Check = Callable[[House], Awaitable[Finding]]


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


async def check_pbx(house: House) -> Finding:
    """The reader's login, its rights, and the PBX's clock."""
    settings = house.settings
    address = AmiAddress(
        settings.ami_host, settings.ami_port, "hotline-reader", house.secrets.ami_reader, settings.pbx_id
    )
    async with AmiLink(address, follow=False) as link:
        try:
            await link.wait_up(6)
            allowed = set((await link.action(Action("ListCommands"))).headers)
        except HotlineError as problem:
            return Finding(
                "pbx", Health.BAD, str(problem), "hotline pbx start, or mend HOTLINE_AMI_HOST/_PORT"
            )
        offset_s = link.clock.offset_s
    too_wide = sorted(TOO_MUCH & allowed)
    if too_wide:
        return Finding(
            "pbx",
            Health.BAD,
            f"the AMI user hotline-reader may {', '.join(too_wide)}",
            "give it read=system,call,agent,reporting,user and write=reporting only",
        )
    if offset_s is not None and abs(offset_s) > CLOCK_OFF_S:
        return Finding(
            "pbx",
            Health.BAD,
            f"its clock is {offset_s:+.1f} s off ours",
            "run an NTP client on both machines",
        )
    return _good("pbx", f"reachable, rights are narrow, clock {offset_s or 0:+.3f} s")


async def check_ports(house: House) -> Finding:
    """Every port is free, or taken by this house itself."""
    if is_serving(house.settings.run):
        return _good("ports", "in use by this installation")
    taken = await asyncio.to_thread(taken_ports, role_ports(house.settings))
    if taken:
        return Finding(
            "ports",
            Health.BAD,
            f"another program uses {', '.join(map(str, taken))}",
            f"end it, or set {', '.join(f'HOTLINE_{it.setting}' for it in taken)}",
        )
    return _good("ports", "free")


async def check_disk(house: House) -> Finding:
    """Room for recordings (about 1 MB a leg and minute) and the database."""
    free = shutil.disk_usage(house.settings.home).free
    text = f"{free / 1e9:.1f} GB free in {house.settings.home}"
    fix = "make room, or set HOTLINE_HOME to a larger disk"
    if free < ROOM_BYTES / 10:
        return Finding("disk", Health.BAD, text, fix)
    if free < ROOM_BYTES:
        return Finding("disk", Health.WARNING, text, fix)
    return _good("disk", text)


async def check_speech_model(house: House) -> Finding:
    """The model loads and hears, in a process of its own."""
    try:
        facts = await asyncio.to_thread(check_model, house.settings.model or default_model())
    except HotlineError as problem:
        return Finding("model", Health.BAD, str(problem), problem.fix or "set HOTLINE_MODEL")
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
        async with Database(house.database_url, connections=1) as database:
            await database.ping()
        if not await asyncio.to_thread(is_current, house.database_url):
            return Finding("database", Health.BAD, "its schema is not current", "hotline db upgrade")
    except HotlineError as problem:
        return Finding(
            "database",
            Health.BAD,
            str(problem),
            problem.fix or "mend HOTLINE_DATABASE_URL or start the server",
        )
    return _good("database", "answers, schema current")


async def check_clock(house: House) -> Finding:
    """The machine's clock is not behind the files that it wrote, and does not step."""
    before_wall, before = time.time(), time.monotonic()
    await asyncio.sleep(0.2)
    stepped_s = (time.time() - before_wall) - (time.monotonic() - before)
    newest = max((path.stat().st_mtime for path in house.settings.logs.glob("*")), default=0.0)
    if abs(stepped_s) > 0.1 or newest > time.time() + CLOCK_OFF_S:
        return Finding("clock", Health.BAD, "the clock steps or went back", "run an NTP client that slews")
    return _good("clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, steady")


CHECKS: tuple[Check, ...] = (
    check_asterisk,
    check_pbx,
    check_ports,
    check_disk,
    check_speech_model,
    check_database,
    check_clock,
)


async def examine(house: House) -> list[Finding]:
    """Run every check; one that fails unexpectedly is a finding, too."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(await check(house))
        except (HotlineError, OSError) as problem:
            name = check.__name__.removeprefix("check_")
            findings.append(
                Finding(name, Health.BAD, str(problem), getattr(problem, "fix", None) or "see the logs")
            )
    return findings
