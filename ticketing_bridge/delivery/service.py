"""Deliveries at work: entries are given to connectors, sent until they are there, and asked about afterwards.

An attempt is written down before it begins. Whoever comes after a worker that died in one knows that it is
in doubt, waits until nothing of it can still be under way, and searches before it sends again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from config.delivery import (
    ConnectorBase,
    DeliveryConfig,
    Open311,
    Sends,
    Sms,
    Webhook,
    Zammad,
    ZammadCti,
)
from ticketing_bridge.delivery.connectors import TicketConnector
from ticketing_bridge.delivery.hearing import Hearing
from ticketing_bridge.delivery.mapping.remote import RemoteTicket
from ticketing_bridge.delivery.outbound import OutboundTicket, wanted
from ticketing_bridge.delivery.policy import FINAL, after
from ticketing_bridge.delivery.problems import DeliveryFailed, NotArrived, Refused, Unconfirmed
from ticketing_bridge.delivery.senders import (
    NOT_THEIRS,
    CtiSender,
    Sender,
    Sending,
    Sent,
    SmsSender,
    TicketSender,
    Verdict,
    ticket_connector,
)
from ticketing_bridge.delivery.subjects import Tickets, by
from ticketing_bridge.delivery.wire import Wire
from ticketing_bridge.store import DatabaseAway
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.delivery_repository import queue_of
from ticketing_bridge.store.outbox_records import (
    AttemptResult,
    Delivery,
    DeliveryState,
    OutboxEntry,
    OutboxKind,
)

log = structlog.get_logger(__name__)

#: an attempt is several requests (search, hand over, read back) and is ended after so many timeouts
ATTEMPT_TIMEOUTS: Final = 4
#: what else may pass until an attempt of a dead worker is surely over, seconds
GRACE_S: Final = 2.0
#: the state of a ticket that is there no more
GONE: Final = "404"
#: tickets asked about in one round of a connector
ASKED_AT_ONCE: Final = 20
_TICKET_KINDS: Final = frozenset(
    {OutboxKind.TICKET, OutboxKind.UPDATE, OutboxKind.RECEIPT, OutboxKind.RESULT}
)


def utc_now() -> datetime:
    """The one place where deliveries look at the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Prepared:
    delivery: Delivery
    sender: Sender
    sending: Sending
    attempt: int
    #: loop time after which nothing of this attempt may still begin
    until: float


