"""The board: read once, rendered once, sent to every page that shows it; at most five times a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import structlog

from facts.call import Call, CallState
from ticketing_bridge.desk.desk import BOARD, CALL, Desk
from ticketing_bridge.desk.draft_view import draft_title
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.picture import hour_chart, rate_view
from ticketing_bridge.desk.today import today_figures
from ticketing_bridge.desk.views import BEIJING, board_view, start_of_day
from ticketing_bridge.store import DatabaseAway, UnitOfWork

log = structlog.get_logger(__name__)

#: pause between two renderings, seconds: at most five a second
PAUSE_S = 0.2
ENDED_SHOWN = 20
TITLES_KEPT = 1000
#: fragment name → template, for the page and for its stream
FRAGMENTS: Mapping[str, str] = {"live": "_live.html", "ended": "_ended.html", "rate": "_rate.html"}
#: the topic of pages that show the board
RENDERED = "rendered"
#: the topic of the board itself: a page has come that must be sent what there is
LOOK = "look"


class Board:
    """Keeps the rendered board fresh while somebody looks at it. An async context manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._mailbox = Mailbox()
        self._titles: OrderedDict[str, str | None] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self.rendered: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="desk-board")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def context(self) -> dict[str, Any]:
        """Read the board now: what its templates want."""
        desk = self._desk
        now = desk.now()
        day = start_of_day(now)
        async with desk.database.unit_of_work() as uow:
            live = await uow.calls.open_calls()
            ended = await uow.calls.list(
                from_=day - timedelta(days=1), state=CallState.ENDED, limit=ENDED_SHOWN
            )
            titles = await self._draft_titles(uow, ended)
            figures = await today_figures(uow, day, now)
        view = board_view(live, [call for call in ended if call.arrived_at >= day], titles, desk.hotline, now)
        return {
            "live": view.live,
            "live_talking": view.live_talking,
            "live_waiting": view.live_waiting,
            "ended": view.ended,
            "rate": rate_view(
                figures.definition,
                reached=figures.reached,
                base=figures.base,
                unresolved=figures.unresolved,
                percent_text=figures.percent_text,
                target=desk.settings.target_percent,
            ),
            "chart": hour_chart(figures.hours, now.astimezone(BEIJING).hour),
        }

    async def _draft_titles(self, uow: UnitOfWork, calls: Iterable[Call]) -> dict[str, str]:
        """Titles of the calls' newest drafts; asked once, and again when the call is told to have changed."""
        for call in calls:
            key = str(call.key)
            if key not in self._titles:
                draft = await uow.drafts.latest(call.key)
                self._titles[key] = draft_title(draft.content) if draft else None
        while len(self._titles) > TITLES_KEPT:
            self._titles.popitem(last=False)
        return {key: title for key, title in self._titles.items() if title}

    async def _run(self) -> None:
        with self._desk.pages.plugged_in(BOARD, self._mailbox):
            while True:
                changed = await self._mailbox.news(timeout_s=10.0)
                if CALL in changed:
                    self._titles.clear()
                for key in changed:
                    self._titles.pop(key, None)
                await self._refresh(send_always=LOOK in changed)
                await asyncio.sleep(PAUSE_S)

    async def _refresh(self, *, send_always: bool) -> None:
        """Render again, if there is a page to see it."""
        if self._desk.pages.count(RENDERED) == 0:
            return
        try:
            with self._desk.metrics.render_s.time():
                context = await self.context()
                fragments = {
                    name: self._desk.templates.render(template, context)
                    for name, template in FRAGMENTS.items()
                }
        except DatabaseAway as problem:
            log.warning("board not refreshed", problem=str(problem))
            return
        if send_always or fragments != self.rendered:
            self.rendered = fragments
            self._desk.pages.poke(RENDERED, RENDERED)
