"""A call's recording, for the ear: by ranges, and with a line in the audit log for every listener."""

from __future__ import annotations

import re
import time

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response, StreamingResponse

from config.sites import pbx_sites, site_of
from facts.call import Call
from facts.errors import HotlineError
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.visitor import SignedIn
from ticketing_bridge.recordings import OpenSound, open_sound

router = APIRouter()

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def began_s(call: Call) -> float:
    """Seconds from the call's arrival to the beginning of its recording."""
    return ((call.notice_at or call.arrived_at) - call.arrived_at).total_seconds()


@router.get("/calls/{key}/recording")
async def recording(request: Request, visitor: SignedIn, key: str) -> Response:
    """Both sides, mixed; 404 while the call is on or when there is no recording."""
    desk: Desk = request.app.state.desk
    call_key = parse_key(key)
    async with desk.database.unit_of_work() as uow:
        call = await uow.calls.get(call_key)
    if call is None or call.recording is None or call.ended_at is None:
        raise HTTPException(404)
    try:
        folder = site_of(pbx_sites(desk.settings, desk.hotline), call_key.pbx_id).recordings
        async with desk.database.unit_of_work() as uow:
            found = await open_sound(uow, folder, call.recording)
    except HotlineError:
        raise HTTPException(404) from None
    if found is None:
        raise HTTPException(404)
    if desk.hearings.is_new(visitor.token, str(call_key), time.monotonic()):
        async with desk.database.unit_of_work() as uow:
            await uow.audit.add(visitor.name, "recording-heard", subject=str(call_key), fields=["recording"])
    return _stretch(found, request.headers.get("range", ""))


def _stretch(sound: OpenSound, asked: str) -> Response:
    """All of it, or the one stretch that was asked for (RFC 9110, 14.2); several are answered with all."""
    headers = {"Content-Disposition": "inline", "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    span = _span(asked, sound.size)
    if span is not None and span[0] >= span[1]:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{sound.size}"})
    first, end = span or (0, sound.size)
    headers["Content-Length"] = str(end - first)
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{sound.size}"
    return StreamingResponse(
        sound.read(first, end), 206 if span is not None else 200, headers, media_type="audio/wav"
    )


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """First byte and end of the stretch; None: all."""
    wanted = _RANGE.fullmatch(asked.strip())
    if wanted is None or not any(wanted.groups()):
        return None
    first, last = wanted.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)
