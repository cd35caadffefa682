"""The flows role: leads callers through flows, by FastAGI. Any number of processes share the PBXs' ports.

Each process serves every PBX of the house. A caller whose connection dies without a word is put into
the queue by AMI; one whose process dies goes on in the dialplan.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime

import structlog

from config.hotline import is_open
from config.sites import PbxSite
from facts.errors import HotlineError
from facts.identity import CallKey
from ivr_flows import FlowStore, Purpose, line_context, run_flow
from telephony.agi.presses import KeyWitness
from telephony.agi.server import AgiServer
from telephony.agi.session import AgiSession
from telephony.ami.actions import Action, AmiActionRefused
from telephony.ami.errands import rescue, stop_playback
from telephony.ami.link import AmiLink
from telephony.live_audio.tap_control import TapControl
from telephony.live_audio.taps import ChanSpyTap
from ticketing_bridge.house import House
from ticketing_bridge.journeys.dispatcher import LOCAL
from ticketing_bridge.journeys.ears import Ears
from ticketing_bridge.journeys.notices import HourNotices
from ticketing_bridge.journeys.services import CityServices
from ticketing_bridge.roles.links import originator_link
from ticketing_bridge.roles.sounds import Prompts
from ticketing_bridge.speech_models import live_model

log = structlog.get_logger(__name__)

#: why the dialplan runs a flow: what the flow is for
PURPOSES = {
    "flow": Purpose.ARRIVAL,
    "key": Purpose.WAITING,
    "otherwise": Purpose.NO_AGENT,
    "survey": Purpose.AFTER,
    "follow_up": Purpose.OUTBOUND,
}


class LineUnknown(HotlineError):
    """The dialplan named a line that the configuration does not have."""

    error_id = "line-unknown"


class Guide:
    """Leads every caller of one PBX through the flow that the dialplan names."""

    def __init__(self, house: House, flows: FlowStore, prompts: Prompts, services: CityServices) -> None:
        self._hotline = house.hotline
        self._flows = flows
        self._prompts = prompts
        self._services = services

    async def lead(self, session: AgiSession) -> None:
        """One caller. Whatever fails here, the dialplan goes on to a queue."""
        hotline = self._hotline
        line = hotline.lines[0] if session.stage == "follow_up" else hotline.line(session.line)
        if line is None:
            raise LineUnknown(
                f"there is no line {session.line!r}", fix="render the PBX's configuration again"
            )
        flow = self._flows.get(session.path.rpartition("/")[2])
        end = await run_flow(
            flow,
            session,
            self._services,
            line_context(hotline, line, session.queue or None),
            prompts=self._prompts,
            purpose=PURPOSES.get(session.stage),
            task=session.task,
            flow_of=self._flows.get,
            is_open=self._is_open,
        )
        log.info("flow ended", call=str(session.call), flow=flow.flow, ending=end.ending.value)

    def _is_open(self, name: str) -> bool:
        hours = self._hotline.hours.get(name, ())
        return is_open(hours, self._hotline.calendar, datetime.now(LOCAL).replace(tzinfo=None))


async def run_flows(house: House) -> None:
    """Serve every PBX's callers until cancelled.

    Raises:
        AgiPortTaken: a FastAGI port cannot be opened.
    """
    settings, hotline = house.settings, house.hotline
    prompts = Prompts(settings.sounds)
    flows = FlowStore(settings.flow_folder, queues={queue.id for queue in hotline.queues})
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(house.database(connections=4))
        notices = await stack.enter_async_context(HourNotices(database, prompts.ensure))
        speech = await stack.enter_async_context(TapControl(settings.tap_socket))
        phrases = Phrases(house)
        for site in house.sites:
            witness = KeyWitness()
            link = await stack.enter_async_context(originator_link(house, site, witness))
            services = CityServices(database, hotline, site.id, notices)
            guide = Guide(house, flows, prompts, services)
            await stack.enter_async_context(_server(house, site, guide, link, witness, speech, phrases))
        log.info("flows serve", pbxs=[site.id for site in house.sites])
        await asyncio.Event().wait()


class Phrases:
    """Phrases of flows as grammars of the model that hears callers live."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._made: dict[tuple[str, ...], tuple[str, ...]] = {}

    def grammar(self, phrases: tuple[str, ...]) -> tuple[str, ...]:
        """Those that the model can hear, in its own words; empty (anything) when it takes no grammar.

        Blocks for a moment the first time.
        """
        if phrases not in self._made:
            self._made[phrases] = self._make(phrases)
        return self._made[phrases]

    def _make(self, phrases: tuple[str, ...]) -> tuple[str, ...]:
        # Imported here: cutting Chinese into words takes 55 MB, and not every city asks by voice.
        from asr.grammar import GrammarInvalid, make_grammar, model_words  # noqa: PLC0415

        found: dict[str, None] = {}
        try:
            words = model_words(live_model(self._house.settings))
        except HotlineError as problem:
            log.warning("no grammars", why=str(problem))
            return ()
        for phrase in phrases:
            try:
                found |= dict.fromkeys(make_grammar([phrase], words))
            except GrammarInvalid as unsayable:
                log.warning("phrase not heard", why=str(unsayable))
        return tuple(found)


def _server(
    house: House,
    site: PbxSite,
    guide: Guide,
    link: AmiLink,
    witness: KeyWitness,
    speech: TapControl,
    phrases: Phrases,
) -> AgiServer:
    settings = house.settings
    tap = ChanSpyTap(link, site.hotline_host, site.audiosocket_port, speech.release)

    async def may_hear(channel: str) -> bool:
        """No notice, no transcription."""
        try:
            asked = Action("Getvar", {"Channel": channel, "Variable": "HOTLINE_NOTICE"})
            return (await link.action(asked)).headers.get("Value") == "played"
        except AmiActionRefused:
            return False

    async def interrupt(channel: str) -> None:
        await stop_playback(link, channel)

    async def on_lost(channel: str, call: CallKey) -> None:
        saved = await rescue(link, channel)
        log.warning("caller's connection lost", call=str(call), put_into_the_queue=saved)

    return AgiServer(
        site.listen_host,
        site.agi_port,
        guide.lead,
        pbx_id=site.id,
        allowed_peers=site.agi_peers,
        listener=Ears(
            speech, tap, settings.live_socket, settings.run / "speech.json", may_hear, phrases.grammar
        ),
        interrupt=interrupt,
        witness=witness,
        on_lost=on_lost,
        reuse_port=True,
    )
