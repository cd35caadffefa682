"""Server-sent events: the fragments of a page, sent when they change.

Every stream says something at least every ``HEALTH_S``, so that a page that hears
nothing knows that it is cut off. A stream ends when its session ends, and when its call becomes a secret
that is not for whoever follows it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import StreamingResponse

from facts.identity import CallKey
from ticketing_bridge.desk.board import LOOK, RENDERED, Board
from ticketing_bridge.desk.call_page import CallPage, load_call_page
from ticketing_bridge.desk.desk import BOARD, CALL, SHEET, Desk
from ticketing_bridge.desk.feed import WORDS
from ticketing_bridge.desk.mailbox import HEALTH, Mailbox
from ticketing_bridge.desk.visitor import Visitor, still_welcome
from ticketing_bridge.store import DatabaseAway

HEALTH_S = 2.0
#: a stream looks this often (in multiples of ``HEALTH_S``) whether its session still holds
SESSION_EVERY = 5

router = APIRouter()


def event(name: str, html: str) -> bytes:
    """One event on the wire. Every line of the data has its own field."""
    data = "".join(f"data: {line}\n" for line in html.splitlines() or [""])
    return f"event: {name}\n{data}\n".encode()


#: how soon the browser tries again, ms
RETRY = b"retry: 1000\n\n"
SIGNED_OUT = event("signed-out", "")


class Sent:
    """What a page has been sent, so that nothing is sent twice."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: dict[str, str] = {}

    def changed(self, fragments: Mapping[str, str]) -> bytes:
        """The events of those fragments that are new to this page."""
        parts = []
        for name, html in fragments.items():
            if self._last.get(name) != html:
                self._last[name] = html
                self._desk.metrics.fragments.labels(name).inc()
                parts.append(event(name, html))
        return b"".join(parts)

    def health(self) -> bytes:
        """The banner and the data's age: sent always, it is the stream's heartbeat."""
        return event(
            "health", self._desk.templates.render("_health.html", {"health": self._desk.health_view()})
        )


@contextmanager
def counted(desk: Desk) -> Iterator[None]:
    """Count the stream while it is open."""
    desk.metrics.streams.inc()
    try:
        yield
    finally:
        desk.metrics.streams.dec()


class Pulse:
    """When a page hears that its stream lives, however much or little else there is to say."""

    def __init__(self, desk: Desk, visitor: Visitor, call: str | None = None) -> None:
        self._desk = desk
        self._visitor = visitor
        self._call = call
        self._due = time.monotonic() + HEALTH_S
        self._count = 0

    async def news(self, mailbox: Mailbox) -> frozenset[str]:
        """The mailbox's news, or none once a beat is due."""
        return await mailbox.news(max(0.0, self._due - time.monotonic()))

    def due(self, topics: frozenset[str]) -> bool:
        """Whether to beat now: it is time, or the health changed."""
        if HEALTH not in topics and time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + HEALTH_S
        return True

    async def over(self, topics: frozenset[str], *, beat: bool) -> bool:
        """Whether this stream must end: looked up now and then, and whenever its call has changed.

        A database that is away ends no stream.
        """
        self._count += beat
        due = beat and self._count % SESSION_EVERY == 0
        changed = self._call is not None and bool(topics & {CALL, SHEET})
        if not due and not changed:
            return False
        try:
            return not await still_welcome(self._desk, self._visitor, self._call)
        except DatabaseAway:
            return False


async def board_stream(desk: Desk, board: Board, visitor: Visitor) -> AsyncIterator[bytes]:
    """The board's fragments for one page."""
    sent, pulse, mailbox = Sent(desk), Pulse(desk, visitor), Mailbox()
    with counted(desk), desk.pages.plugged_in(RENDERED, mailbox):
        yield RETRY + sent.health()
        desk.pages.poke(BOARD, LOOK)
        while not desk.closing.is_set():
            topics = await pulse.news(mailbox)
            beat = pulse.due(topics)
            if await pulse.over(topics, beat=beat):
                yield SIGNED_OUT
                return
            if RENDERED in topics and (news := sent.changed(board.rendered)):
                yield news
            if beat:
                yield sent.health()


async def call_stream(desk: Desk, page: CallPage, visitor: Visitor) -> AsyncIterator[bytes]:
    """One call's fragments for one page: words at once, all else when the call changes."""
    sent, pulse, mailbox = Sent(desk), Pulse(desk, visitor, page.key), Mailbox()
    key = page.key
    with counted(desk), desk.pages.plugged_in(key, mailbox), desk.feed.pages.plugged_in(key, mailbox):
        # read again: what changed before the mailboxes were plugged in was told to nobody
        page = await _reloaded(desk, page)
        yield RETRY + sent.health() + sent.changed(page.fragments(desk))
        while not desk.closing.is_set():
            topics = await pulse.news(mailbox)
            beat = pulse.due(topics)
            if await pulse.over(topics, beat=beat):
                yield SIGNED_OUT
                return
            if WORDS in topics and (news := sent.changed(page.word_fragments(desk))):
                yield news
            if CALL in topics or (beat and page.waits_for_more(desk.now())):
                page = await _reloaded(desk, page)
                if news := sent.changed(page.fragments(desk)):
                    yield news
            if beat:
                yield sent.health()


async def _reloaded(desk: Desk, page: CallPage) -> CallPage:
    """The call as it is now; as it was while the database is away."""
    try:
        return await load_call_page(desk, CallKey.parse(page.key)) or page
    except DatabaseAway:
        return page


def _streaming(stream: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.get("/events/board")
async def board_events(request: Request) -> StreamingResponse:
    """Calls coming and going, and today's rate."""
    state = request.app.state
    return _streaming(board_stream(state.desk, state.board, request.state.visitor))


@router.get("/events/calls/{key}")
async def call_events(request: Request, key: str) -> StreamingResponse:
    """One call: facts, timeline, words, draft."""
    desk: Desk = request.app.state.desk
    page = await load_call_page(desk, parse_key(key))
    if page is None:
        raise HTTPException(404)
    return _streaming(call_stream(desk, page, request.state.visitor))


def parse_key(text: str) -> CallKey:
    """The call's key in an address; 404 when it is none."""
    try:
        return CallKey.parse(text)
    except ValueError:
        raise HTTPException(404) from None
