"""The telephony role: follows the PBX, keeps the ledger, has agents' calls heard and citizens called back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime

import structlog

from config.hotline import Hotline
from facts.call import Call
from telephony.ami.actions import Action
from telephony.ami.errands import NumberRefused, hang_up, originate_callback, originate_follow_up
from telephony.ami.events import PbxEvent
from telephony.ami.link import AmiLink, LinkState
from telephony.call_fold import CallTracker, FoldRules
from telephony.live_audio.tap_control import TapControl
from telephony.live_audio.taps import ChanSpyTap
from ticketing_bridge.agents.hands import DeskHands
from ticketing_bridge.agents.keeper import AgentKeeper
from ticketing_bridge.agents.roster import roster_of
from ticketing_bridge.call_ledger.service import LedgerWriter
from ticketing_bridge.call_ledger.spool import EventSpool
from ticketing_bridge.desk.health import keep_beating
from ticketing_bridge.house import House
from ticketing_bridge.journeys.dispatcher import Dispatcher, PbxChannel, RefusedForGood
from ticketing_bridge.journeys.queue_board import QueueTeller
from ticketing_bridge.journeys.waiting import WaitingTeller
from ticketing_bridge.live.callback_taps import CallbackTaps
from ticketing_bridge.live.taps import TapKeeper
from ticketing_bridge.roles.backfilling import GapFiller, keepers, log_source
from ticketing_bridge.roles.links import originator_link, reader_link
from ticketing_bridge.store.journey_records import Callback, FollowUp

log = structlog.get_logger(__name__)

#: messages that are read before everything else in the process has its turn
FOLLOW_MESSAGES = 50


def fold_rules(house: House) -> FoldRules:
    """What the fold must know of this hotline."""
    return FoldRules(
        frozenset(agent.id for agent in house.hotline.agents), t_short_s=house.settings.t_short_s
    )


class PbxErrands:
    """What the dispatcher has this PBX do."""

    def __init__(self, originator: AmiLink, reader: AmiLink, hotline: Hotline) -> None:
        self._originator = originator
        self._reader = reader
        self._hotline = hotline

    async def call_back(self, callback: Callback) -> None:
        """An agent first, then the citizen."""
        try:
            await originate_callback(
                self._originator,
                callback=callback.id,
                number=callback.number,
                queue=callback.queue,
                arrived_at=callback.arrived_at,
                priority=callback.priority,
            )
        except NumberRefused as refused:
            raise RefusedForGood(str(refused)) from None

    async def follow_up(self, task: FollowUp) -> None:
        """The robot asks."""
        ring_s = self._hotline.follow_up.ring_s
        await originate_follow_up(self._originator, task=task.id, number=task.number, ring_s=ring_s)

    async def hang_up(self, channel: str) -> None:
        """End a channel."""
        await hang_up(self._originator, channel)

    async def channels(self) -> list[PbxChannel]:
        """All that there are."""
        shown = await self._reader.action(Action("CoreShowChannels"), timeout_s=10.0)
        return [
            PbxChannel(it.get("Channel", ""), it.get("Context", ""), it.get("CallerIDNum", ""))
            for it in shown.items
            if it.get("Event") == "CoreShowChannel"
        ]


async def run_telephony(house: House, pbx_id: str | None = None) -> None:
    """Serve one PBX (the first one when none is named) until cancelled, or until another process leads it.

    Raises:
        PbxUnknown, SecretFileInvalid: the PBX is not configured, or its passwords are not there.
        LeadershipLost: another process leads this PBX now.
    """
    settings, site = house.settings, house.site(pbx_id)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(house.database(connections=4))
        leadership = await stack.enter_async_context(database.leadership(f"telephony:{site.id}"))
        originator = await stack.enter_async_context(originator_link(house, site))
        reader = reader_link(house, site)
        keeper: TapKeeper | None = None

        def pbx_now() -> datetime:
            return reader.clock.pbx_datetime(time.time())

        def on_calls(calls: Sequence[Call]) -> None:
            if keeper is not None:
                for call in calls:
                    keeper.on_call(call)

        writer = await stack.enter_async_context(
            LedgerWriter(
                database,
                CallTracker(site.id, fold_rules(house)),
                EventSpool(settings.spool, site.id, house.vault),
                on_calls=on_calls,
                may_return=lambda: leadership.held,
            )
        )
        control = TapControl(settings.tap_socket, lambda: keeper.listen_again() if keeper else None)
        tap = ChanSpyTap(originator, site.hotline_host, site.audiosocket_port, control.release)
        keeper = await stack.enter_async_context(TapKeeper(tap, control, pbx_now))
        await stack.enter_async_context(control)
        callback_taps = await stack.enter_async_context(CallbackTaps(tap, control, database, pbx_now))
        queues = await stack.enter_async_context(
            QueueTeller(database, site.id, [queue.id for queue in house.hotline.queues])
        )
        waiting = await stack.enter_async_context(WaitingTeller(house.hotline, originator, queues.state))
        dispatcher = await stack.enter_async_context(
            Dispatcher(
                database,
                house.hotline,
                site.id,
                PbxErrands(originator, reader, house.hotline),
                leads=lambda: leadership.held,
            )
        )
        agents = await stack.enter_async_context(
            AgentKeeper(
                database,
                roster_of(house.hotline, site.id),
                originator,
                site.id,
                pbx_now,
            )
        )
        hands = await stack.enter_async_context(
            DeskHands(database, house.hotline, site.id, originator, agents, keeper, pbx_now)
        )
        source = log_source(house, site, database)
        others_keep = keepers(house.hotline, site.id, hands, dispatcher)
        gaps = await stack.enter_async_context(
            GapFiller(database, site.id, fold_rules(house), source, writer, others_keep)
        )
        await stack.enter_async_context(reader)
        log.info("telephony serves", pbx=site.id)
        followers = (queues, waiting, callback_taps, dispatcher, agents, gaps, hands)
        others = [it.take for it in followers]
        follow = asyncio.create_task(follow_pbx(reader, writer, others), name="follow")
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


async def follow_pbx(
    reader: AmiLink, writer: LedgerWriter, others: Sequence[Callable[[PbxEvent], None]]
) -> None:
    """Everything that the PBX says, into the ledger and to the others, without blocking the loop for long."""
    while batch := await reader.next_batch(FOLLOW_MESSAGES):
        for message in batch:
            if event := writer.take(message):
                for take in others:
                    take(event)
        await asyncio.sleep(0)
