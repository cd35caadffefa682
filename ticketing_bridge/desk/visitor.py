"""Who sends this request, and whether they may: the dependencies of every page that is not open to all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from pydantic_core import from_json

from ticketing_bridge.access import Permission, Person, role_named
from ticketing_bridge.desk.auth import SESSION_COOKIE, csrf_right, csrf_token
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.store.records import Account
from ticketing_bridge.tickets.views import may_know


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

    @property
    def person(self) -> Person:
        """The same as the services know people."""
        return Person(self.account.login, role_named(self.account.role), self.account.unit)

    def may(self, permission: Permission | str) -> bool:
        """Whether this kind of thing is theirs to do; templates name it by its value."""
        return self.person.may(Permission(permission))


class SignInFirst(Exception):
    """There is no session, or it is over."""


class NotAllowed(HTTPException):
    """This visitor's role may not do that."""

    def __init__(self) -> None:
        super().__init__(403)


async def signed_in(request: Request) -> Visitor:
    """The visitor, also kept as ``request.state.visitor``; raises ``SignInFirst`` when there is none.

    Of a request about one call ``request.state.secret_calls`` says whose secret it is: asked in the same way.
    """
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise SignInFirst
    desk: Desk = request.app.state.desk
    welcome = await desk.doorman((token, request.path_params.get("key")))
    if welcome.account is None:
        raise SignInFirst
    request.state.secret_calls = welcome.secret
    visitor = Visitor(welcome.account, token)
    request.state.visitor = visitor
    return visitor


#: for a route's parameter: who sends it
SignedIn = Annotated[Visitor, Depends(signed_in)]


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency: somebody signed in who may do one of these. Tests read off it what a route asks."""

    any_of: tuple[Permission, ...]

    async def __call__(self, visitor: SignedIn) -> Visitor:
        if not any(visitor.may(it) for it in self.any_of):
            raise NotAllowed
        return visitor


def needs(*any_of: Permission) -> Any:
    """For a route's ``dependencies``: only for people who may do one of these; 403 for others.

    >>> needs(Permission.AUDIT_SEE).dependency.any_of
    (<Permission.AUDIT_SEE: 'audit.see'>,)
    """
    return Depends(Needs(any_of))


async def still_welcome(desk: Desk, visitor: Visitor, call: str | None = None) -> bool:
    """Whether the session of an open stream still holds, with its role, and its call is still theirs."""
    welcome = await desk.doorman((visitor.token, call))
    account = welcome.account
    if account is None or (account.role, account.unit) != (visitor.account.role, visitor.account.unit):
        return False
    return call not in closed_to(visitor, welcome.secret)


def closed_to(visitor: Visitor, secret: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Which of these secret calls are not this visitor's; ``secret``: by call, who took its tickets."""
    return frozenset(call for call, takers in secret.items() if not may_know(visitor.person, takers))


async def readable_form(request: Request) -> None:
    """Refuse (422) a post that says NUL, which the database does not take."""
    if any("\0" in value for value in (await request.form()).values() if isinstance(value, str)):
        raise HTTPException(422)


async def own_form(request: Request) -> None:
    """Refuse (403) a post that does not come from a page of this session; (422) one that says NUL."""
    await readable_form(request)
    _own(request, (await request.form()).get("csrf"))


def _own(request: Request, sent: object) -> None:
    given = sent or request.headers.get("X-CSRF-Token")
    if not csrf_right(request.cookies.get(SESSION_COOKIE), str(given) if given else None):
        raise HTTPException(403)


async def own_fields(request: Request) -> dict[str, str]:
    """The fields of a form, or of a JSON object of texts, refused as ``own_form`` does.

    What many send in the same moment comes as JSON: a form is taken apart byte by byte in Python.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        await own_form(request)
        return {name: str(value) for name, value in (await request.form()).items()}
    try:
        fields = from_json(await request.body(), cache_strings="keys")
    except ValueError:
        raise HTTPException(422) from None
    if not isinstance(fields, dict) or not all(
        isinstance(it, str) and "\0" not in it for it in fields.values()
    ):
        raise HTTPException(422)
    _own(request, fields.get("csrf"))
    return fields
