"""``hotline run ROLE``: one role as one process, beating for whoever watches it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable

import structlog

from facts.errors import HotlineError
from ticketing_bridge.house import House
from ticketing_bridge.logs import set_up_logs
from ticketing_bridge.memory import look_seldom
from ticketing_bridge.supervision import beat, force_end, stop_signals

log = structlog.get_logger(__name__)

Role = Callable[[House], Awaitable[None]]


class RoleUnknown(HotlineError):
    """There is no such role."""

    error_id = "role-unknown"


def role_named(name: str) -> Role:
    """The role of this name; imports only what it needs.

    Raises:
        RoleUnknown: naming the roles that there are.
    """
    kind, at, pbx_id = name.partition("@")
    if name in ("pbx-agent", "pbx-receiver"):
        return _role_of_remote_pbxs(name)
    kind, dash, number = kind.partition("-")
    if dash and (kind != "flows" or not number.isdecimal()):
        raise RoleUnknown(f"there is no role {name!r}", fix="flows-1, flows-2 … are the numbered ones")
    if at and (kind != "telephony" or not pbx_id):
        raise RoleUnknown(f"there is no role {name!r}", fix="telephony@PBX is the one role that names a PBX")
    # Imported here: each role is a process of its own and must not load the others' libraries.
    if kind == "telephony":
        from ticketing_bridge.roles.telephony import run_telephony  # noqa: PLC0415

        role: Role = functools.partial(run_telephony, pbx_id=pbx_id or None)
    elif kind == "flows":
        from ticketing_bridge.roles.flows import run_flows as role  # noqa: PLC0415
    elif name == "speech":
        from ticketing_bridge.roles.speech import run_speech as role  # noqa: PLC0415
    elif name == "worker":
        from ticketing_bridge.roles.worker import run_worker_role as role  # noqa: PLC0415
    elif name == "web":
        from ticketing_bridge.roles.web import run_web as role  # noqa: PLC0415
    else:
        raise RoleUnknown(
            f"there is no role {name!r}",
            fix="one of telephony, telephony@PBX, flows, speech, worker, web, pbx-agent, pbx-receiver",
        )
    return role


def _role_of_remote_pbxs(name: str) -> Role:
    if name == "pbx-agent":
        from ticketing_bridge.roles.pbx_agent import run_pbx_agent  # noqa: PLC0415

        return run_pbx_agent
    from ticketing_bridge.roles.pbx_receiver import run_pbx_receiver  # noqa: PLC0415

    return run_pbx_receiver


async def run_role(name: str, house: House) -> None:
    """Run a role until a signal, its supervisor's end, or its own failure.

    Raises:
        HotlineError: what the role itself could not get over.
    """
    set_up_logs(name)
    role = role_named(name)
    look_seldom()
    async with stop_signals() as stopped:
        work = asyncio.ensure_future(role(house))
        ends = [
            work,
            asyncio.create_task(beat(), name="beat"),
            asyncio.create_task(stopped.wait(), name="stop"),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            force_end()
            if not work.done():
                work.cancel()
            for end in ends[1:]:
                end.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*ends[1:], return_exceptions=True)
        try:
            await work
        except asyncio.CancelledError:
            log.info("role stopped", role=name)
        except HotlineError as error:
            log.error("role ended", role=name, why=str(error), error_id=error.error_id)
            raise
