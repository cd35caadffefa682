"""Who is at the door: sessions of requests that come in the same moment are asked for together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facts.gathering import Gathering
from ticketing_bridge.store import Database
from ticketing_bridge.store.records import Account

#: a session's token, and the call that the request is about
Knock = tuple[str, str | None]
#: requests that are looked up by one statement
TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Welcome:
    """Whose session it is, None: nobody's; and, when its call is secret, who took its tickets."""

    account: Account | None
    secret: Mapping[str, frozenset[str]]


def doorman(database: Database) -> Gathering[Knock, Welcome]:
    """Looks sessions up as they are in the moment of the request."""

    async def look(knocks: Sequence[Knock]) -> Sequence[Welcome]:
        tokens = [token for token, _ in knocks]
        async with database.unit_of_work() as uow:
            batch = uow.batch()
            found = uow.users.ask_sessions(batch, tokens)
            closed = uow.desk_tickets.ask_secret_calls(batch, [*{call for _, call in knocks if call}])
            await batch.send()
        secret = uow.desk_tickets.secret_of(closed)
        accounts = uow.users.accounts_of(found, tokens)
        return [
            Welcome(account, {call: secret[call]} if call in secret else {})
            for (_, call), account in zip(knocks, accounts, strict=True)
        ]

    return Gathering(look, most=TOGETHER, turns=2)
