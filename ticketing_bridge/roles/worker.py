"""The worker role: drafts and transcripts, the rate's cells, tickets' upkeep, what leaves the house."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from config.alerts import load_alerts
from config.delivery import DeliveryConfig, Sends
from config.delivery_files import DeliveryFiles
from config.rates import load_rates
from facts.errors import HotlineError
from facts.tasks import end_task
from ticketing_bridge.catalogue.keeper import keep_catalogue, put_newest_in_place
from ticketing_bridge.delivery.feed import CallFeed
from ticketing_bridge.delivery.house_tickets import HouseTickets
from ticketing_bridge.delivery.rate_alerts import keep_watch
from ticketing_bridge.delivery.service import open_delivery, utc_now
from ticketing_bridge.house import House
from ticketing_bridge.jobs import run_worker
from ticketing_bridge.journeys.own_tickets import keep_follow_ups
from ticketing_bridge.rate.counting import keep_folding
from ticketing_bridge.recordings import keep_numbers_sealed, keep_sealed
from ticketing_bridge.retention import keep_purging
from ticketing_bridge.store.database import Database
from ticketing_bridge.tickets import TicketService
from ticketing_bridge.tickets.office import TicketOffices
from ticketing_bridge.tickets.upkeep import keep_tickets
from ticketing_bridge.words import CallWords

log = structlog.get_logger(__name__)

#: how soon another version of the city's data, or another connector, is noticed (seconds)
LOOK_S = 5.0


async def run_worker_role(house: House) -> None:
    """Do jobs until cancelled; begun anew by other connectors or secrets when their files change.

    Jobs that run then are given back and done again: each may run twice.
    """
    files = DeliveryFiles(house.settings.hotline_config, house.settings.home)
    while True:
        serving = asyncio.create_task(_serve(house, files.config, files.secrets), name="worker")
        try:
            if not await _until_changed(files, serving):
                await serving
                return
        finally:
            await end_task(serving)
        log.info("connectors_changed", connectors=[it.id for it in files.config.connectors])


async def _until_changed(files: DeliveryFiles, serving: asyncio.Task[None]) -> bool:
    """Wait until other connectors are in force; False: what served has ended before."""
    told: HotlineError | None = None
    while not (await asyncio.wait({serving}, timeout=LOOK_S))[0]:
        if files.changed():
            return True
        if files.problem is not None and files.problem is not told:
            log.error("connectors_kept", problem=str(files.problem), fix="correct it; nothing changed so far")
        told = files.problem
    return False


async def _serve(house: House, config: DeliveryConfig, secrets: Mapping[str, str]) -> None:
    settings = house.settings
    sends: frozenset[Sends] = frozenset(one for it in config.connectors for one in it.sends)
    offices = TicketOffices(settings, house.hotline)
    async with (
        house.database(connections=6 + 2 * len(config.connectors)) as database,
        open_delivery(
            database,
            config,
            secrets,
            HouseTickets(lambda: TicketService(offices.current()), utc_now),
            house=house.hotline.name,
            agents={it.id: it.name for it in house.hotline.agents},
        ) as deliveries,
    ):
        await put_newest_in_place(database, house.catalogue)
        words = CallWords(settings, house.hotline, house.catalogue, database, offices)
        await asyncio.to_thread(words.warm)
        beside = [
            asyncio.create_task(keep_folding(database), name="rate-folding"),
            asyncio.create_task(_keep_tickets(database, offices, settings.audit_heads), name="ticket-upkeep"),
            asyncio.create_task(keep_catalogue(database, house.catalogue), name="catalogue"),
            asyncio.create_task(
                keep_follow_ups(database, offices.current, settings.pbx_id), name="ticket-follow-ups"
            ),
            asyncio.create_task(
                keep_purging(database, offices.current, {it.id: it.recordings for it in house.sites}),
                name="retention",
            ),
            asyncio.create_task(
                keep_sealed(database, house.sites, settings.seal_after_s, settings.run), name="sealing"
            ),
            asyncio.create_task(keep_numbers_sealed(database), name="sealing-numbers"),
            asyncio.create_task(words.keep_findable(), name="search-index"),
            asyncio.create_task(CallFeed(database, sends).run(), name="call-feed"),
            asyncio.create_task(_watch(house, database), name="rate-alerts"),
        ]
        try:
            await run_worker(
                database,
                draft_call=words.draft,
                transcribe_call=words.transcribe,
                transcribe_voicemail=words.voicemail,
                draft_callback=words.draft_callback,
                deliveries=deliveries,
            )
        finally:
            for task in beside:
                await end_task(task)


async def _watch(house: House, database: Database) -> None:
    """Alerts about the rate."""
    settings = house.settings
    rules, rates = load_alerts(settings.hotline_config), load_rates(settings.hotline_config)
    await keep_watch(database, rules, house.secrets.alerts, settings.target_percent, rates)


async def _keep_tickets(database: Database, offices: TicketOffices, audit_heads: Path | None) -> None:
    """Tickets' upkeep by the rules in force: begun anew when another version of them is."""
    while True:
        version = offices.version
        keeping = asyncio.create_task(keep_tickets(database, offices.current(), audit_heads))
        try:
            while not keeping.done() and offices.version == version:
                await asyncio.sleep(LOOK_S)
        finally:
            await end_task(keeping)
