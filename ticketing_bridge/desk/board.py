"""The board: read once, rendered once, sent to every page that shows it; at most five times a second."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import structlog

from config.rates import load_rates
from facts.call import Call, CallState
from facts.tasks import end_task
from ticketing_bridge.desk.desk import BOARD, CALL, Desk
from ticketing_bridge.desk.draft_view import draft_title
from ticketing_bridge.desk.feed import EVERY_CALL
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.picture import hour_chart, rate_view
from ticketing_bridge.desk.rates.labels import standing_view
from ticketing_bridge.desk.today import TodayFigures, today_figures
from ticketing_bridge.desk.views import board_view
from ticketing_bridge.desk.words_view import newest_words
from ticketing_bridge.rate.service import LOCAL, day_of
from ticketing_bridge.store import DatabaseAway, UnitOfWork
from ticketing_bridge.store.word_repositories import is_sensitive

log = structlog.get_logger(__name__)

#: pause between two renderings, seconds: at most five a second
PAUSE_S = 0.2
#: the board looks by itself this often: figures that were not due, the hour, midnight
LOOK_EVERY_S = 1.0
#: pause between two readings of the day's figures
FIGURES_PAUSE_S = 0.5
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
        self._rates = load_rates(desk.settings.hotline_config)
        self._figures: TodayFigures | None = None
        self._figures_due = 0.0
        self._task: asyncio.Task[None] | None = None
        self.rendered: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="desk-board")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._task)

    async def context(self, *, fresh_figures: bool = True) -> dict[str, Any]:
        """Read the board now: what its templates want. The day's figures may be a moment older."""
        desk = self._desk
        now = desk.now()
        begin, _ = day_of(now)
        async with desk.database.unit_of_work() as uow:
            live = await uow.calls.open_calls()
            ended = await uow.calls.list(from_=begin, state=CallState.ENDED, limit=ENDED_SHOWN)
            titles = await self._draft_titles(uow, ended)
            figures = await self._day(uow, now, fresh=fresh_figures)
        saying = {str(call.key): newest_words(desk.feed.words(str(call.key))) for call in live}
        view = board_view(live, ended, desk.hotline, now, drafts=titles, saying=saying)
        return {
            "live": view.live,
            "live_talking": view.live_talking,
            "live_waiting": view.live_waiting,
            "ended": view.ended,
            "rate": rate_view(figures.rate, desk.settings.target_percent),
            "chart": hour_chart(figures.hours, now.astimezone(LOCAL).hour),
            "standing": standing_view(figures.now, desk.hotline),
        }

    async def _day(self, uow: UnitOfWork, now: datetime, *, fresh: bool) -> TodayFigures:
        """The day's figures, read again when asked or due: a long day may cost a twentieth of the time."""
        clock = time.monotonic
        if fresh or self._figures is None or clock() >= self._figures_due:
            began = clock()
            target = self._desk.settings.target_percent
            self._figures = await today_figures(uow, now, target, self._rates)
            self._figures_due = clock() + max(FIGURES_PAUSE_S, 20 * (clock() - began))
        return self._figures

    async def _draft_titles(self, uow: UnitOfWork, calls: Iterable[Call]) -> dict[str, str]:
        """Titles of the calls' newest drafts; asked once, and again when the call is told to have changed.

        The board is one for all: what is to be kept secret has no title there.
        """
        shown = [*calls]
        for call in shown:
            key = str(call.key)
            if key not in self._titles:
                draft = await uow.drafts.latest(call.key)
                told = draft is not None and not is_sensitive(draft.content)
                self._titles[key] = draft_title(draft.content) if draft and told else None
        while len(self._titles) > TITLES_KEPT:
            self._titles.popitem(last=False)
        closed = await uow.desk_tickets.secret_calls([str(call.key) for call in shown])
        return {key: title for key, title in self._titles.items() if title and key not in closed}

    async def _run(self) -> None:
        pages, mailbox = self._desk.pages, self._mailbox
        with pages.plugged_in(BOARD, mailbox), self._desk.feed.pages.plugged_in(EVERY_CALL, mailbox):
            while True:
                changed = await mailbox.news(timeout_s=LOOK_EVERY_S)
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
                context = {**await self.context(fresh_figures=False), "streaming": True}
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
