"""For each connector: what is sent for a delivery, decided before the attempt begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from config import delivery as config
from config.delivery import ConnectorBase, Sends
from facts.identity import CallKey
from ticketing_bridge.delivery.connectors import (
    Open311Connector,
    TicketConnector,
    WebhookConnector,
    ZammadConnector,
)
from ticketing_bridge.delivery.mapping import sms, zammad
from ticketing_bridge.delivery.outbound import OutboundTicket, Withheld, released, taken_away, wanted
from ticketing_bridge.delivery.problems import InDoubt, Refused, Unconfirmed
from ticketing_bridge.delivery.subjects import Tickets
from ticketing_bridge.delivery.wire import Wire
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.outbox_records import (
    AttemptResult,
    Delivery,
    DeliveryState,
    OutboxEntry,
    OutboxKind,
)
from ticketing_bridge.tickets.barring import REPORT


@dataclass(frozen=True, slots=True)
class Verdict:
    """It is not sent, now or at all; ``reason`` is a key of the page's labels."""

    state: DeliveryState
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What an attempt came to."""

    result: AttemptResult
    remote_id: str | None = None
    #: why, where no failure says it; a key of the page's labels
    reason: str | None = None


#: makes the attempt; told whether an earlier one is in doubt. Raises ``DeliveryFailed``
Sending = Callable[[bool], Awaitable[Sent]]

#: a ticket went to other units before it was delivered; it is sent when it comes back
NOT_THEIRS = "not_theirs"
NOT_YET = Verdict(DeliveryState.WAITING, "ticket_first")


class Sender(Protocol):
    """One connector's way of sending."""

    @property
    def setting(self) -> ConnectorBase:
        """What the city says of it."""
        ...

    @property
    def only_once(self) -> bool:
        """Nobody can tell whether something arrived: in doubt it is not sent again."""
        ...

    async def prepare(self, uow: UnitOfWork, it: Delivery, entry: OutboxEntry) -> Sending | Verdict:
        """Read what it is about and decide."""
        ...


class TicketSender:
    """Tickets and their changes."""

    only_once = False

    def __init__(self, setting: ConnectorBase, connector: TicketConnector, tickets: Tickets) -> None:
        self.setting, self.connector, self._tickets = setting, connector, tickets

    async def prepare(self, uow: UnitOfWork, it: Delivery, entry: OutboxEntry) -> Sending | Verdict:
        if it.kind is OutboxKind.WARNING:
            return await self._warning(uow, it, entry)
        ticket = await self._tickets.outbound(uow, it.subject)
        if ticket is None:
            return Verdict(DeliveryState.DROPPED, "gone")
        told = released(ticket, self.setting, REPORT)
        if isinstance(told, Withheld):
            return Verdict(DeliveryState.WITHHELD, told.value)
        if it.kind is OutboxKind.UPDATE:
            return await self._update(uow, it, told)
        return await self._handed_over(uow, it, told)

    async def _handed_over(self, uow: UnitOfWork, it: Delivery, told: OutboundTicket) -> Sending | Verdict:
        if told.withdrawn:
            return Verdict(DeliveryState.DROPPED, "withdrawn")
        if not wanted(self.setting, told):
            return self._search(it) if it.attempts else Verdict(DeliveryState.DROPPED, NOT_THEIRS)
        # a person who sends it again has looked
        own = (await uow.deliveries.attempts_of(it.id))[-it.tries :] if it.tries else []
        unsure = any(made.result in (None, AttemptResult.UNCERTAIN) for made in own)
        return self._creation(it, told, unsure)

    def _search(self, it: Delivery) -> Sending:
        """It has gone to others while nobody knew whether it arrived here: looked for, and made no more."""

        async def send(doubt: bool) -> Sent:
            found = await self._looked_for(it.subject, it.first_attempt_at or datetime.now(UTC))
            if found:
                return Sent(AttemptResult.FOUND, found)
            return Sent(AttemptResult.OVERTAKEN, reason=NOT_THEIRS)

        return send

    def _creation(self, it: Delivery, told: OutboundTicket, unsure: bool) -> Sending:
        key, since = told.number, it.first_attempt_at

        async def send(doubt: bool) -> Sent:
            if doubt and since is not None and (found := await self._looked_for(key, since)):
                return Sent(AttemptResult.FOUND, found)
            if unsure and await self.connector.shows_late(told):
                raise InDoubt("it may have been taken, and is shown later")
            began = datetime.now(UTC)
            try:
                return Sent(AttemptResult.ACCEPTED, await self.connector.create(key, told))
            except (Refused, Unconfirmed):
                # some refuse what they have already ("base is a duplicate"); some answer with another's id
                if found := await self.connector.find(key, since or began):
                    return Sent(AttemptResult.FOUND, found)
                raise

        return send

    async def _looked_for(self, key: str, since: datetime) -> str | None:
        """Search; that it is not there is believed when two searches say so: it would be made twice."""
        return await self.connector.find(key, since) or await self.connector.find(key, since)

    async def _update(self, uow: UnitOfWork, it: Delivery, told: OutboundTicket) -> Sending | Verdict:
        made = await uow.deliveries.ticket_at(it.subject, it.connector)
        if made is None or made.state in {DeliveryState.WITHHELD, DeliveryState.DROPPED}:
            return Verdict(DeliveryState.DROPPED, "ticket_not_there")
        if await uow.deliveries.overtaken(it):
            return Verdict(DeliveryState.DROPPED, "overtaken")
        remote_id = made.remote_id
        if made.state is not DeliveryState.DELIVERED or remote_id is None:
            return NOT_YET

        if not wanted(self.setting, told):
            told = taken_away(told)

        async def send(doubt: bool) -> Sent:
            await self.connector.update(remote_id, it.key, told, doubt=doubt)
            return Sent(AttemptResult.ACCEPTED, remote_id)

        return send

    async def _warning(self, uow: UnitOfWork, it: Delivery, entry: OutboxEntry) -> Sending | Verdict:
        connector = self.connector
        if not isinstance(connector, WebhookConnector):
            return Verdict(DeliveryState.DROPPED, "not_for_this")
        ticket = await self._tickets.outbound(uow, it.subject)
        told = released(ticket, self.setting, REPORT) if ticket else None
        if isinstance(told, Withheld):
            return Verdict(DeliveryState.WITHHELD, told.value)
        content = {
            "kind": it.kind.value, "ticket": {"number": it.subject}, "warning": dict(entry.payload),
        }  # fmt: skip

        async def send(doubt: bool) -> Sent:
            await connector.send(it.key, content)
            return Sent(AttemptResult.ACCEPTED)

        return send


