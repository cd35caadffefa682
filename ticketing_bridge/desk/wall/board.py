"""The wall: read once, rendered once, sent to every screen that shows it; at most five times a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import structlog

from config.alerts import load_alerts
from config.rates import load_rates
from config.sites import pbx_sites
from facts.tasks import end_task
from ticketing_bridge.agents.keeper import AGENT_CHANNEL
from ticketing_bridge.agents.service import by_agent
from ticketing_bridge.desk.desk import BOARD, Desk
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.wall.view import wall_view
from ticketing_bridge.rate.alerts import AlertKind, AlertWatch
from ticketing_bridge.rate.live import RateNow, rate_now
from ticketing_bridge.rate.service import day_of
from ticketing_bridge.rate.standing import standing
from ticketing_bridge.store import DatabaseAway
from ticketing_bridge.store.wall_repository import LineCount

log = structlog.get_logger(__name__)

#: pause between two renderings, seconds
PAUSE_S = 0.2
#: the wall looks by itself this often: waits that became long, the hour, midnight
LOOK_EVERY_S = 1.0
#: pause between two readings of the day's figures; a long day may cost a twentieth of the time
FIGURES_PAUSE_S = 0.5
#: fragment name → template
FRAGMENTS: Mapping[str, str] = {
    name: f"wall/_{name}.html" for name in ("alerts", "rate", "waiting", "agents", "hours", "owed", "lines")
}
#: the topic of screens, and of the wall itself when an agent changed or a screen came
RENDERED, AGENTS, LOOK = "wall rendered", "agents", "wall look"
WALL = "wall"


class WallBoard:
    """Keeps the rendered wall fresh while a screen shows it. An async context manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rules = load_alerts(desk.settings.hotline_config)
        self._rates = load_rates(desk.settings.hotline_config)
        self._watch = AlertWatch(self._rules)
        #: what stands on the wall; whatever stands elsewhere stands here at once
        self._raised: frozenset[AlertKind] = frozenset()
        self._mailbox = Mailbox()
        self._day: tuple[RateNow, Sequence[LineCount]] | None = None
        self._day_due = 0.0
        self._stack = AsyncExitStack()
        self.rendered: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        for work in (self._run(), self._listen()):
            self._stack.push_async_callback(end_task, asyncio.create_task(work, name="wall"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def context(self, *, fresh: bool = True) -> dict[str, Any]:
        """Read the wall now; the day's figures may be a moment older unless ``fresh``."""
        desk = self._desk
        now = desk.now()
        async with desk.database.unit_of_work() as uow:
            waiting = await uow.wall.waiting()
            agents = await uow.agents.now()
            if fresh or self._day is None or time.monotonic() >= self._day_due:
                began = time.monotonic()
                rate = await rate_now(
                    uow, now, target_percent=desk.settings.target_percent, rates=self._rates
                )
                self._day = rate, await uow.wall.lines(day_of(now)[0])
                self._day_due = time.monotonic() + max(FIGURES_PAUSE_S, 20 * (time.monotonic() - began))
            rate, lines = self._day
            raised = {*self._raised, *(AlertKind(it.kind) for it in rate.alerts)}
            wrong, over = self._watch.look(await standing(uow, rate, now), sorted(raised), now)
            self._raised = frozenset((raised | wrong.keys()).difference(over))
        first = pbx_sites(desk.settings, desk.hotline)[0].id
        known = by_agent(desk.hotline, agents, first)
        return {"wall": wall_view(desk.hotline, rate, waiting, known, lines, wrong, self._rules.wait_s, now)}

    async def fragments(self) -> Mapping[str, str]:
        """The parts of the wall as HTML."""
        context = await self.context(fresh=False)
        return {name: self._desk.templates.render(template, context) for name, template in FRAGMENTS.items()}

    async def _listen(self) -> None:
        async with self._desk.database.listen(AGENT_CHANNEL) as notes:
            async for _ in notes:
                self._mailbox.poke(AGENTS)

    async def _run(self) -> None:
        pages = self._desk.pages
        with pages.plugged_in(BOARD, self._mailbox), pages.plugged_in(WALL, self._mailbox):
            while True:
                changed = await self._mailbox.news(timeout_s=LOOK_EVERY_S)
                if pages.count(RENDERED):
                    await self._refresh(send_always=LOOK in changed)
                    await asyncio.sleep(PAUSE_S)

    async def _refresh(self, *, send_always: bool) -> None:
        try:
            fragments = await self.fragments()
        except DatabaseAway as problem:
            log.warning("wall not refreshed", problem=str(problem))
            return
        if send_always or fragments != self.rendered:
            self.rendered = fragments
            self._desk.pages.poke(RENDERED, RENDERED)
