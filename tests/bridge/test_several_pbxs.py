"""The telephony role on real PBXs: two at once, without the database, and standing by."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.hotline import FurtherPbx, Hotline, load_hotline
from config.secrets import AmiSecrets
from facts.call import Call, Outcome
from facts.errors import HotlineError
from telephony.pbx.program import AsteriskProgram
from telephony.recordings import wait_for_recording
from tests.bridge.conftest import Line, until
from tests.pbx import RunningPbx, pbx_up
from tests.sip_phone import SipPhone
from ticketing_bridge.call_ledger import EventSpool
from ticketing_bridge.desk.health import TELEPHONY_CHANNEL, Health, TelephonyBeat
from ticketing_bridge.doctor import Health as Verdict
from ticketing_bridge.doctor import check_pbx
from ticketing_bridge.house import House
from ticketing_bridge.roles.flows import run_flows
from ticketing_bridge.roles.telephony import run_telephony
from ticketing_bridge.store import Database
from ticketing_bridge.store.leadership import LeadershipLost
from ticketing_bridge.words import CallWords

pytestmark = [pytest.mark.pbx]


def brief_hotline() -> Hotline:
    """The built-in one with little to listen to."""
    hotline = load_hotline()
    lines = tuple(line.model_copy(update={"greeting": "您好。"}) for line in hotline.lines[:1])
    return hotline.model_copy(update={"notice": "通话录音。", "lines": lines})


@pytest.fixture(scope="module")
def city(asterisk_program: AsteriskProgram) -> Iterator[RunningPbx]:
    with pbx_up(asterisk_program, brief_hotline()) as pbx:
        yield pbx


@pytest.fixture(scope="module")
def east(asterisk_program: AsteriskProgram) -> Iterator[RunningPbx]:
    """A second Asterisk with the same hotline."""
    with pbx_up(asterisk_program, brief_hotline(), pbx_id="east") as pbx:
        yield pbx


def house_of(pbx: RunningPbx, database_url: str, *further: FurtherPbx) -> House:
    """A house that follows this PBX first."""
    return House(
        pbx.settings.model_copy(update={"database_url": database_url}),
        pbx.hotline.model_copy(update={"pbxs": further}),
        pbx.secrets,
    )


@asynccontextmanager
async def running(role: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """A role at work; whoever ends it early looks at its task."""
    task = asyncio.create_task(role)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def telephony(house: House, pbx_id: str | None = None) -> AbstractAsyncContextManager[asyncio.Task[None]]:
    """The role that follows one PBX."""
    return running(run_telephony(house, pbx_id))


def flows(house: House) -> AbstractAsyncContextManager[asyncio.Task[None]]:
    """The role that leads the callers of all of them."""
    return running(run_flows(house))


async def listens(port: int) -> bool:
    """Whether anybody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def rows(database: Database) -> dict[str, Call]:
    async with database.unit_of_work() as uow:
        return {str(call.key): call for call in await uow.calls.list()}


async def ended(database: Database, caller: str) -> Call:
    """The call of this number, once it is over."""
    found: list[Call] = []

    async def seen() -> bool:
        found[:] = [it for it in (await rows(database)).values() if it.caller_number == caller and it.outcome]
        return bool(found)

    await until(seen)
    (call,) = found
    return call


def talks_to_an_agent(pbx: RunningPbx, number: str) -> None:
    """A citizen phones, agent101 answers, the citizen hangs up."""
    settings = pbx.settings
    agent = SipPhone("agent101", settings.sip_port, pbx.secrets.sip_password("agent101"), answers=True)
    with agent, SipPhone(number, settings.sip_port) as caller:
        assert agent.register() == 200
        assert caller.call("12345") == 200
        assert agent.answered.wait(60)
        agent.gone.wait(0.7)
        caller.hang_up()
        assert agent.gone.wait(30)


def hangs_up(pbx: RunningPbx, number: str, after_s: float = 0.3) -> None:
    """A citizen phones and hangs up in the notice."""
    with SipPhone(number, pbx.settings.sip_port) as caller:
        assert caller.call("12345") == 200
        caller.gone.wait(after_s)
        caller.hang_up()


