"""Connectors at work: values to requests and back; what was answered is read back before it is believed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from config import delivery as config
from ticketing_bridge.delivery.mapping import open311, webhook, zammad
from ticketing_bridge.delivery.mapping.remote import RemoteTicket, the_one
from ticketing_bridge.delivery.outbound import OutboundTicket
from ticketing_bridge.delivery.problems import InDoubt, Refused, Unconfirmed
from ticketing_bridge.delivery.wire import Wire

#: a service of type batch answers with a token; it stands for the id until there is one
TOKEN = "token:"
#: searches are narrowed by halves at most so often
_DEEPEST = 8


class TicketConnector(Protocol):
    """A system that takes tickets. Every method raises ``DeliveryFailed`` when it cannot know."""

    async def find(self, key: str, first_attempt_at: datetime) -> str | None:
        """The id under which something of this key is there; None: it is surely not."""
        ...

    async def shows_late(self, ticket: OutboundTicket) -> bool:
        """Whether it may have taken this ticket although ``find`` does not show it yet."""
        ...

    async def create(self, key: str, ticket: OutboundTicket) -> str:
        """Hand a ticket over; the id that was read back with our key on it.

        Raises ``Unconfirmed`` when an id was given and what stands under it is not ours.
        """
        ...

    async def update(self, remote_id: str, key: str, ticket: OutboundTicket, *, doubt: bool) -> None:
        """Tell that it has changed; ``doubt``: this change may be there already, look first."""
        ...

    async def state(self, remote_id: str, key: str) -> RemoteTicket:
        """How it stands there."""
        ...


class Open311Connector:
    """GeoReport v2. It has no changes from our side: they stay here."""

    def __init__(
        self, setting: config.Open311, secrets: Mapping[str, str], wire: Wire, now: Callable[[], datetime]
    ) -> None:
        self._setting, self._wire, self._now = setting, wire, now
        self._api_key = secrets[setting.api_key]

    async def find(self, key: str, first_attempt_at: datetime) -> str | None:
        start, end = open311.window(first_attempt_at, self._now())
        rows = await self._between(start, end, 0)
        for remote_id in the_one(rows, key):
            if await self._is_there(remote_id, key):
                return remote_id
        if any(it.key == key for it in rows):
            raise InDoubt("what was found is not there when it is asked for")
        return None

    async def _between(self, start: datetime, end: datetime, depth: int) -> Sequence[RemoteTicket]:
        rows = await self._rows("requests", {"start_date": _w3(start), "end_date": _w3(end)})
        if len(rows) < open311.MOST_ROWS:
            return rows
        halves = open311.halves(start, end)
        if halves is None or depth >= _DEEPEST:
            raise InDoubt("more requests than the other side shows")
        first, middle, last = halves
        return [*await self._between(first, middle, depth + 1), *await self._between(middle, last, depth + 1)]

    async def _is_there(self, remote_id: str, key: str) -> bool:
        try:
            rows = await self._rows(f"requests/{quote(remote_id, safe='')}", {})
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return [(it.id, it.key) for it in rows] == [(remote_id, key)]

    async def shows_late(self, ticket: OutboundTicket) -> bool:
        try:
            body = await self._asked("services", {})
        except Refused:
            return False  # it has no list of services
        kinds = open311.read_kinds(body, self._setting.format)
        return kinds.get(open311.service_code(ticket, self._setting)) in open311.LATE

    async def create(self, key: str, ticket: OutboundTicket) -> str:
        form = open311.request_form(ticket, key, self._setting, self._api_key)
        try:
            answer = await self._wire.ask("POST", self._url("requests"), form=form)
        except Refused as refused:
            # 400 is the standard's word for every failure within, too: "CRM is down"
            if refused.status == 400:
                raise InDoubt("answered 400", status=400) from None
            raise
        request_id, token = open311.read_created(answer.body, self._setting.format)
        if request_id is None:
            return TOKEN + str(token)
        if not await self._is_there(request_id, key):
            raise Unconfirmed(f"{request_id} was answered and does not carry our key")
        return request_id

    async def update(self, remote_id: str, key: str, ticket: OutboundTicket, *, doubt: bool) -> None:
        """Nothing: GeoReport v2 has no way to say it."""

    async def state(self, remote_id: str, key: str) -> RemoteTicket:
        if remote_id.startswith(TOKEN):
            return await self._of_token(remote_id, key)
        rows = await self._rows(f"requests/{quote(remote_id, safe='')}", {})
        if [it.id for it in rows] != [remote_id]:
            raise InDoubt("the answer is about something else")
        return _ours(rows[0], remote_id, key)

    async def _of_token(self, remote_id: str, key: str) -> RemoteTicket:
        try:
            rows = await self._rows(f"tokens/{quote(remote_id.removeprefix(TOKEN), safe='')}", {})
        except Refused as refused:
            if refused.status != 404:
                raise
            rows = []
        if len(rows) > 1:
            raise InDoubt("a token with several requests")
        if not rows:
            return RemoteTicket(remote_id, key)
        if not await self._is_there(rows[0].id, key):
            raise InDoubt("the token leads to something else")
        return await self.state(rows[0].id, key)

    async def _rows(self, path: str, params: dict[str, str]) -> list[RemoteTicket]:
        return open311.read_requests(await self._asked(path, params), self._setting.format)

    async def _asked(self, path: str, params: dict[str, str]) -> bytes:
        if self._setting.jurisdiction:
            params["jurisdiction_id"] = self._setting.jurisdiction
        return (await self._wire.ask("GET", self._url(path), params=params)).body

    def _url(self, path: str) -> str:
        return f"{self._setting.url}/{path}.{self._setting.format}"


class ZammadConnector:
    """Tickets of a Zammad."""

    def __init__(self, setting: config.Zammad, secrets: Mapping[str, str], wire: Wire) -> None:
        self._setting, self._wire = setting, wire
        self._headers = {"Authorization": f"Token token={secrets[setting.token]}"}
        self._tickets = f"{setting.url}/api/v1/tickets"

    async def find(self, key: str, first_attempt_at: datetime) -> str | None:
        found = the_one([*await self._in_database(key), *await self._in_index(key)], key)
        for remote_id in found:
            try:
                if (await self.state(remote_id, key)).key == key:
                    return remote_id
            except Refused as refused:
                if refused.status != 404:
                    raise
        if found:
            raise InDoubt("what was found is not there when it is asked for")
        return None

    async def _in_database(self, key: str) -> Sequence[RemoteTicket]:
        """What the database finds, which knows at once what was made; old releases cannot be asked so."""
        try:
            return await self._searched("POST", {}, json=zammad.search_condition(key, self._setting))
        except Refused:
            return []

    async def _in_index(self, key: str) -> Sequence[RemoteTicket]:
        """What Elasticsearch finds, which knows a while later what was made."""
        return await self._searched("GET", {"query": zammad.search_query(key, self._setting)})

    async def _searched(
        self, method: str, params: dict[str, str], json: Any = None
    ) -> Sequence[RemoteTicket]:
        params |= {"limit": "50", "expand": "true"}
        answer = await self._ask(method, f"{self._tickets}/search", params=params, json=json)
        return zammad.read_found(answer, self._setting)

    async def shows_late(self, ticket: OutboundTicket) -> bool:
        return False

    async def create(self, key: str, ticket: OutboundTicket) -> str:
        answer = await self._ask("POST", self._tickets, json=zammad.create_body(ticket, key, self._setting))
        made = zammad.read_one(answer, self._setting)
        shown = await self._shown(made.id)
        if (shown.id, shown.key) != (made.id, key):
            raise Unconfirmed(f"{made.id} was answered and does not carry our key")
        return shown.id

    async def update(self, remote_id: str, key: str, ticket: OutboundTicket, *, doubt: bool) -> None:
        articles = f"{self._setting.url}/api/v1/ticket_articles/by_ticket/{quote(remote_id, safe='')}"
        if not (doubt and zammad.has_update(await self._ask("GET", articles), key)):
            await self._ask("PUT", self._url(remote_id), json=zammad.update_body(ticket, key))

    async def state(self, remote_id: str, key: str) -> RemoteTicket:
        return _ours(await self._shown(remote_id), remote_id, key)

    async def _shown(self, remote_id: str) -> RemoteTicket:
        answer = await self._ask("GET", self._url(remote_id), params={"expand": "true"})
        return zammad.read_one(answer, self._setting)

    def _url(self, remote_id: str) -> str:
        return f"{self._tickets}/{quote(remote_id, safe='')}"

    async def _ask(
        self, method: str, url: str, *, params: dict[str, str] | None = None, json: Any = None
    ) -> bytes:
        return (await self._wire.ask(method, url, params=params, json=json, headers=self._headers)).body


class WebhookConnector:
    """A system of the city's own, which knows a key again; asked by ``lookup`` where it can be."""

    def __init__(
        self,
        setting: config.Webhook,
        secrets: Mapping[str, str],
        wire: Wire,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._setting, self._wire, self._clock = setting, wire, clock
        self._secret = secrets[setting.secret]

    async def find(self, key: str, first_attempt_at: datetime) -> str | None:
        if self._setting.lookup is None:
            return None
        try:
            first, again = (await self.state("", key)).id, (await self.state("", key)).id
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return _agreed(first, again)

    async def shows_late(self, ticket: OutboundTicket) -> bool:
        return False

    async def create(self, key: str, ticket: OutboundTicket) -> str:
        answer = await self.send(key, webhook.message("ticket", ticket))
        made = webhook.read_receipt(answer, key)
        if self._setting.lookup is None:
            return made.id
        return _agreed(made.id, (await self.state("", key)).id)

    async def update(self, remote_id: str, key: str, ticket: OutboundTicket, *, doubt: bool) -> None:
        await self.send(key, webhook.message("update", ticket) | {"id": remote_id})

    async def send(self, key: str, content: Any) -> bytes:
        """Post one signed message."""
        body = json.dumps(content, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        headers |= webhook.signed_headers(self._secret, int(self._clock()), key, body)
        return (await self._wire.ask("POST", self._setting.url, body=body, headers=headers)).body

    async def state(self, remote_id: str, key: str) -> RemoteTicket:
        if self._setting.lookup is None:
            raise Refused("states come by webhook: no lookup is configured")
        headers = webhook.signed_headers(self._secret, int(self._clock()), key, b"")
        url = f"{self._setting.lookup}/{quote(key, safe='')}"
        shown = webhook.read_receipt((await self._wire.ask("GET", url, headers=headers)).body, key)
        if remote_id and shown.id != remote_id:
            raise InDoubt("the answer is about something else")
        return shown


def _ours(shown: RemoteTicket, remote_id: str, key: str) -> RemoteTicket:
    """What is shown under an id that is known to be ours; people there may have removed our key.

    Raises ``InDoubt`` when it is another ticket's.
    """
    if shown.id != remote_id or shown.key not in {key, None}:
        raise InDoubt("the answer is about something else")
    return shown


def _agreed(said: str, again: str) -> str:
    """An id that was told twice. Raises ``InDoubt`` when the two differ."""
    if said != again:
        raise InDoubt("told two ids for one key")
    return said


def _w3(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
