"""How things stand now, for whoever raises alerts and whoever shows them: read the same way for all."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ticketing_bridge.rate.alerts import QueueStanding, Standing
from ticketing_bridge.rate.live import RateNow
from ticketing_bridge.store.database import UnitOfWork

#: a queue's state that is older says nothing of now (seconds)
FRESH_S: Final = 10.0


async def standing(uow: UnitOfWork, seen: RateNow, now: datetime) -> Standing:
    """Today's figures, who waits for an agent (in a flow, too), and the queues."""
    waits = [(now - arrived_at).total_seconds() for arrived_at in await uow.wall.arrivals_of_waiting()]
    queues = await uow.queues.fresh(FRESH_S)
    known = [QueueStanding(it.queue, it.waiting, it.free_agents, it.agents) for it in queues]
    return Standing(seen.allowance, seen.rate.base, waits, known or None)
