"""One call's page: what is known of it, and the fragments that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from facts.call import Call
from facts.identity import CallKey
from facts.transcript import LiveText, Transcript
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.draft_view import DraftView, draft_view, evidence_of
from ticketing_bridge.desk.feed import LiveWords
from ticketing_bridge.desk.views import call_view, timeline
from ticketing_bridge.desk.words_view import (
    Evidence,
    SaidView,
    live_turns,
    live_view,
    record_view,
    saying_view,
)
from ticketing_bridge.store.records import DraftRecord, LiveSegment, StoredTranscript

WORD_FRAGMENTS: Mapping[str, str] = {"said": "_said.html", "saying": "_saying.html"}
FRAGMENTS: Mapping[str, str] = {
    "facts": "_facts.html",
    "timeline": "_timeline.html",
    "draft": "_draft.html",
    "record": "_record.html",
    **WORD_FRAGMENTS,
}
#: how long after its end a call's page looks for the draft and the transcript by itself
WAITS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CallPage:
    """What the database knows of a call, as of one reading."""

    call: Call
    stored: tuple[LiveText, ...]
    live: Transcript | None
    record: Transcript | None
    draft: DraftRecord | None

    @property
    def key(self) -> str:
        return str(self.call.key)

    def waits_for_more(self, now: datetime) -> bool:
        """The call ended lately and was answered, but its draft or transcript of record is not there yet."""
        if self.call.ended_at is None or self.call.answered_at is None:
            return False
        return (self.draft is None or self.record is None) and now - self.call.ended_at < WAITS

    def context(self, desk: Desk) -> dict[str, Any]:
        """What the templates of the page want."""
        words = desk.feed.words(self.key)
        evidence = evidence_of(self.draft.content) if self.draft else ()
        basis = self._basis(words, evidence)
        return {
            "call": call_view(self.call, desk.hotline, desk.now()),
            "timeline": timeline(self.call, desk.hotline),
            "said": basis,
            "record": self._record_beside(basis),
            "saying": saying_view(words) if self.call.ended_at is None else (),
            "draft": self._draft_view(basis, evidence),
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

    def _basis(self, words: LiveWords, evidence: tuple[Evidence, ...]) -> SaidView:
        """The words that the draft's evidence points into; without a draft the best that there is."""
        ended = self.call.ended_at is not None
        from_record = self.draft.source == "record" if self.draft else ended
        if from_record and self.record and self.record.turns:
            return record_view(self.record, evidence)
        if ended and self.live:
            return live_view(self.live.turns, evidence, live=False)
        return live_view(live_turns(self.stored, words), evidence, live=not ended)

    def _record_beside(self, basis: SaidView) -> SaidView | None:
        if self.record is None or not self.record.turns or basis.source == "record":
            return None
        return record_view(self.record)

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
        draft = await uow.drafts.latest(key)
    return CallPage(call, tuple(map(_live_text, segments)), _content(live), _content(record), draft)


def _content(stored: StoredTranscript | None) -> Transcript | None:
    return stored.transcript if stored else None


def _live_text(heard: LiveSegment) -> LiveText:
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