class DeliveryService:
    """All of it, for one process. Made by ``open_delivery``."""

    def __init__(
        self,
        database: Database,
        config: DeliveryConfig,
        senders: Mapping[str, Sender],
        tickets: Tickets,
        *,
        now: Callable[[], datetime] = utc_now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database, self.config, self._senders, self._tickets = database, config, senders, tickets
        self._hearing = Hearing(config, tickets)
        self._now, self._chance = now, chance

    def queues(self) -> Mapping[str, int]:
        """Each connector's own queue, with how many of its deliveries are under way at once."""
        return {queue_of(it.id): it.concurrency for it in self.config.connectors}

    def asked(self) -> Mapping[str, float]:
        """Connectors whose tickets' states are asked for, and how often (seconds)."""
        able = [it for it in self.config.connectors if it.id in self._senders]
        return {it.id: it.poll_s for it in able if it.poll_s > 0}

    async def route(self, entries: Sequence[int]) -> None:
        """Give entries to every connector that wants them, each by itself; safe to do twice.

        Raises:
            Exception: what one of them failed with, after the others.
        """
        problems: list[Exception] = []
        for entry in entries:
            try:
                await self._route(entry)
            except DatabaseAway:
                raise
            except Exception as problem:  # noqa: BLE001 - raised below: it keeps no other entry waiting
                log.warning("entry_not_routed", entry=entry, error=type(problem).__name__)
                problems.append(problem)
        if problems:
            raise problems[0]

    async def _route(self, entry_id: int) -> None:
        async with self._database.unit_of_work() as uow:
            entry = await uow.outbox.get(entry_id, lock=True)
            if entry is None or entry.routed_at is not None:
                return
            for connector in self.config.connectors:
                await self._offered(uow, entry, connector)
            await uow.outbox.routed(entry.id)

    async def _offered(self, uow: UnitOfWork, entry: OutboxEntry, connector: ConnectorBase) -> None:
        sends: tuple[Sends, ...] = getattr(connector, "sends", ())
        ticket = None
        if entry.kind in _TICKET_KINDS:
            ticket = await self._tickets.outbound(uow, entry.subject)
            if ticket is None:
                return
        if entry.kind is OutboxKind.WARNING and not _warns(connector, entry):
            return
        if entry.kind is OutboxKind.UPDATE and ticket is not None:
            await self._changed(uow, entry, connector, ticket, sends)
        elif Sends(entry.kind.value) in sends and (ticket is None or wanted(connector, ticket)):
            await uow.deliveries.add(entry, connector.id)

    async def _changed(
        self,
        uow: UnitOfWork,
        entry: OutboxEntry,
        connector: ConnectorBase,
        ticket: OutboundTicket,
        sends: tuple[Sends, ...],
    ) -> None:
        """A change goes to who has the ticket; to who gets it by this change, it goes as a ticket.

        Who had it hears once that it has gone to others.
        """
        if ticket.confidential and connector.public:
            await self._published(uow, entry, connector)
            return
        made = await uow.deliveries.ticket_at(entry.subject, connector.id)
        given = Sends.TICKET in sends and ticket.unit is not None and wanted(connector, ticket)
        if made is None:
            if given:
                await uow.deliveries.add(entry, connector.id, as_ticket=True)
        elif made.state is DeliveryState.DROPPED and made.reason == NOT_THEIRS:
            if given:
                await uow.deliveries.decide(made, DeliveryState.WAITING, reason=None)
        elif Sends.UPDATE in sends and ticket.told_by != by(connector.id):
            theirs = wanted(connector, ticket)
            if theirs or not await uow.deliveries.changed_since(entry, connector.id, ticket.moved_at):
                await uow.deliveries.add(entry, connector.id)

    async def _published(self, uow: UnitOfWork, entry: OutboxEntry, connector: ConnectorBase) -> None:
        """It became confidential after a public endpoint got it: people must have it taken down there."""
        made = await uow.deliveries.ticket_at(entry.subject, connector.id)
        if made is None or made.state is not DeliveryState.DELIVERED:
            return
        number = await uow.deliveries.add(entry, connector.id)
        added = await uow.deliveries.get(number) if number is not None else None
        if added is not None:
            await uow.deliveries.decide(
                added, DeliveryState.DEAD, reason="already_public", detail=made.remote_id
            )

    async def deliver(self, number: int) -> None:
        """One attempt of a delivery, when it is due; safe to do twice."""
        prepared = await self._prepared(number)
        if prepared is None:
            return
        sent, why = await self._attempted(prepared)
        it, setting = prepared.delivery, prepared.sender.setting
        following = after(
            sent.result,
            it.tries + 1,
            setting.retry,
            self._chance(),
            retry_after_s=why.retry_after_s if isinstance(why, DeliveryFailed) else None,
            only_once=prepared.sender.only_once or isinstance(why, Unconfirmed),
        )
        async with self._database.unit_of_work() as uow:
            kept = await uow.deliveries.end(
                it,
                prepared.attempt,
                sent.result,
                following.state,
                pause=timedelta(seconds=following.pause_s),
                counts=following.counts,
                reason=sent.reason if why is None else sent.result.value,
                detail=None if why is None else str(why)[:300],
                remote_id=sent.remote_id,
            )
        log.info(
            "delivery_attempt",
            delivery=it.id,
            connector=it.connector,
            kind=it.kind.value,
            subject=it.subject,
            result=sent.result.value,
            state=following.state.value,
            kept=kept,
            why=None if why is None else str(why)[:200],
        )

    async def _prepared(self, number: int) -> _Prepared | None:
        """Decide what is sent and write down that an attempt begins; None: nothing is to be done now."""
        now = self._now()
        async with self._database.unit_of_work() as uow:
            it = await uow.deliveries.get(number, lock=True)
            if it is None or it.state in FINAL:
                return None
            sender = self._senders.get(it.connector)
            entry = await uow.outbox.get(it.outbox)
            if sender is None or entry is None:
                known = self.config.get(it.connector) is not None
                await uow.deliveries.decide(
                    it, DeliveryState.DEAD, reason="no_secret" if known else "no_connector"
                )
                return None
            span_s = sender.setting.timeout_s * ATTEMPT_TIMEOUTS
            wait_s = _still_under_way_s(it, span_s, now)
            if wait_s > 0:
                await uow.deliveries.again(it, timedelta(seconds=wait_s))
                return None
            sending = await sender.prepare(uow, it, entry)
            if isinstance(sending, Verdict):
                await self._decided(uow, it, sending, sender.setting)
                return None
            attempt = await uow.deliveries.begin(it.id, now)
        return _Prepared(it, sender, sending, attempt, asyncio.get_running_loop().time() + span_s)

    async def _decided(self, uow: UnitOfWork, it: Delivery, verdict: Verdict, setting: ConnectorBase) -> None:
        if verdict.state is DeliveryState.WAITING:
            await uow.deliveries.again(it, timedelta(seconds=max(setting.retry.first_s, 1.0)))
        elif it.state is DeliveryState.SENDING and verdict.state is DeliveryState.WITHHELD:
            # an attempt is in doubt: it may be there, where it must not be
            await uow.deliveries.decide(it, DeliveryState.DEAD, reason="already_public")
        else:
            await uow.deliveries.decide(it, verdict.state, reason=verdict.reason)

    async def _attempted(self, prepared: _Prepared) -> tuple[Sent, Exception | None]:
        loop = asyncio.get_running_loop()
        doubt = prepared.delivery.attempts > 0
        try:
            # a process that was frozen since the attempt was written down is not to send any more
            if loop.time() > prepared.until:
                raise NotArrived("the attempt came too late")
            async with asyncio.timeout_at(prepared.until):
                return await prepared.sending(doubt), None
        except DeliveryFailed as failed:
            return Sent(failed.result), failed
        except TimeoutError:
            return Sent(AttemptResult.UNCERTAIN), TimeoutError("the attempt took too long")
        except Exception as problem:
            # whatever it was, the delivery is tried again, and people see it
            log.exception("delivery_broke", delivery=prepared.delivery.id)
            return Sent(AttemptResult.UNCERTAIN), RuntimeError(type(problem).__name__)

    async def ask(self, connector_id: str) -> int:
        """Ask another system how its tickets stand; how many were asked for."""
        sender = self._senders[connector_id]
        if not isinstance(sender, TicketSender):
            return 0
        async with self._database.unit_of_work() as uow:
            due = await uow.deliveries.to_ask(
                connector_id, timedelta(seconds=sender.setting.poll_s), ASKED_AT_ONCE
            )
        for it in due:
            try:
                shown = await _shown(sender.connector, str(it.remote_id), it.subject)
            except DeliveryFailed as failed:
                log.info("state_not_told", connector=connector_id, subject=it.subject, why=str(failed))
                continue
            async with self._database.unit_of_work() as uow:
                await self._hearing.hear(uow, it.id, shown)
        return len(due)

    async def revive(self, late_s: float = 30.0) -> int:
        """Give jobs to what has lost its own, as after many deaths of workers."""
        async with self._database.unit_of_work() as uow:
            return await uow.outbox.revive(late_s) + await uow.deliveries.revive(late_s)


def _still_under_way_s(it: Delivery, span_s: float, now: datetime) -> float:
    """Seconds until nothing of an attempt in doubt can still be under way; 0 when that is so."""
    if it.state is not DeliveryState.SENDING or it.attempt_at is None:
        return 0.0
    return (it.attempt_at - now).total_seconds() + span_s + GRACE_S


async def _shown(connector: TicketConnector, remote_id: str, key: str) -> RemoteTicket:
    """How a ticket stands; what has been deleted there stands in the state ``404``, which people see."""
    try:
        return await connector.state(remote_id, key)
    except Refused as refused:
        if refused.status != 404:
            raise
        return RemoteTicket(remote_id, key, GONE)


def _warns(connector: ConnectorBase, entry: OutboxEntry) -> bool:
    """A warning for a telephone goes to it alone; the one for systems to those of the unit it is about."""
    if isinstance(connector, Sms) or "mobile" in entry.payload:
        return isinstance(connector, Sms) and "mobile" in entry.payload
    return not connector.units or entry.payload.get("unit") in connector.units


@asynccontextmanager
async def open_delivery(
    database: Database,
    config: DeliveryConfig,
    secrets: Mapping[str, str],
    tickets: Tickets,
    *,
    house: str = "",
    agents: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[DeliveryService]:
    """The service with its connections, which are closed at the end.

    A connector whose secret is not set sends nothing: its deliveries wait for people, under ``no_secret``.
    """
    async with AsyncExitStack() as stack:
        senders: dict[str, Sender] = {}
        for setting in config.connectors:
            name = secret_name(setting)
            if name is not None and name not in secrets:
                log.error("connector_without_secret", connector=setting.id, secret=name)
                continue
            wire = Wire(setting.timeout_s, connections=setting.concurrency + 2)
            stack.push_async_callback(wire.close)
            if isinstance(setting, Sms):
                token = secrets[setting.token] if setting.token else ""
                senders[setting.id] = SmsSender(setting, token, wire, tickets, house)
            elif isinstance(setting, ZammadCti):
                senders[setting.id] = CtiSender(setting, secrets[setting.token], wire, agents or {}, now)
            else:
                connector = ticket_connector(setting, secrets, wire, now)
                senders[setting.id] = TicketSender(setting, connector, tickets)
        yield DeliveryService(database, config, senders, tickets, now=now)


def secret_name(setting: Open311 | Zammad | ZammadCti | Webhook | Sms) -> str | None:
    """Under which name a connector's secret is kept."""
    if isinstance(setting, Open311):
        return setting.api_key
    return setting.secret if isinstance(setting, Webhook) else setting.token
