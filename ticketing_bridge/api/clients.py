"""Who asks: a client by its token, the role it acts in, the scopes that narrow it, how often it may come."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from facts.errors import HotlineError
from facts.gathering import Gathering
from ticketing_bridge.access import Permission, Person, role_named
from ticketing_bridge.api.problems import ApiProblem
from ticketing_bridge.store.api_repository import ApiClient
from ticketing_bridge.store.database import Database

#: requests whose tokens are looked up by one statement
TOGETHER = 64
#: every token of ours begins so: one that was lost is found by searching for it
PREFIX = "hotline_"


class Scope(StrEnum):
    """What a token is for. It never gives more than its role may do."""

    CALLS_READ = "calls:read"
    DRAFTS_READ = "drafts:read"
    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    UNITS_READ = "units:read"
    RATES_READ = "rates:read"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"


#: one of these the role must be allowed, too; none: every client with the scope
NEEDED: dict[Scope, tuple[Permission, ...]] = {
    Scope.CALLS_READ: (Permission.CALLS_SEE,),
    Scope.DRAFTS_READ: (Permission.CALLS_SEE,),
    Scope.TICKETS_READ: (Permission.TICKETS_SEE, Permission.TICKETS_OWN_UNIT),
    Scope.TICKETS_WRITE: (Permission.TICKETS_WORK, Permission.TICKETS_OWN_UNIT),
    Scope.UNITS_READ: (),
    Scope.RATES_READ: (Permission.RATE_SEE,),
    Scope.DELIVERIES_READ: (Permission.DELIVERY_SEE,),
    Scope.DELIVERIES_WRITE: (Permission.DELIVERY_RESEND,),
}


class ScopeUnknown(HotlineError):
    """There is no such scope."""

    error_id = "scope-unknown"


def scopes_named(names: Sequence[str]) -> tuple[Scope, ...]:
    """The scopes of these names. Raises ``ScopeUnknown`` naming those that there are."""
    try:
        return tuple(Scope(name) for name in names)
    except ValueError:
        raise ScopeUnknown(f"no such scope among {', '.join(names)}", fix="of " + ", ".join(Scope)) from None


def new_token() -> str:
    """A client's token; shown once."""
    return PREFIX + secrets.token_urlsafe(32)


@dataclass(slots=True)
class Allowance:
    """How often each client may come: a bucket that fills evenly, a minute's worth at most. In memory."""

    clock: Callable[[], float] = time.monotonic
    _left: dict[int, tuple[float, float]] = field(default_factory=dict)

    def wait_s(self, client: int, per_minute: int) -> float:
        """0 and one less when it may; else the seconds until it may."""
        now = self.clock()
        left, at = self._left.get(client, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * per_minute / 60)
        if left < 1:
            self._left[client] = (left, now)
            return (1 - left) * 60 / per_minute
        self._left[client] = (left - 1, now)
        return 0.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A client whose token is right, in a request that it may make."""

    client: ApiClient

    @property
    def person(self) -> Person:
        """The same as the services know people."""
        return Person(f"api:{self.client.name}", role_named(self.client.role), self.client.unit)

    def has(self, scope: Scope) -> bool:
        """Whether its token is for this, and its role may."""
        permitted = not NEEDED[scope] or any(self.person.may(it) for it in NEEDED[scope])
        return scope in self.client.scopes and permitted


def client_book(database: Database) -> Gathering[str, ApiClient | None]:
    """Looks up whose tokens are shown, as they are in the moment of the request."""

    async def look(tokens: Sequence[str]) -> Sequence[ApiClient | None]:
        async with database.unit_of_work() as uow:
            return await uow.api.by_tokens(tokens)

    return Gathering(look, most=TOGETHER, turns=2)


_bearer = HTTPBearer(auto_error=False, description="hotline api-clients add NAME makes a token")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hotline"'}


async def known_client(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    """The client of this request. Raises ``ApiProblem``: 401 without a good token, 429 too often."""
    if given is None:
        raise ApiProblem(401, "token-missing", headers=_CHALLENGE)
    client = None
    if given.credentials.startswith(PREFIX) and given.credentials.isascii():
        clients: Gathering[str, ApiClient | None] = request.app.state.clients
        client = await clients(given.credentials)
    if client is None or client.revoked_at is not None:
        raise ApiProblem(401, "token-unknown", headers=_CHALLENGE)
    now: datetime = request.app.state.now()
    if client.expires_at <= now:
        raise ApiProblem(401, "token-expired", "ask for a new one", headers=_CHALLENGE)
    allowance: Allowance = request.app.state.allowance
    if (wait_s := allowance.wait_s(client.id, client.per_minute)) > 0:
        raise ApiProblem(429, "too-often", headers={"Retry-After": str(math.ceil(wait_s))})
    return Caller(client)


@dataclass(frozen=True, slots=True)
class NeedsScope:
    """A dependency: a client with this scope whose role may. Tests read off it what a route asks."""

    scope: Scope

    async def __call__(self, caller: Annotated[Caller, Depends(known_client)]) -> Caller:
        if not caller.has(self.scope):
            raise ApiProblem(403, "scope-missing", f"this needs {self.scope}")
        return caller
