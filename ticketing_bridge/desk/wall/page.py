"""The wall's page and its stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.events import RETRY, SIGNED_OUT, Pulse, Sent, counted, event
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import Visitor
from ticketing_bridge.desk.wall.board import LOOK, RENDERED, WALL, WallBoard

router = APIRouter()


@router.get("/wall")
async def wall_page(request: Request, theme: str = Query("", pattern="^(dark|light)?$")) -> Response:
    """The shift at a glance."""
    desk: Desk = request.app.state.desk
    wall: WallBoard = request.app.state.wall
    context = await wall.context()
    return render_page(request, "wall/page.html", theme=theme, health=desk.health_view(), **context)


def health(desk: Desk) -> bytes:
    """Whether what is shown is true: sent always, it is the stream's heartbeat."""
    html = desk.templates.render("wall/_health.html", {"health": desk.health_view()})
    return event("health", html)


async def wall_stream(desk: Desk, wall: WallBoard, visitor: Visitor) -> AsyncIterator[bytes]:
    """The wall's fragments for one screen."""
    sent, pulse, mailbox = Sent(desk), Pulse(desk, visitor), Mailbox()
    with counted(desk), desk.pages.plugged_in(RENDERED, mailbox):
        yield RETRY + health(desk)
        desk.pages.poke(WALL, LOOK)
        while not desk.closing.is_set():
            topics = await pulse.news(mailbox)
            beat = pulse.due(topics)
            if await pulse.over(topics, beat=beat):
                yield SIGNED_OUT
                return
            if RENDERED in topics and (news := sent.changed(wall.rendered)):
                yield news
            if beat:
                yield health(desk)


@router.get("/events/wall")
async def wall_events(request: Request) -> StreamingResponse:
    """The wall as it changes."""
    state = request.app.state
    stream = wall_stream(state.desk, state.wall, request.state.visitor)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
