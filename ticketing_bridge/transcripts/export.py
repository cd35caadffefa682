"""Handing transcripts out: masked unless somebody has a reason, and always on record."""

from __future__ import annotations

from collections.abc import Mapping

from asr.text.display import NO_NAMES, KeptNames
from asr.text.export import TranscriptFormat, export
from asr.text.words import masked
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg, Transcript
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.records import StoredTranscript

AUDIT_ACTION = "transcript-exported"


class NoTranscript(HotlineError):
    """There is no such transcript."""

    error_id = "no-transcript"
    exit_code = 1


async def exported(
    uow: UnitOfWork,
    call: CallKey,
    kind: str,
    model: str | None,
    *,
    actor: str,
    form: TranscriptFormat,
    reason: str | None = None,
) -> StoredTranscript:
    """One version of a call's transcript, with a line in the audit log that it was handed out.

    Args:
        uow: the transaction in which both are done.
        call: whose words.
        kind: ``record`` or ``live``.
        model: which version; None takes the newest.
        actor: who takes it.
        form: as what.
        reason: why the numbers in it are wanted; None when they are masked.

    Raises:
        NoTranscript: there is none of this kind and model.
    """
    if model is None:
        stored = await uow.transcripts.get(call, kind)
    else:
        stored = await uow.transcripts.of_model(call, kind, model)
    if stored is None:
        raise NoTranscript(
            f"call {call} has no transcript {kind}{f' of {model}' if model else ''}",
            fix=f"hotline calls show {call} --json lists its versions",
        )
    fields = [f"form={form.value}", f"kind={stored.kind}", f"model={stored.model}"]
    await uow.audit.add(actor, AUDIT_ACTION, subject=str(call), fields=fields, reason=reason)
    return stored


def document(
    transcript: Transcript,
    form: TranscriptFormat,
    legs: Mapping[str, str],
    names: KeptNames = NO_NAMES,
    *,
    full_numbers: bool = False,
) -> str:
    """The transcript written out, with what the legs are called here."""
    shown = transcript if full_numbers else masked(transcript)
    return export(shown, form, speakers={leg: legs[leg.value] for leg in Leg}, names=names)
