"""Who sends this request: the dependency of every page that is not open to all."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import HTTPException, Request

from ticketing_bridge.desk.auth import SESSION_COOKIE, csrf_right, csrf_token
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.store.records import Account


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person, with the token of this session."""

    account: Account
    token: str

    @property
    def name(self) -> str:
        return self.account.login

    @property
    def csrf(self) -> str:
        return csrf_token(self.token)


class SignInFirst(Exception):
    """There is no session, or it is over."""


async def signed_in(request: Request) -> Visitor:
    """The visitor, also kept as ``request.state.visitor``; raises ``SignInFirst`` when there is none."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise SignInFirst
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        account = await uow.users.by_session(token)
    if account is None:
        raise SignInFirst
    visitor = Visitor(account, token)
    request.state.visitor = visitor
    return visitor


async def still_signed_in(desk: Desk, visitor: Visitor) -> bool:
    """Whether the session of an open stream still holds."""
    async with desk.database.unit_of_work() as uow:
        return await uow.users.by_session(visitor.token) is not None


async def own_form(request: Request) -> None:
    """Refuse (403) a post that does not come from a page of this session."""
    form = await request.form()
    given = form.get("csrf") or request.headers.get("X-CSRF-Token")
    if not csrf_right(request.cookies.get(SESSION_COOKIE), str(given) if given else None):
        raise HTTPException(403)