async def test_two_pbxs_are_followed_into_one_ledger_and_one_may_be_lost(
    city: RunningPbx, east: RunningPbx, database: Database, database_url: str, tmp_path: Path
) -> None:
    secret_file = tmp_path / "east.json"
    secret_file.write_text(
        json.dumps(asdict(AmiSecrets(east.secrets.ami_reader, east.secrets.ami_originator)))
    )
    secret_file.chmod(0o600)
    house = house_of(
        city,
        database_url,
        FurtherPbx(
            id="east",
            ami_host="127.0.0.1",
            ami_port=east.settings.ami_port,
            agi_port=east.settings.agi_port,
            recordings=east.settings.recordings,
            secret_file=secret_file,
        ),
    )
    for site in house.sites:
        finding = await check_pbx(house, site)
        assert finding.health is not Verdict.BAD, finding
    health = Health(site.id for site in house.sites)
    async with (
        flows(house),
        telephony(house),
        telephony(house, "east"),
        database.listen(TELEPHONY_CHANNEL) as beats,
    ):
        for site in house.sites:
            await until(lambda port=site.agi_port: listens(port))
        await heard(beats, health, lost=())
        await asyncio.gather(
            asyncio.to_thread(talks_to_an_agent, city, "13997360001"),
            asyncio.to_thread(talks_to_an_agent, east, "13997360002"),
        )
        calls = [await ended(database, "13997360001"), await ended(database, "13997360002")]
        assert [call.key.pbx_id for call in calls] == ["city", "east"]
        assert all(call.key.uniqueid.startswith(f"{call.key.pbx_id}-") for call in calls)
        assert [call.outcome for call in calls] == [Outcome.ANSWERED, Outcome.ANSWERED]
        # the flow led them: FastAGI of each PBX answered its own callers
        assert all(call.flow_entered_at and call.queue_legs for call in calls)
        words = CallWords(house.settings, house.hotline, None, database)  # type: ignore[arg-type]
        for call in calls:
            assert call.recording
            async with words._opened(call.key, call.recording) as folder:
                await asyncio.to_thread(wait_for_recording, folder, call.recording)

        await east.pbx.stop()
        await heard(beats, health, lost=("east",))
        await asyncio.to_thread(hangs_up, city, "13997360003")
        assert (await ended(database, "13997360003")).key.pbx_id == "city"
        assert (await check_pbx(house, house.site("east"))).health is Verdict.BAD
    assert sorted(key.partition(":")[0] for key in await rows(database)) == ["city", "city", "east"]


async def heard(beats: object, health: Health, lost: tuple[str, ...]) -> None:
    """Return when the page would say that exactly these PBXs are lost."""
    async with asyncio.timeout(60):
        async for told in beats:  # type: ignore[attr-defined]
            if not told.payload:
                continue
            health.take(TelephonyBeat.parse(told.payload), datetime.now(UTC))
            view = health.view(datetime.now(UTC), live_connected=True)
            if not view.silent and view.lost == lost:
                assert view.pbx_linked is not bool(lost)
                return


async def test_callers_are_led_and_followed_while_the_database_is_away_at_the_start(
    city: RunningPbx, line: Line, database: Database
) -> None:
    house = house_of(city, line.url)
    await line.cut()
    async with flows(house), telephony(house) as role:
        await until(lambda: listens(house.site().agi_port), 8)
        await until(lambda: logged_in(city))
        await asyncio.to_thread(talks_to_an_agent, city, "13997360011")
        await until(lambda: spooled(house, "13997360011"))
        assert await rows(database) == {}
        await line.mend()
        call = await ended(database, "13997360011")
        assert (call.outcome, call.key.pbx_id) == (Outcome.ANSWERED, "city")
        assert call.flow_entered_at
        await until(lambda: leads(database, house))
        assert not role.done()


async def spooled(house: House, words: str) -> bool:
    path = house.settings.spool / "city.jsonl"
    assert not path.exists() or words not in path.read_text(encoding="utf-8")
    waiting = EventSpool(house.settings.spool, "city", house.vault).waiting()
    return any(words in str(record.payload) for record in waiting)


async def leads(database: Database, house: House) -> bool:
    """Whether somebody holds the lock."""
    try:
        async with asyncio.timeout(0.2), database.leadership(f"telephony:{house.site().id}"):
            return False
    except TimeoutError:
        return True


async def test_a_stand_by_serves_nobody_and_a_provisional_leader_hands_over(
    city: RunningPbx, line: Line, database: Database
) -> None:
    house = house_of(city, line.url)
    async with database.leadership("telephony:city"):
        async with telephony(house) as role:
            await asyncio.sleep(2.5)
            assert not role.done()
            assert "hotline-" not in await city.pbx.cli("manager show connected")
        await line.cut()
        async with telephony(house) as role:
            await until(lambda: logged_in(city))
            await asyncio.to_thread(hangs_up, city, "13997360021")
            await until(lambda: spooled(house, "13997360021"))
            await line.mend()
            with pytest.raises(LeadershipLost):
                async with asyncio.timeout(15):
                    await role
        assert not await spooled(house, "13997360021")
        async with database.unit_of_work() as uow:
            kinds = [record.kind async for record in uow.events.stream(pbx_id="city")]
        assert "ChannelHangup" in kinds
        assert not [kind for kind in kinds if kind.startswith(("Link", "Snapshot"))]
        assert await rows(database) == {}, "the rows are the other leader's to write"


async def logged_in(pbx: RunningPbx) -> bool:
    return "hotline-reader" in await pbx.pbx.cli("manager show connected")


async def test_a_pbx_without_its_passwords_is_one_clear_error(city: RunningPbx, database_url: str) -> None:
    east = FurtherPbx(
        id="east",
        ami_host="127.0.0.1",
        ami_port=1,
        agi_port=2,
        recordings=Path("/nowhere"),
        secret_file=Path("/nowhere/east.json"),
    )
    with pytest.raises(HotlineError, match="pbx render --pbx east"):
        await run_telephony(replace(house_of(city, database_url, east)), "east")
