"""Watches how things stand, raises and clears alerts, and tells them by signed webhook."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from config.alerts import AlertRules
from config.rates import Rates
from facts.tasks import end_task
from ticketing_bridge.delivery.mapping.webhook import signed_headers
from ticketing_bridge.delivery.problems import DeliveryFailed
from ticketing_bridge.delivery.wire import Wire
from ticketing_bridge.rate.alerts import AlertKind, AlertWatch
from ticketing_bridge.rate.live import rate_now
from ticketing_bridge.rate.standing import standing
from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.rate_records import AlertRow

log = structlog.get_logger(__name__)

#: NOTIFY channel: an alert was raised or cleared
ALERT_CHANNEL: Final = "hotline_alert"
LOOK_EVERY_S: Final = 2.0
#: pauses between tries of one alert (seconds), the last for all further ones
RETRY_S: Final = (2.0, 10.0, 60.0)


async def look(
    uow: UnitOfWork, watch: AlertWatch, now: datetime, target_percent: float, rates: Rates
) -> tuple[list[AlertKind], list[AlertKind]]:
    """Raise what is wrong, clear what is over; returns what is new, and what was cleared."""
    rows = {AlertKind(it.kind): it for it in await uow.rate_books.open_alerts()}
    seen = await rate_now(uow, now, target_percent=target_percent, rates=rates)
    stand, gone = watch.look(await standing(uow, seen, now), [*rows], now)
    new = [kind for kind, facts in stand.items() if await uow.rate_books.raise_alert(kind, facts)]
    for kind in gone:
        await uow.rate_books.clear_alert(rows[kind].id)
    if new or gone:
        await uow.notify(ALERT_CHANNEL, *new, *gone)
    return new, gone


def message(alert: AlertRow) -> dict[str, Any]:
    """An alert as it is told; numbers of calls only, never of callers."""
    cleared = alert.cleared_at
    return {
        "kind": "alert",
        "alert": alert.kind,
        "id": alert.id,
        "state": "cleared" if cleared else "raised",
        "raised_at": alert.raised_at.isoformat(),
        "cleared_at": cleared.isoformat() if cleared else None,
        "facts": dict(alert.facts),
    }


async def tell(database: Database, wire: Wire, url: str, secret: str) -> int:
    """Tell the webhook what it does not know yet; returns how many it took. A failed one is tried again."""
    async with database.unit_of_work() as uow:
        untold = await uow.rate_books.untold_alerts()
    done = 0
    for alert in untold:
        content = message(alert)
        body = json.dumps(content, ensure_ascii=False).encode()
        key = f"alert-{alert.id}-{content['state']}"
        told: str | None = content["state"]
        try:
            headers: Mapping[str, str] = signed_headers(secret, int(time.time()), key, body)
            await wire.ask("POST", url, body=body, headers={"Content-Type": "application/json", **headers})
            done += 1
        except DeliveryFailed as problem:
            log.warning("alert_not_told", alert=alert.kind, why=str(problem), tries=alert.tries + 1)
            told = None
        async with database.unit_of_work() as uow:
            wait_s = RETRY_S[min(alert.tries, len(RETRY_S) - 1)]
            await uow.rate_books.alert_told(alert.id, told, wait_s)
    return done


async def keep_watch(
    database: Database, rules: AlertRules, secret: str, target_percent: float, rates: Rates
) -> None:
    """For as long as a role serves; of several processes one watches."""
    while True:
        async with database.leadership("rate-alerts") as leadership:
            tasks = [
                asyncio.create_task(leadership.lost(), name="alerts-leadership"),
                asyncio.create_task(_looking(database, rules, target_percent, rates), name="alerts-look"),
            ]
            if rules.webhook is not None:
                telling = _telling(database, rules.webhook, secret)
                tasks.append(asyncio.create_task(telling, name="alerts-tell"))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    await end_task(task)


async def _looking(database: Database, rules: AlertRules, target_percent: float, rates: Rates) -> None:
    watch = AlertWatch(rules)
    while True:
        try:
            async with database.unit_of_work() as uow:
                new, gone = await look(uow, watch, datetime.now(UTC), target_percent, rates)
            if new or gone:
                log.info("alerts", raised=new, cleared=gone)
        except DatabaseAway as problem:
            log.warning("alerts_not_watched", problem=str(problem))
        await asyncio.sleep(LOOK_EVERY_S)


async def _telling(database: Database, url: str, secret: str) -> None:
    """Beside looking, which a slow receiver must not delay."""
    wire = Wire(5.0)
    try:
        while True:
            try:
                await tell(database, wire, url, secret)
            except DatabaseAway as problem:
                log.warning("alerts_not_told", problem=str(problem))
            await asyncio.sleep(LOOK_EVERY_S / 2)
    finally:
        await wire.close()
