"""From a call's words to its draft: what the worker does when an answered call has ended.

The first draft comes from the words heard live, seconds after the hang-up. The recording
is heard again; that hearing is the transcript of record, and only suggests changes to a
draft made from a whole live hearing. Where the live hearing had holes, the draft is made anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from asr.drift import drift_of
from asr.files import transcribe_legs
from asr.text.display import KeptNames
from asr.transcript import merge_turns
from config.catalogue import CityData
from config.catalogue_store import CatalogueStore
from config.hotline import Hotline
from config.settings import Settings
from config.sites import pbx_sites, site_of
from facts.call import Call
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg, Transcript
from telephony.recordings import wait_for_recording
from ticketing_bridge.drafting import Draft, DraftInput, EarlierTicket, draft_call
from ticketing_bridge.drafting.content import SUGGESTED, draft_content
from ticketing_bridge.drafting.learned import Learned
from ticketing_bridge.journeys.answers import dedicated_line, with_answers
from ticketing_bridge.journeys.voicemail import hear_message
from ticketing_bridge.recordings import opened_again
from ticketing_bridge.second_opinion import SecondOpinion
from ticketing_bridge.speech_models import recording_model
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.records import Json, LiveSegment, LiveStreamRecord
from ticketing_bridge.tickets.earlier import earlier_tickets
from ticketing_bridge.tickets.office import TicketOffices
from ticketing_bridge.transcripts.city import kept_names
from ticketing_bridge.transcripts.search import index_missing, make_findable, search_words

log = structlog.get_logger(__name__)

LOCAL = ZoneInfo("Asia/Shanghai")
#: how long the live streams of an ended call are given to say their last words
LAST_WORDS_S = 2.0
POLL_S = 0.05
#: how often calls that cannot be found are looked for, in seconds
INDEX_S = 3600.0
#: a recording that lacks more than this was cut off: the disk was full, or the PBX was ended (seconds)
SHORT_BY_S = 2.0


class CallUnknown(HotlineError):
    """There is no such call."""

    error_id = "call-unknown"


@dataclass(frozen=True, slots=True)
class LiveHearing:
    """What was heard of a call while it was on; ``whole`` when no leg lost a stretch."""

    transcript: Transcript
    whole: bool


class CallWords:
    """The two jobs of an answered call, and that of a message. All may run twice without harm."""

    def __init__(
        self,
        settings: Settings,
        hotline: Hotline,
        city: CityData | CatalogueStore,
        database: Database,
        offices: TicketOffices | None = None,
    ) -> None:
        self._settings = settings
        self._hotline = hotline
        self._catalogue = city.current if isinstance(city, CatalogueStore) else lambda: city
        self._kept: tuple[CityData, KeptNames] | None = None
        self._database = database
        self._offices = offices or TicketOffices(settings, hotline)
        self._learned = _learned(settings.drafting_model)
        self._second = _second_opinion(settings)

    @property
    def _city(self) -> CityData:
        """The city's data in force now."""
        return self._catalogue()

    @property
    def _names(self) -> KeptNames:
        city = self._city
        if self._kept is None or self._kept[0] is not city:
            self._kept = city, kept_names(city)
        return self._kept[1]

    def warm(self) -> None:
        """Load word lists now, not at the first caller's draft. Blocks for a second."""
        draft_call(DraftInput("warm", datetime.now(LOCAL), None, ()), self._city)

    async def draft(self, key: CallKey) -> None:
        """Draft v1 from the live words; without any, the recording's job makes it."""
        async with self._database.unit_of_work() as uow:
            call = await _known(uow, key)
        hearing = await self._live_hearing(call)
        if not hearing.transcript.turns:
            log.info("nothing heard live", call=str(key))
            return
        await self._put_draft(call, hearing)

    async def draft_callback(self, key: CallKey) -> None:
        """A draft from what was said when the caller was called back, and was said to the flow before.

        The words are those heard live: a draft that is there already (of a message) gets another version.
        """
        async with self._database.unit_of_work() as uow:
            call = await _known(uow, key)
        await self._put_draft(call, await self._live_hearing(call, agents=1), anew=True)

    async def _put_draft(self, call: Call, hearing: LiveHearing, *, anew: bool = False) -> None:
        key = call.key
        earlier = await self._earlier(call)
        content = await asyncio.to_thread(self._content, call, hearing.transcript, earlier)
        if self._second:
            opinions = await self._second.ask(*self._drafted(call, hearing.transcript, earlier), self._city)
            content = {**content, "opinions": opinions} if opinions else content
        words = await asyncio.to_thread(search_words, hearing.transcript, self._names)
        async with self._database.unit_of_work() as uow:
            await uow.transcripts.put(key, "live", hearing.transcript)
            if await uow.transcripts.get(key, "record") is None:
                await make_findable(uow, call, "live", words)
            before = await uow.drafts.latest(key)
            if before is None or (anew and before.content.get("turns") != content["turns"]):
                version = before.version + 1 if before else 1
                await uow.drafts.put(key, version, "live", {**content, "whole": hearing.whole})
            await uow.notify("hotline_call", str(key))

    async def transcribe(self, key: CallKey) -> None:
        """The transcript of record, and what it adds to the draft.

        Another model than that of an earlier hearing makes another version: the newest counts, all stay.

        Raises:
            HotlineError: no recording, no model, or Vosk ended again and again; the job is tried again.
        """
        async with self._database.unit_of_work() as uow:
            call = await _known(uow, key)
        if call.recording is None:
            await self._keep_record(call, Transcript((), "none: not recorded"), None)
            return
        try:
            transcript, digest = await self._heard_again(call, call.recording)
        except HotlineError:
            await self._draft_without_words(call)
            raise
        await self._keep_record(call, transcript, digest)

    async def voicemail(self, key: CallKey) -> None:
        """The words of a message left by a caller whom no agent had, and a draft from them.

        Raises:
            HotlineError: no file, no model, or Vosk ended again and again; the job is tried again.
        """
        async with self._database.unit_of_work() as uow:
            call = await _known(uow, key)
        if call.voicemail is None or call.agent_legs:
            return
        model = self._settings.second_pass_model or self._settings.model
        try:
            async with self._opened(key, call.voicemail) as folder:
                heard = await hear_message(folder, call, call.voicemail, model)
        except HotlineError:
            await self._draft_without_words(call)
            raise
        await self._keep_record(call, *heard)

    async def _heard_again(self, call: Call, recording: str) -> tuple[Transcript, str]:
        """What the recording says, and its digest."""
        async with self._opened(call.key, recording) as folder:
            return await self._heard_in(folder, call, recording)

    async def _heard_in(self, folder: Path, call: Call, recording: str) -> tuple[Transcript, str]:
        files = await asyncio.to_thread(wait_for_recording, folder, recording)
        began = call.notice_at or call.arrived_at
        missing_s = ((call.ended_at or began) - began).total_seconds() - files.caller_s
        if missing_s > SHORT_BY_S:
            log.error(
                "recording_short",
                missing_s=round(missing_s, 1),
                fix=f"make room for recordings in {files.caller.parent}",
            )
        transcript = await transcribe_legs(
            files.caller,
            files.heard,
            model=await asyncio.to_thread(recording_model, self._settings),
            agent_intervals=agent_intervals(call, began),
            offset_s=(began - call.arrived_at).total_seconds(),
        )
        digest = await asyncio.to_thread(audio_digest, (files.caller, files.heard))
        return transcript, digest

    async def _draft_without_words(self, call: Call) -> None:
        """Caller, line and time, until the call's words can be had: nobody who was answered is forgotten."""
        content = await asyncio.to_thread(self._content, call, Transcript((), "none: not heard"), ())
        async with self._database.unit_of_work() as uow:
            if await uow.drafts.latest(call.key) is None:
                await uow.drafts.put(call.key, 1, "live", {**content, "whole": False})
                await uow.notify("hotline_call", str(call.key))

    def _opened(self, key: CallKey, base: str) -> AbstractAsyncContextManager[Path]:
        """Where a recording of the call's PBX can be read, opened again when it is sealed.

        Raises ``PbxUnknown`` when that PBX is not configured any more.
        """
        folder = site_of(pbx_sites(self._settings, self._hotline), key.pbx_id).recordings
        return opened_again(self._database, folder, [base], self._settings.run)

    async def keep_findable(self) -> None:
        """Make calls findable whose words are there and are not in the index (that of a former version)."""
        while True:
            try:
                if done := await index_missing(self._database, self._names):
                    log.info("calls made findable", calls=done)
            except DatabaseAway:
                log.warning("index not looked at", fix="the database is away; it is tried again")
            await asyncio.sleep(INDEX_S)

    async def _keep_record(self, call: Call, transcript: Transcript, digest: str | None) -> None:
        earlier = await self._earlier(call)
        content = await asyncio.to_thread(self._content, call, transcript, earlier)
        words = await asyncio.to_thread(search_words, transcript, self._names)
        async with self._database.unit_of_work() as uow:
            await uow.transcripts.put(call.key, "record", transcript, audio_digest=digest)
            if transcript.turns:
                await make_findable(uow, call, "record", words)
            log_drift(call, await uow.live.segments_of(call.key), transcript)
            before = await uow.drafts.latest(call.key)
            if before is None:
                await uow.drafts.put(call.key, 1, "record", content)
            elif before.version == 1 and before.source == "live":
                if before.content.get("whole", True):
                    suggested = suggestions(before.content, content)
                    if suggested:
                        await uow.drafts.put(
                            call.key, 2, "live", {**before.content, "suggestions": suggested}
                        )
                else:
                    await uow.drafts.put(call.key, 2, "record", content)
            await uow.notify("hotline_call", str(call.key))

    async def _live_hearing(self, call: Call, agents: int | None = None) -> LiveHearing:
        """The live words, once every stream has said its last; of so many agents (default: the call's)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LAST_WORDS_S
        while True:
            async with self._database.unit_of_work() as uow:
                streams = await uow.live.streams_of(call.key)
                segments = await uow.live.segments_of(call.key)
            if all(stream.ended_at for stream in streams) or loop.time() > deadline:
                break
            await asyncio.sleep(POLL_S)
        heard = {
            leg: [segment.words for segment in segments if segment.leg is leg]
            for leg in (Leg.CALLER, Leg.AGENT)
        }
        model = next((stream.model for stream in streams if stream.model), "none")
        return LiveHearing(
            Transcript(merge_turns(heard), model),
            heard_whole(len(call.agent_legs) if agents is None else agents, streams),
        )

    async def _earlier(self, call: Call) -> tuple[EarlierTicket, ...]:
        """The caller's own tickets from before; none while the city's rules for tickets are wrong."""
        try:
            office = await asyncio.to_thread(self._offices.current)
        except HotlineError as problem:
            log.warning("draft without earlier tickets", call=str(call.key), problem=problem.error_id)
            return ()
        async with self._database.unit_of_work() as uow:
            return await earlier_tickets(uow, office, call)

    def _content(
        self, call: Call, transcript: Transcript, earlier: tuple[EarlierTicket, ...]
    ) -> dict[str, Any]:
        _, draft = self._drafted(call, transcript, earlier)
        content = {**draft_content(draft), "line": call.line, "turns": _turns(transcript)}
        return with_answers(content, call)

    def _drafted(
        self, call: Call, transcript: Transcript, earlier: tuple[EarlierTicket, ...]
    ) -> tuple[DraftInput, Draft]:
        words = DraftInput.from_transcript(
            str(call.key),
            call.arrived_at.astimezone(LOCAL),
            call.caller_number,
            transcript,
            dedicated_line=dedicated_line(call, self._hotline),
        )
        words = replace(words, answers=call.answers, earlier=earlier)
        draft = draft_call(words, self._city)
        return words, self._learned.second(draft, words) if self._learned else draft


def _learned(model: Path | None) -> Learned | None:
    """The city's own classifier, when it is switched on.

    Raises:
        ModelInvalid: the file is none.
    """
    return Learned.loads(model.read_text(encoding="utf-8")) if model else None


def _second_opinion(settings: Settings) -> SecondOpinion | None:
    """The language model in the house, when one is named."""
    if settings.second_opinion_url is None:
        return None
    key = settings.second_opinion_key
    return SecondOpinion(
        settings.second_opinion_url,
        settings.second_opinion_model,
        settings.second_opinion_timeout_s,
        key.get_secret_value() if key else None,
    )


async def _known(uow: UnitOfWork, key: CallKey) -> Call:
    call = await uow.calls.get(key)
    if call is None:
        raise CallUnknown(f"there is no call {key}", fix="hotline calls list shows the calls")
    return call


def agent_intervals(call: Call, began: datetime) -> list[tuple[float, float]]:
    """When an agent was bridged to the caller, in seconds from ``began``: only that is an agent's words.

    What else the caller hears (prompts, the queue's music, ringing between two agents) is nobody's words.
    Agents in turn have an interval each; those of a conference are joined.
    """
    joined: list[tuple[float, float]] = []
    for leg in sorted(call.agent_legs, key=lambda leg: leg.bridged_at):
        start_s = (leg.bridged_at - began).total_seconds()
        end_s = ((leg.left_at or call.ended_at or leg.bridged_at) - began).total_seconds()
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end_s, joined[-1][1]))
        else:
            joined.append((start_s, end_s))
    return [(max(0.0, start_s), end_s) for start_s, end_s in joined if end_s > max(0.0, start_s)]


def log_drift(call: Call, live: Sequence[LiveSegment], record: Transcript) -> None:
    """Tell how far the live words of each leg lie from the recording's, in milliseconds."""
    for leg in Leg:
        drift = drift_of(
            [word for segment in live if segment.leg is leg for word in segment.words],
            [word for turn in record.turns if turn.leg is leg for word in turn.words],
        )
        if drift is not None:
            log.info(
                "live drift",
                call=str(call.key),
                leg=leg.value,
                offset_ms=round(drift.offset_s * 1000),
                drift_ms=round(drift.drift_s * 1000),
                words=drift.words,
            )


def heard_whole(agents: int, streams: Sequence[LiveStreamRecord]) -> bool:
    """Whether each leg was heard by one stream from its bridge to its end.

    A leg that was tapped twice had a hole between the taps.
    """
    legs = [stream.leg for stream in streams]
    return (
        legs.count(Leg.CALLER) == 1
        and legs.count(Leg.AGENT) == agents
        and all(stream.ending == "closed" for stream in streams)
    )


def audio_digest(files: Sequence[Path]) -> str:
    """SHA-256 over the recordings of the legs, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def suggestions(before: Json, after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the second hearing sees otherwise: field to its value there."""
    found: dict[str, Any] = {}
    for name in SUGGESTED:
        old, new = _values(before.get(name)), _values(after.get(name))
        if new and old != new:
            found[name] = after[name]
    return found


def _values(field: Any) -> list[Any]:
    fields = field if isinstance(field, list) else [field]
    return [entry["value"] for entry in fields if entry and entry.get("value")]


def _turns(transcript: Transcript) -> list[dict[str, Any]]:
    return [
        {"leg": turn.leg, "text": turn.text, "start_s": turn.start_s, "end_s": turn.end_s}
        for turn in transcript.turns
    ]
