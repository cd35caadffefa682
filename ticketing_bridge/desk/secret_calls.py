"""Calls of confidential tickets, and what is phoned for them: for who took the ticket, and who may know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import HTTPException, Request

from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.visitor import NotAllowed, SignedIn, Visitor, closed_to
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.tickets.views import may_know

#: the pages of one call: each look at them is a line of the audit log
_PAGES = frozenset({"/calls/{key}", "/desk/calls/{key}"})
#: and their streams: whoever follows one is on record once a session, however often a page connects again
_STREAMS = frozenset({"/events/calls/{key}", "/events/desk/calls/{key}"})


async def keeps_secrets(request: Request, visitor: SignedIn) -> None:
    """For every route about one call: refused (403) when its caller is not this visitor's to know.

    Raises:
        NotAllowed: and the attempt is on record.
    """
    given = request.path_params.get("key")
    if given is None:
        return
    key = str(parse_key(given))
    if key != given:  # it was asked of the address as it stands there
        raise HTTPException(404)
    desk: Desk = request.app.state.desk
    secret: Mapping[str, frozenset[str]] = request.state.secret_calls
    allowed = key not in closed_to(visitor, secret)
    path = getattr(request.scope.get("route"), "path", "")
    follows = (visitor.csrf, path, key) if path in _STREAMS else None
    look = _look(request, path, desk, follows) if allowed else "refused"
    if look:
        kind = "confidential" if allowed and key in secret else "call"
        fields = ["words", "draft"] if allowed else []
        async with desk.database.unit_of_work() as uow:
            await uow.audit.add(visitor.name, f"{kind}-{look}", subject=key, fields=fields)
    if not allowed:
        raise NotAllowed
    if follows is not None:
        desk.followed.add(follows)


def _look(request: Request, path: str, desk: Desk, follows: tuple[str, str, str] | None) -> str:
    """What of this request is to be on record; empty: nothing, or it is already."""
    if follows is not None:
        return "" if follows in desk.followed else "followed"
    return "viewed" if path in _PAGES and request.method == "GET" else ""


async def closed_calls(uow: UnitOfWork, visitor: Visitor, calls: Iterable[str]) -> frozenset[str]:
    """Calls that are left out of this visitor's lists and answers."""
    return closed_to(visitor, await uow.desk_tickets.secret_calls([*calls]))


async def keeps_callback_secret(request: Request, visitor: SignedIn, callback_id: int) -> None:
    """For every route about one call-back: refused when it is owed to the caller of a confidential ticket.

    Raises:
        NotAllowed: and the attempt is on record.
    """
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        owed = await uow.callbacks.get(callback_id)
        closed = bool(owed and owed.call and await closed_calls(uow, visitor, [owed.call]))
        if closed:
            await uow.audit.add(visitor.name, "callback-refused", subject=f"callback:{callback_id}")
    if closed:
        raise NotAllowed


async def keeps_follow_up_secret(request: Request, visitor: SignedIn, task_id: int) -> None:
    """For the number of a follow-up: that of a confidential ticket is for who took it, and who may know.

    Raises:
        NotAllowed: and the attempt is on record.
    """
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        task = await uow.follow_ups.get(task_id)
        closed = False
        if task is not None and task.confidential:
            row = await uow.desk_tickets.get(task.ticket)
            closed = not may_know(visitor.person, [row.body["received_by"]] if row else [])
            if closed:
                await uow.audit.add(visitor.name, "number-refused", subject=task.ticket)
    if closed:
        raise NotAllowed
