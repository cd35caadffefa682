"""A call's recording, for the ear: by ranges, and with a line in the audit log for every listener."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import FileResponse, Response

from config.sites import pbx_sites, site_of
from facts.call import Call
from facts.errors import HotlineError
from telephony.recordings import find_recording
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.visitor import Visitor, signed_in

router = APIRouter()


def began_s(call: Call) -> float:
    """Seconds from the call's arrival to the beginning of its recording."""
    return ((call.notice_at or call.arrived_at) - call.arrived_at).total_seconds()


@router.get("/calls/{key}/recording")
async def recording(request: Request, visitor: Annotated[Visitor, Depends(signed_in)], key: str) -> Response:
    """Both sides, mixed; 404 while the call is on or when there is no recording."""
    desk: Desk = request.app.state.desk
    call_key = parse_key(key)
    async with desk.database.unit_of_work() as uow:
        call = await uow.calls.get(call_key)
    if call is None or call.recording is None or call.ended_at is None:
        raise HTTPException(404)
    try:
        folder = site_of(pbx_sites(desk.settings, desk.hotline), call_key.pbx_id).recordings
        found = await asyncio.to_thread(find_recording, folder, call.recording)
    except HotlineError:
        raise HTTPException(404) from None
    if found is None:
        raise HTTPException(404)
    if desk.hearings.is_new(visitor.token, str(call_key), time.monotonic()):
        async with desk.database.unit_of_work() as uow:
            await uow.audit.add(visitor.name, "recording-heard", subject=str(call_key), fields=["recording"])
    return FileResponse(found.mixed, media_type="audio/wav", headers={"Content-Disposition": "inline"})
