"""What must follow from a row: a draft and a transcript for an answered call, none for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facts.call import Call, Outcome
from facts.transcript import Leg
from telephony.simulation.play import PlayedCall, SaidTurn
from telephony.simulation.scenario import Who
from telephony.simulation.speech import plain
from ticketing_bridge.demo.findings import Comparison, Witness
from ticketing_bridge.demo.growing import RecordingWatch
from ticketing_bridge.demo.ledger import Ledger
from ticketing_bridge.demo.likeness import error_rate
from ticketing_bridge.words import audio_digest

_LEGS = {Leg.CALLER: Who.CITIZEN, Leg.AGENT: Who.AGENT}


@dataclass(frozen=True, slots=True)
class DerivedFacts:
    """What was derived from one call."""

    drafted: bool
    transcribed: bool
    cer: Mapping[str, float | None]
    #: seconds from the call's end to its first draft
    draft_s: float | None
    model: str


def compare_derived(
    row: Call, played: PlayedCall, ledger: Ledger, watch: RecordingWatch, found: Comparison
) -> DerivedFacts:
    """Draft and transcript against the row, the recording's digest against the transcript's."""
    key = str(row.key)
    answered = row.outcome is Outcome.ANSWERED
    drafts = ledger.drafts.get(key, [])
    transcript = ledger.transcripts.get(key)
    found.same(Witness.DERIVED, "draft", answered, bool(drafts))
    found.same(Witness.DERIVED, "transcript", answered, transcript is not None)
    if transcript is not None and row.recording is not None and transcript.audio_digest:
        _, caller, heard = watch.files(row.recording)
        now = _digest(caller, heard)
        found.same(Witness.RECORDING, "transcribed_digest", transcript.audio_digest[:16], now[:16])
    draft_s = None
    if drafts and row.ended_at is not None:
        first = min(draft.created_at for draft in drafts)
        draft_s = max(0.0, (first - row.ended_at).total_seconds())
    rates = (
        {}
        if transcript is None
        else {
            str(leg): error_rate(_said(played.said, who), plain(transcript.transcript.text(leg)))
            for leg, who in _LEGS.items()
        }
    )
    model = "" if transcript is None else transcript.model
    return DerivedFacts(bool(drafts), transcript is not None, rates, draft_s, model)


def _digest(*files: Path) -> str:
    try:
        return audio_digest(files)
    except OSError:
        return "a file is missing"


def _said(turns: Sequence[SaidTurn], who: Who) -> str:
    return "".join(plain(turn.text) for turn in turns if turn.who is who)
