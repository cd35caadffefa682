"""The worker process of the delivery benchmark: deliveries alone, tickets made from their numbers.

``python -m ticketing_bridge.bench.delivery_worker DATABASE CONFIG.json``; it is there to be killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from config.delivery import DeliveryConfig
from facts.identity import CallKey
from ticketing_bridge.delivery.outbound import OutboundTicket, Reporter
from ticketing_bridge.delivery.service import open_delivery
from ticketing_bridge.delivery.subjects import Said
from ticketing_bridge.jobs import run_worker
from ticketing_bridge.store.database import Database, UnitOfWork

#: what its connectors know the other systems by; no system of anybody's
SECRETS: Final = {"key": "bench-311-key", "token": "bench-token-1", "sign": "bench-shared-1"}


class NumberedTickets:
    """A ticket of every number."""

    async def outbound(self, uow: UnitOfWork, number: str) -> OutboundTicket | None:
        return OutboundTicket(
            number=number,
            revision=1,
            channel="phone",
            received_at=datetime(2026, 11, 26, tzinfo=UTC),
            title=f"Street light {number}",
            content="The light in front of the house has been dark for three days.",
            purpose="求助",
            appeal="城乡建设",
            place="八一路三号院",
            state="dispatched",
            unit=None,
            confidential=False,
            anonymous=False,
        )

    async def reporter(self, uow: UnitOfWork, number: str) -> Reporter | None:
        return None

    async def told(self, uow: UnitOfWork, number: str, said: Said) -> str:
        return "applied"


async def _no_call(_: CallKey) -> None:
    """There are no calls here."""


async def _run(database_url: str, config: DeliveryConfig) -> None:
    async with (
        Database(database_url, connections=12) as database,
        open_delivery(database, config, SECRETS, NumberedTickets()) as deliveries,
    ):
        await run_worker(
            database,
            draft_call=_no_call,
            transcribe_call=_no_call,
            transcribe_voicemail=_no_call,
            draft_callback=_no_call,
            deliveries=deliveries,
        )


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    given = DeliveryConfig.model_validate(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    asyncio.run(_run(sys.argv[1], given))
