"""The worker role: drafts and transcripts of calls that have ended; the rate's cells; tickets' upkeep."""

from __future__ import annotations

import asyncio

from config.catalogue import load_catalogue
from facts.tasks import end_task
from ticketing_bridge.house import House
from ticketing_bridge.jobs import run_worker
from ticketing_bridge.rate.counting import keep_folding
from ticketing_bridge.store.database import Database
from ticketing_bridge.tickets import open_office
from ticketing_bridge.tickets.upkeep import keep_tickets
from ticketing_bridge.words import CallWords


async def run_worker_role(house: House) -> None:
    """Do jobs until cancelled."""
    async with Database(house.database_url, connections=6) as database:
        words = CallWords(house.settings, house.hotline, load_catalogue(), database)
        await asyncio.to_thread(words.warm)
        folding = asyncio.create_task(keep_folding(database), name="rate-folding")
        office = open_office(house.settings, house.hotline)
        tickets = asyncio.create_task(
            keep_tickets(database, office, house.settings.audit_heads), name="ticket-upkeep"
        )
        try:
            await run_worker(
                database,
                draft_call=words.draft,
                transcribe_call=words.transcribe,
                transcribe_voicemail=words.voicemail,
            )
        finally:
            await end_task(tickets)
            await end_task(folding)
