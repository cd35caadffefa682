"""The telephony role: follows the PBX, keeps the ledger, leads callers, has agents' calls heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog

from config.sites import PbxSite
from facts.call import Call
from facts.errors import HotlineError
from ivr_flows import FlowStore, line_context, run_flow
from ivr_flows.no_services import NoServices
from ivr_flows.prompts import prompt_name, prompt_path, render_prompts
from telephony.agi.server import AgiServer
from telephony.agi.session import AgiSession
from telephony.ami.link import AmiAddress, AmiLink, LinkState
from telephony.call_fold import CallTracker, FoldRules
from telephony.live_audio.tap_control import TapControl
from telephony.live_audio.taps import ChanSpyTap
from ticketing_bridge.call_ledger.service import LedgerWriter
from ticketing_bridge.call_ledger.spool import EventSpool
from ticketing_bridge.desk.health import keep_beating
from ticketing_bridge.house import House
from ticketing_bridge.live.taps import TapKeeper
from ticketing_bridge.store.database import Database

log = structlog.get_logger(__name__)


class LineUnknown(HotlineError):
    """The dialplan named a line that the configuration does not have."""

    error_id = "line-unknown"


class Prompts:
    """Sounds of texts; a text that a changed flow brings is rendered before it is played."""

    def __init__(self, house: House) -> None:
        self._folder = house.settings.sounds
        self._alone = asyncio.Lock()

    async def ensure(self, text: str) -> str:
        """Sound name of a text."""
        if not prompt_path(text, self._folder).is_file():
            async with self._alone:
                await asyncio.to_thread(render_prompts, [text], self._folder)
        return prompt_name(text)


class Greeter:
    """Leads every caller through the flow of the line that was dialled."""

    def __init__(self, house: House) -> None:
        self._hotline = house.hotline
        self._flows = FlowStore(
            house.settings.flow_folder, queues={queue.id for queue in house.hotline.queues}
        )
        self._prompts = Prompts(house)

    async def lead(self, session: AgiSession) -> None:
        """One caller. Whatever fails here, the dialplan goes on to the line's queue."""
        line_id = session.arguments[0] if session.arguments else ""
        line = self._hotline.line(line_id)
        if line is None:
            raise LineUnknown(f"there is no line {line_id!r}", fix="render the PBX's configuration again")
        flow = self._flows.get(session.path.rpartition("/")[2])
        end = await run_flow(
            flow, session, NoServices(), line_context(self._hotline, line), prompts=self._prompts
        )
        log.info("flow ended", call=str(session.call), flow=flow.flow, ending=end.ending.value)


def fold_rules(house: House) -> FoldRules:
    """What the fold must know of this hotline."""
    return FoldRules(
        frozenset(agent.id for agent in house.hotline.agents), t_short_s=house.settings.t_short_s
    )


def _address(site: PbxSite, user: str, secret: str) -> AmiAddress:
    return AmiAddress(site.ami_host, site.ami_port, user, secret, site.id)


async def run_telephony(house: House, pbx_id: str | None = None) -> None:
    """Serve one PBX (the first one when none is named) until cancelled, or until another process leads it.

    Raises:
        PbxUnknown, SecretFileInvalid: the PBX is not configured, or its passwords are not there.
        AgiPortTaken: the FastAGI port of this PBX cannot be opened.
        LeadershipLost: another process leads this PBX now.
    """
    settings, site = house.settings, house.site(pbx_id)
    secrets = house.ami_secrets(site)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(house.database_url, connections=4))
        leadership = await stack.enter_async_context(database.leadership(f"telephony:{site.id}"))
        # Callers first: the dialplan waits for nobody, and a flow needs neither AMI nor database.
        await stack.enter_async_context(
            AgiServer(
                site.listen_host,
                site.agi_port,
                Greeter(house).lead,
                pbx_id=site.id,
                allowed_peers=site.agi_peers,
            )
        )
        originator = await stack.enter_async_context(
            AmiLink(_address(site, "hotline-originator", secrets.ami_originator), follow=False)
        )
        reader = AmiLink(_address(site, "hotline-reader", secrets.ami_reader))
        keeper: TapKeeper | None = None

        def on_calls(calls: Sequence[Call]) -> None:
            if keeper is not None:
                for call in calls:
                    keeper.on_call(call)

        writer = await stack.enter_async_context(
            LedgerWriter(
                database,
                CallTracker(site.id, fold_rules(house)),
                EventSpool(settings.spool, site.id),
                on_calls=on_calls,
                may_return=lambda: leadership.held,
            )
        )
        control = TapControl(settings.tap_socket, lambda: keeper.listen_again() if keeper else None)
        tap = ChanSpyTap(originator, site.hotline_host, site.audiosocket_port, control.release)
        keeper = await stack.enter_async_context(
            TapKeeper(tap, control, lambda: reader.clock.pbx_datetime(time.time()))
        )
        await stack.enter_async_context(control)
        await stack.enter_async_context(reader)
        log.info("telephony serves", pbx=site.id)
        follow = asyncio.create_task(_follow(reader, writer), name="follow")
        lost = asyncio.create_task(leadership.lost(), name="leadership")
        shown = asyncio.create_task(
            keep_beating(database, site.id, lambda: reader.status.state is LinkState.UP),
            name="page beat",
        )
        try:
            done, _ = await asyncio.wait((follow, lost), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            lost.cancel()
            shown.cancel()
            # The link's own end is a mark in the ledger, too: let the follower read to the last message.
            await reader.close()
            await asyncio.gather(follow, lost, shown, return_exceptions=True)
            if not lost.cancelled():
                await writer.hand_over()


async def _follow(reader: AmiLink, writer: LedgerWriter) -> None:
    """Everything that the PBX says, into the ledger, without ever blocking the loop for long."""
    while batch := await reader.next_batch(200):
        for message in batch:
            writer.take(message)
        await asyncio.sleep(0)
