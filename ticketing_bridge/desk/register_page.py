"""现场登记: a matter that somebody brings to the counter or the grid, on a telephone's screen."""

from __future__ import annotations

import re
import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from ticketing_bridge.delivery.inbound import source_of
from ticketing_bridge.desk.delivery_labels import delivery_labels
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, own_form
from ticketing_bridge.tickets import Caller, NewTicket, Texts, TicketExists, TicketService

_PHONE: Final = re.compile(r"\+?[0-9]{3,20}")
_EMPTY: Final = {
    "title": "", "content": "", "place": "", "purpose": "", "appeal": "", "name": "", "phone": "",
    "confidential": False, "anonymous": False,
}  # fmt: skip

router = APIRouter()


def _service(request: Request) -> TicketService:
    service: TicketService = request.app.state.api.state.tickets()
    return service


def _page(request: Request, *, status: int = 200, **more: Any) -> Response:
    names = delivery_labels()
    appeals = dict.fromkeys(it.appeal for it in _service(request).office.city.matters)
    context = {
        "form": _EMPTY,
        "problem": None,
        "taken": None,
        "once": secrets.token_urlsafe(12),
        "purposes": names.purposes,
        "appeals": list(appeals),
        **more,
    }
    return render_page(request, "register.html", status=status, place="register", **context)


@router.get("/register")
async def register_form(
    request: Request, visitor: SignedIn, taken: Annotated[str | None, Query(pattern=r"^[0-9]{8,20}$")] = None
) -> Response:
    """The form; after a matter was taken, its number above it."""
    return _page(request, taken=taken)


@router.post("/register", dependencies=[Depends(own_form)])
async def register(
    request: Request,
    visitor: SignedIn,
    content: Annotated[str, Form(max_length=8000)] = "",
    title: Annotated[str, Form(max_length=200)] = "",
    place: Annotated[str, Form(max_length=200)] = "",
    purpose: Annotated[str, Form(max_length=20)] = "",
    appeal: Annotated[str, Form(max_length=60)] = "",
    name: Annotated[str, Form(max_length=60)] = "",
    phone: Annotated[str, Form(max_length=30)] = "",
    once: Annotated[str, Form(max_length=40)] = "",
    confidential: Annotated[bool, Form()] = False,
    anonymous: Annotated[bool, Form()] = False,
) -> Response:
    """Take the matter; a form that is sent twice makes one ticket."""
    desk: Desk = request.app.state.desk
    names = delivery_labels()
    form = {
        "title": title, "content": content, "place": place, "purpose": purpose, "appeal": appeal,
        "name": name, "phone": phone, "confidential": confidential, "anonymous": anonymous,
    }  # fmt: skip
    number = re.sub(r"[ \-]", "", phone)
    if not (content.strip() and title.strip() and appeal and purpose in names.purposes):
        return _page(request, status=422, form=form, problem=names.register["missing"], once=once)
    if number and not _PHONE.fullmatch(number):
        return _page(request, status=422, form=form, problem=names.register["phone"], once=once)
    channel = names.register["channel"]
    new = NewTicket(
        channel=channel,
        purpose=purpose,
        appeal=appeal,
        texts=Texts(
            title=title.strip(), content=content.strip(), places=tuple(filter(None, (place.strip(),)))
        ),
        caller=Caller() if anonymous else Caller(name.strip() or None, number or None),
        source=source_of(channel, once) if once else None,
        confidential=confidential,
        anonymous=anonymous,
    )
    try:
        async with desk.database.unit_of_work() as uow:
            taken = (await _service(request).create(uow, visitor.person, new, desk.now())).number
    except TicketExists as there:
        taken = there.number
    return RedirectResponse(f"/register?taken={taken}", 303)
