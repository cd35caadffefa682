"""What the workplace's keys do to the call itself: transfer, three-way, emergency, pauses, protected ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import JSONResponse, Response

from facts.call_control import (
    CallControl,
    CloseKind,
    ControlRefusal,
    ControlRefused,
    Standing,
    Target,
    TargetKind,
)
from facts.identity import CallKey
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import SHEET_CHANNEL
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.wording import workplace_words
from ticketing_bridge.store.knowledge_records import FoundBy, PhoneFault
from ticketing_bridge.store.workplace_records import MarkKind, SheetState
from ticketing_bridge.workplace.form import YES
from ticketing_bridge.workplace.sheets import SheetClosed, finished, type_in

router = APIRouter()
CALLS = [Depends(own_form), needs(Permission.CALLS_TAKE)]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One key, pressed."""

    control: CallControl
    actor: str
    call: CallKey
    target: Target | None

    def whom(self) -> Target:
        if self.target is None:
            raise ControlRefused(ControlRefusal.NO_TARGET)
        return self.target


async def _transfer(asked: _Asked) -> None:
    """Warm: speak with the unit first; pressed again, hand the caller over."""
    now = await asked.control.standing(asked.call)
    if now is not None and now.standing in {Standing.CONSULT, Standing.THREE_WAY}:
        await asked.control.hand_over(asked.actor, asked.call)
    else:
        await asked.control.consult(asked.actor, asked.call, asked.whom())


async def _three_way(asked: _Asked) -> None:
    """All together; from a consultation those who are in it."""
    now = await asked.control.standing(asked.call)
    target = now.target if now is not None and now.standing is Standing.CONSULT else None
    await asked.control.three_way(asked.actor, asked.call, target or asked.whom())


async def _pause(asked: _Asked) -> None:
    """Recording and live words rest; pressed again, they go on."""
    now = await asked.control.standing(asked.call)
    if now is not None and now.paused:
        await asked.control.resume_recording(asked.actor, asked.call)
    else:
        await asked.control.pause_recording(asked.actor, asked.call)


async def _drop(asked: _Asked) -> None:
    await asked.control.drop_target(asked.actor, asked.call)


async def _resume(asked: _Asked) -> None:
    await asked.control.resume(asked.actor, asked.call)


async def _hang_up(asked: _Asked) -> None:
    await asked.control.hang_up(asked.actor, asked.call)


_DEEDS: Final[Mapping[str, Callable[[_Asked], Awaitable[None]]]] = {
    "transfer": _transfer,
    "three_way": _three_way,
    "emergency": _three_way,
    "pause": _pause,
    "drop": _drop,
    "resume": _resume,
    "hang_up": _hang_up,
}


def _office(request: Request) -> WorkplaceOffice:
    office: WorkplaceOffice = request.app.state.workplaces
    return office


def _refusal(refused: ControlRefused) -> Response:
    text = workplace_words().refusals[refused.kind]
    return JSONResponse({"text": text, "why": refused.kind.value}, 409)


@router.post("/desk/calls/{key}/control", dependencies=CALLS)
async def control(
    request: Request,
    visitor: SignedIn,
    key: str,
    do: Annotated[str, Form(max_length=20)],
    entry: Annotated[int, Form()] = 0,
    service: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """One deed; 409 with its reason in words when it is not done."""
    office, call = _office(request), parse_key(key)
    deed = _DEEDS.get(do)
    if deed is None:
        raise HTTPException(422)
    try:
        target = await _target(office, entry, service)
        await deed(_Asked(office.control, visitor.name, call, target))
    except ControlRefused as refused:
        if refused.kind in {ControlRefusal.BUSY, ControlRefusal.NO_ANSWER} and entry:
            await _not_reached(office, entry, refused.kind, visitor.name, str(call))
        return _refusal(refused)
    async with office.desk.database.unit_of_work() as uow:
        if do == "emergency":
            # an emergency is a fact of this call from now on, whatever the draft says
            for sheet in await uow.sheets.of_call(str(call)):
                if sheet.matter == 1 and sheet.state is SheetState.OPEN:
                    seen = sheet.version
                    await uow.sheets.save(type_in(sheet, "emergency", YES, seen=seen, by=visitor.name))
            await uow.audit.add(visitor.name, "emergency-joined", subject=str(call), fields=[service])
        await uow.notify(SHEET_CHANNEL, str(call))
    standing = await office.standing(call)
    return JSONResponse({"text": workplace_words().standings[standing.standing] if standing else ""})


async def _target(office: WorkplaceOffice, entry: int, service: str) -> Target | None:
    """Whom: an emergency service of the configuration, or a number of the phone book that may be given."""
    if service:
        known = any(it.id == service for it in office.desk.hotline.emergency)
        if not known:
            raise ControlRefused(ControlRefusal.NO_TARGET)
        return Target(TargetKind.EMERGENCY, service)
    if not entry:
        return None
    async with office.desk.database.unit_of_work() as uow:
        found = await uow.phones.get(entry)
    if found is None or found.text.closed:
        raise ControlRefused(ControlRefusal.NO_TARGET)
    return Target(TargetKind.UNIT, found.text.unit, found.text.number.partition("-")[0])


async def _not_reached(
    office: WorkplaceOffice, entry: int, why: ControlRefusal, login: str, call: str
) -> None:
    """The PBX could not reach a number: into tonight's list, unless it was only engaged."""
    if why is ControlRefusal.BUSY:
        return
    async with office.desk.database.unit_of_work() as uow:
        if found := await uow.phones.get(entry):
            await uow.phones.report(found, PhoneFault.NO_ANSWER, FoundBy.PBX, login, call=call)


@router.post("/desk/calls/{key}/tell", dependencies=CALLS)
async def tell_number(
    request: Request, visitor: SignedIn, key: str, entry: Annotated[int, Form()]
) -> Response:
    """The agent reads a number out: counted, and put on record with the call."""
    office, call = _office(request), parse_key(key)
    async with office.desk.database.unit_of_work() as uow:
        found = await uow.phones.get(entry)
        if found is None or found.text.closed:
            raise HTTPException(404)
        await uow.phones.was_told(entry)
        await uow.audit.add(visitor.name, "phone-number-told", subject=str(call), fields=[f"phone:{entry}"])
    return JSONResponse({"entry": entry})


@router.post("/desk/calls/{key}/mark", dependencies=CALLS)
async def mark(
    request: Request,
    visitor: SignedIn,
    key: str,
    kind: Annotated[MarkKind, Form()],
    undo: Annotated[bool, Form()] = False,
) -> Response:
    """First the scripted warning, then the protected end; sheets of such a call are no tickets.

    Nothing of it counts against the agent: the call is marked, not the agent's talk time or rating.
    """
    office, call = _office(request), parse_key(key)
    words = workplace_words()
    async with office.desk.database.unit_of_work() as uow:
        before = await uow.sheets.mark_of(str(call))
        if undo:
            await uow.sheets.unmark(str(call))
            await uow.notify(SHEET_CHANNEL, str(call))
            return JSONResponse({"text": ""})
        warned = before is not None and before.kind is kind and before.warned_at is not None
        if not warned:
            await uow.sheets.mark(str(call), kind, visitor.name, warned=True, ended=False)
            await uow.audit.add(visitor.name, f"call-{kind}-warned", subject=str(call))
            await uow.notify(SHEET_CHANNEL, str(call))
            return JSONResponse({"text": words.scripts[kind], "step": "warned"})
    refusal: ControlRefused | None = None
    try:
        await office.control.close(visitor.name, call, CloseKind(kind.value))
    except ControlRefused as refused:
        refusal = refused
        if refused.kind is not ControlRefusal.NO_CALL:
            return _refusal(refused)
    async with office.desk.database.unit_of_work() as uow:
        await uow.sheets.mark(str(call), kind, visitor.name, warned=True, ended=True)
        for sheet in await uow.sheets.of_call(str(call)):
            locked = await uow.sheets.get(sheet.call, sheet.matter, lock=True)
            try:
                if locked is not None:
                    await uow.sheets.save(
                        finished(locked, SheetState.DROPPED, office.desk.now(), ticket=None, entry=None)
                    )
            except SheetClosed:
                continue
        await uow.audit.add(visitor.name, f"call-{kind}-ended", subject=str(call))
        await uow.notify(SHEET_CHANNEL, str(call))
    text = words.refusals[refusal.kind] if refusal else words.done["dropped"]
    return JSONResponse({"text": text, "step": "ended", "next": "/desk?done=dropped"})