class SmsSender:
    """Messages to phones."""

    def __init__(self, setting: config.Sms, token: str, wire: Wire, tickets: Tickets, house: str) -> None:
        self.setting = setting
        self.only_once = not setting.idempotent
        self._wire, self._tickets, self._house = wire, tickets, house
        self._headers = {setting.header: setting.header_value.format(token=token)} if setting.token else {}

    async def prepare(self, uow: UnitOfWork, it: Delivery, entry: OutboxEntry) -> Sending | Verdict:
        found = await self._addressee(uow, it, entry)
        if isinstance(found, Verdict):
            return found
        phone, values = found
        content = sms.fields(
            self.setting, Sends(it.kind.value), phone, it.key, {"name": self._house, **values}
        )

        async def send(doubt: bool) -> Sent:
            as_form = {"form": content} if self.setting.form else {"json": content}
            given: dict[str, Any] = as_form
            answer = await self._wire.ask("POST", self.setting.url, headers=self._headers, **given)
            return Sent(AttemptResult.ACCEPTED, sms.read_sent(answer.body, self.setting))

        return send

    async def _addressee(
        self, uow: UnitOfWork, it: Delivery, entry: OutboxEntry
    ) -> tuple[str, Mapping[str, str]] | Verdict:
        values: Mapping[str, str] = {}
        if it.kind is OutboxKind.WARNING:
            number = entry.payload.get("mobile")
            values = {name: str(value) for name, value in entry.payload.items() if name != "mobile"}
        elif it.kind is OutboxKind.MISSED_CALL:
            call = await uow.calls.get(CallKey.parse(it.subject))
            number = call.caller_number if call else None
        else:
            ticket = await self._tickets.outbound(uow, it.subject)
            if ticket is None:
                return Verdict(DeliveryState.DROPPED, "gone")
            if ticket.anonymous or (ticket.confidential and not self.setting.confidential):
                return Verdict(DeliveryState.WITHHELD, Withheld.CONFIDENTIAL.value)
            who = await self._tickets.reporter(uow, it.subject)
            number = who.phone if who else None
            # a title may say what nobody else shall read on a screen that lies on a table
            values = {"number": ticket.number, "unit": ticket.unit or "", "title": ticket.title}
        phone = sms.mobile(number if isinstance(number, str) else None)
        return (phone, values) if phone else Verdict(DeliveryState.DROPPED, "no_mobile")


class CtiSender:
    """Events of calls for a screen: of no use when they are late."""

    only_once = False

    def __init__(
        self,
        setting: config.ZammadCti,
        token: str,
        wire: Wire,
        agents: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self.setting = setting
        self._wire, self._agents, self._now = wire, agents, now
        self._url = f"{setting.url}/api/v1/cti/{token}"

    async def prepare(self, uow: UnitOfWork, it: Delivery, entry: OutboxEntry) -> Sending | Verdict:
        if (self._now() - entry.at).total_seconds() > self.setting.fresh_s:
            return Verdict(DeliveryState.DROPPED, "too_late")
        call = await uow.calls.get(CallKey.parse(it.subject))
        if call is None:
            return Verdict(DeliveryState.DROPPED, "gone")
        body = zammad.cti_event(call, str(entry.payload["event"]), self._agents)

        async def send(doubt: bool) -> Sent:
            try:
                await self._wire.ask("POST", self._url, json=body)
            except Refused as refused:
                # a call stands in the caller log once: an earlier attempt has brought it there
                if doubt and refused.status == 422:
                    return Sent(AttemptResult.FOUND)
                raise
            return Sent(AttemptResult.ACCEPTED)

        return send


def ticket_connector(
    setting: config.Open311 | config.Zammad | config.Webhook,
    secrets: Mapping[str, str],
    wire: Wire,
    now: Callable[[], datetime],
) -> TicketConnector:
    """The connector that a setting names."""
    if isinstance(setting, config.Open311):
        return Open311Connector(setting, secrets, wire, now)
    if isinstance(setting, config.Zammad):
        return ZammadConnector(setting, secrets, wire)
    return WebhookConnector(setting, secrets, wire)
