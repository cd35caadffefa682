"""Transcripts to take away. Numbers are masked; every download is on record."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from asr.text.export import TranscriptFormat
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.visitor import SignedIn
from ticketing_bridge.transcripts.export import NoTranscript, document, exported

MEDIA_TYPES = {
    TranscriptFormat.JSON: "application/json",
    TranscriptFormat.TEXT: "text/plain; charset=utf-8",
    TranscriptFormat.SRT: "application/x-subrip; charset=utf-8",
    TranscriptFormat.VTT: "text/vtt; charset=utf-8",
}
SUFFIXES = {TranscriptFormat.TEXT: "txt"}

router = APIRouter()


@router.get("/calls/{key}/transcript.{form}")
async def transcript(
    request: Request,
    visitor: SignedIn,
    key: str,
    form: TranscriptFormat,
    kind: Annotated[str, Query(max_length=20)] = "record",
    model: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """One version of a call's transcript as a file."""
    desk: Desk = request.app.state.desk
    call = parse_key(key)
    names = (await desk.city()).names.kept
    try:
        async with desk.database.unit_of_work() as uow:
            stored = await exported(uow, call, kind, model, actor=visitor.name, form=form)
    except NoTranscript:
        raise HTTPException(404) from None
    text = await asyncio.to_thread(document, stored.transcript, form, labels().legs, names)
    file = f"{call}-{stored.kind}.{SUFFIXES.get(form, form.value)}".replace(":", "_")
    return Response(
        text,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )
