"""What must follow from a row: a draft and a transcript for an answered call, none for others; a draft for
one whose caller was reached when called back.
"""

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
from ticketing_bridge.demo.ledger import HAVE_WORDS, Ledger
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
    wanted = row.outcome in HAVE_WORDS
    drafts = ledger.drafts.get(key, [])
    transcript = ledger.transcripts.get(key)
    phoned = any(side.answered_at for side in played.phoned)
    if not phoned or wanted:  # by an agent, who has the draft; or by the robot, who has none
        found.same(Witness.DERIVED, "draft", wanted, bool(drafts))
    found.same(Witness.DERIVED, "transcript", wanted, transcript is not None)
    heard = _heard(row, watch)
    if transcript is not None and heard and transcript.audio_digest:
        now = _digest(*heard)
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


def _heard(row: Call, watch: RecordingWatch) -> tuple[Path, ...]:
    """The files that the transcript of record was made of."""
    if row.outcome is Outcome.VOICEMAIL and row.voicemail is not None:
        return watch.files(row.voicemail)[:1]
    return watch.files(row.recording)[1:] if row.recording is not None else ()


def _digest(*files: Path) -> str:
    try:
        return audio_digest(files)
    except OSError:
        return "a file is missing"


def _said(turns: Sequence[SaidTurn], who: Who) -> str:
    return "".join(plain(turn.text) for turn in turns if turn.who is who)
