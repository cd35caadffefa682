"""One call's page: what is known of it, and the fragments that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asr.text.differences import Difference, differences
from facts.call import Call
from facts.identity import CallKey
from facts.transcript import LiveText, Transcript
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.draft_view import DraftView, draft_view, evidence_of
from ticketing_bridge.desk.feed import LiveWords
from ticketing_bridge.desk.journey_view import journey_view
from ticketing_bridge.desk.views import call_view, timeline
from ticketing_bridge.desk.words_view import (
    Evidence,
    SaidView,
    live_turns,
    live_view,
    record_view,
    saying_view,
    snapped,
)
from ticketing_bridge.store.journey_records import Callback
from ticketing_bridge.store.records import DraftRecord, LiveSegment, StoredTranscript, TranscriptVersion
from ticketing_bridge.transcripts.city import CityNames
from ticketing_bridge.transcripts.reading import Reading, live_reading, reading

WORD_FRAGMENTS: Mapping[str, str] = {"said": "_said.html", "saying": "_saying.html"}
FRAGMENTS: Mapping[str, str] = {
    "facts": "_facts.html",
    "journey": "_journey.html",
    "timeline": "_timeline.html",
    "draft": "_draft.html",
    "record": "_record.html",
    "versions": "_versions.html",
    **WORD_FRAGMENTS,
}
#: how long after its end a call's page looks for the draft and the transcript by itself
WAITS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CallPage:
    """What the database knows of a call, as of one reading."""

    call: Call
    stored: tuple[LiveText, ...]
    live: Reading | None
    record: Reading | None
    draft: DraftRecord | None
    #: where the two hearings differ
    differences: tuple[Difference, ...] = ()
    #: which models have heard the call, the newest first
    versions: tuple[TranscriptVersion, ...] = ()
    #: what the caller is owed
    callback: Callback | None = None

    @property
    def key(self) -> str:
        return str(self.call.key)

    def waits_for_more(self, now: datetime) -> bool:
        """The call ended lately, with words, but its draft or transcript of record is not there yet."""
        if self.call.ended_at is None or not (self.call.answered_at or self.call.voicemail):
            return False
        return (self.draft is None or self.record is None) and now - self.call.ended_at < WAITS

    def context(self, desk: Desk) -> dict[str, Any]:
        """What the templates of the page want."""
        words = desk.feed.words(self.key)
        said, from_record = self._basis(words)
        evidence = snapped(evidence_of(self.draft.content) if self.draft else (), said)
        if from_record:
            basis = record_view(said, evidence, self.differences)
        else:
            basis = live_view(said, evidence, live=self.call.ended_at is None)
        return {
            "call": call_view(self.call, desk.hotline, desk.now()),
            "journey": journey_view(self.call, self.callback, desk.hotline),
            "timeline": timeline(self.call, desk.hotline),
            "said": basis,
            "record": self._record_beside(basis),
            "saying": saying_view(words) if self.call.ended_at is None else (),
            "draft": self._draft_view(basis, evidence),
            "versions": self.versions,
        }

    def fragments(self, desk: Desk) -> dict[str, str]:
        """All fragments of the page's stream, rendered."""
        return self._rendered(desk, FRAGMENTS)

    def word_fragments(self, desk: Desk) -> dict[str, str]:
        """Only what a new word changes."""
        return self._rendered(desk, WORD_FRAGMENTS)

    def _rendered(self, desk: Desk, templates: Mapping[str, str]) -> dict[str, str]:
        context = {**self.context(desk), "streaming": True}
        return {name: desk.templates.render(template, context) for name, template in templates.items()}

    def _basis(self, words: LiveWords) -> tuple[Reading, bool]:
        """The words that the draft's evidence points into, and whether they are of the record.

        Without a draft the best that there is.
        """
        ended = self.call.ended_at is not None
        from_record = self.draft.source == "record" if self.draft else ended
        if from_record and self.record and self.record.transcript.turns:
            return self.record, True
        if ended and self.live:
            return self.live, False
        return live_reading(Transcript(live_turns(self.stored, words), "")), False

    def _record_beside(self, basis: SaidView) -> SaidView | None:
        if self.record is None or not self.record.transcript.turns or basis.source == "record":
            return None
        return record_view(self.record, differences=self.differences)

    def _draft_view(self, basis: SaidView, evidence: tuple[Evidence, ...]) -> DraftView | None:
        return draft_view(self.draft, evidence, len(basis.turns)) if self.draft else None


async def load_call_page(desk: Desk, key: CallKey) -> CallPage | None:
    """Read a call, None when the ledger does not know it."""
    async with desk.database.unit_of_work() as uow:
        call = await uow.calls.get(key)
        if call is None:
            return None
        segments = await uow.live.segments_of(key)
        live = await uow.transcripts.get(key, "live")
        record = await uow.transcripts.get(key, "record")
        versions = await uow.transcripts.versions(key)
        draft = await uow.drafts.latest(key)
        owed = await uow.callbacks.of_call(str(key))
    names = (await desk.city()).names if live or record else None
    below = desk.settings.doubt_below
    page = CallPage(
        call, tuple(map(live_text, segments)), None, None, draft, versions=tuple(versions), callback=owed
    )
    return page if names is None else await asyncio.to_thread(_read, page, live, record, names, below)


def _read(
    page: CallPage,
    live: StoredTranscript | None,
    record: StoredTranscript | None,
    names: CityNames,
    doubt_below: float,
) -> CallPage:
    """The page with its transcripts made ready. Not for the event loop: a long call takes a while."""
    heard = reading(live.transcript, names, doubt_below) if live else None
    again = reading(record.transcript, names, doubt_below) if record else None
    unlike: tuple[Difference, ...] = ()
    if heard and again and again.transcript.turns:
        unlike = differences(heard.transcript, again.transcript)
    return replace(page, live=heard, record=again, differences=unlike)


def live_text(heard: LiveSegment) -> LiveText:
    """What was kept of a sentence, as it was heard."""
    return LiveText(
        call=heard.call,
        leg=heard.leg,
        segment=heard.segment,
        final=True,
        text=heard.text,
        start_s=heard.start_s,
        end_s=heard.end_s,
        words=heard.words,
        stream=heard.stream,
    )
