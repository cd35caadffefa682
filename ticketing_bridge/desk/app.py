"""The web application: made once, by the composition root."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from config.hotline import Hotline
from config.settings import Settings
from facts.agents import AgentDesk
from facts.call_control import CallControl
from ticketing_bridge.access import Permission
from ticketing_bridge.agents.service import agent_work
from ticketing_bridge.api.app import PREFIX as API_PREFIX
from ticketing_bridge.api.app import create_api
from ticketing_bridge.desk import (
    callbacks_page,
    catalogue_page,
    delivery_page,
    events,
    export_page,
    flows_page,
    follow_up_page,
    notice_page,
    pages,
    recording_page,
    register_page,
    search_page,
)
from ticketing_bridge.desk.board import Board
from ticketing_bridge.desk.casework import case_page, lists_page, office_page
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.feed import LiveFeed
from ticketing_bridge.desk.http_heads import BoundedHeads
from ticketing_bridge.desk.lookup import knowledge_page, ledger_page, phone_page
from ticketing_bridge.desk.rates import books_page, staffing_page
from ticketing_bridge.desk.rates import pages as rate_pages
from ticketing_bridge.desk.rendering import STATIC, Assets
from ticketing_bridge.desk.secret_calls import keeps_secrets
from ticketing_bridge.desk.security import BodyLimit, KnownHost, ReadableAddress, SecurityHeaders
from ticketing_bridge.desk.team import page as team_page
from ticketing_bridge.desk.visitor import NotAllowed, SignInFirst, needs
from ticketing_bridge.desk.wall import page as wall_page
from ticketing_bridge.desk.wall.board import WallBoard
from ticketing_bridge.desk.workplace import calling
from ticketing_bridge.desk.workplace import page as workplace_page
from ticketing_bridge.desk.workplace.drafting_process import Drafter, ThreadDrafter
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.saving import Saver
from ticketing_bridge.store import Database, DatabaseAway

log = structlog.get_logger(__name__)

#: so long a browser's connection waits for the next key: an agent types meanwhile
KEEP_ALIVE_S = 75
#: what each part of the desk asks of everybody who comes to it; single routes may ask more. They are looked
#: through in this order: where agents work comes first
PAGES = (
    (workplace_page, Permission.TICKETS_WORK),
    (calling, Permission.TICKETS_WORK),
    (pages, Permission.CALLS_SEE),
    (events, Permission.CALLS_SEE),
    (search_page, Permission.CALLS_SEARCH),
    (export_page, Permission.TRANSCRIPTS_EXPORT),
    (callbacks_page, Permission.CALLBACKS_WORK),
    (flows_page, Permission.FLOWS_SEE),
    (follow_up_page, Permission.FOLLOW_UPS_WORK),
    (notice_page, Permission.NOTICE_SEE),
    (knowledge_page, Permission.KNOWLEDGE_SEE),
    (phone_page, Permission.KNOWLEDGE_SEE),
    (ledger_page, Permission.DRAFTS_EDIT),
    (catalogue_page, Permission.CATALOGUE_EDIT),
    (recording_page, Permission.RECORDINGS_HEAR),
    (delivery_page, Permission.DELIVERY_SEE),
    (wall_page, Permission.WALL_SEE),
    (team_page, Permission.AGENTS_SEE),
    (register_page, Permission.TICKETS_WORK),
    (rate_pages, Permission.RATE_SEE),
    (books_page, Permission.RATE_SEE),
    (staffing_page, Permission.RATE_SEE),
    (lists_page, Permission.TICKETS_SEE),
)
#: what units come to as well
UNITS_PAGES = (
    (lists_page.unit_router, (Permission.TICKETS_OWN_UNIT,)),
    (case_page.router, (Permission.TICKETS_SEE, Permission.TICKETS_OWN_UNIT)),
)


def create_app(
    settings: Settings,
    database: Database,
    hotline: Hotline,
    *,
    live_feed: LiveFeed | None = None,
    control: CallControl | None = None,
    agents: AgentDesk | None = None,
    drafter: Drafter | None = None,
) -> FastAPI:
    """The desk's application. It opens its feed and its listeners while it is served (lifespan)."""
    desk = Desk(settings, database, hotline, live_feed or LiveFeed(settings.live_socket))
    board, wall = Board(desk), WallBoard(desk)
    work = agent_work(settings, database, hotline)
    workplaces = WorkplaceOffice(desk, control or work, agents or work, drafter or ThreadDrafter())
    saver = Saver(workplaces)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        api = app.state.api.state
        async with desk, board, wall, workplaces, saver, api.clients, api.creator:
            yield

    app = FastAPI(title=hotline.name, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.desk, app.state.board, app.state.wall = desk, board, wall
    app.state.work, app.state.workplaces, app.state.saver = work, workplaces, saver
    app.mount("/static", Assets(directory=STATIC), name="static")
    app.router.routes.append(workplace_page.save_route)
    app.include_router(pages.open_router)
    app.include_router(pages.own_router)
    app.state.api = create_api(settings, database, hotline, delivery=desk.delivery)
    app.mount(API_PREFIX, app.state.api)
    app.include_router(office_page.router)
    for page, permission in PAGES:
        app.include_router(page.router, dependencies=[needs(permission), Depends(keeps_secrets)])
    for router, any_of in UNITS_PAGES:
        app.include_router(router, dependencies=[needs(*any_of)])
    app.add_exception_handler(SignInFirst, _to_login)
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _problem)
    app.add_exception_handler(DatabaseAway, _problem)
    app.add_exception_handler(DataError, _problem)
    # the last one added is the first one passed
    app.add_middleware(BodyLimit)
    app.add_middleware(ReadableAddress)
    app.add_middleware(KnownHost, bind_host=settings.bind_host)
    app.add_middleware(SecurityHeaders)
    return app


class WebServer(uvicorn.Server):
    """uvicorn that ends the pages' streams first: they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once the server is told to stop."""
        self._desk.end_streams()
        await super().shutdown(sockets)


def web_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """uvicorn as the desk wants it: its own logs, no proxy believed, open streams ended at the end."""
    return WebServer(
        uvicorn.Config(
            app,
            host=settings.bind_host,
            port=settings.web_port,
            lifespan="on",
            http=BoundedHeads,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=KEEP_ALIVE_S,
        ),
        app.state.desk,
    )


async def _to_login(request: Request, _: Exception) -> Response:
    """A page goes to the login; a stream or a fragment is told 401."""
    fragment = request.headers.get("HX-Request") or request.url.path.startswith("/events/")
    address = pages.login_address(request)
    if fragment:
        return PlainTextResponse("login", 401, headers={"HX-Redirect": "/login"})
    return RedirectResponse(address, 303)


async def _problem(request: Request, problem: Exception) -> Response:
    """A page that says in words what is wrong; details go to the log."""
    status = 500
    if isinstance(problem, HTTPException):
        status = problem.status_code
    elif isinstance(problem, RequestValidationError):
        status = 422
    elif isinstance(problem, DatabaseAway):
        status = 503
        log.warning("page not served", path=request.url.path, problem=str(problem))
    elif isinstance(problem, DataError):
        # a number in an address or a form that no row can have
        status = 422
        log.warning("value not held", path=request.url.path, problem=type(problem.orig).__name__)
    if request.url.path in {"/healthz", "/metrics"} or request.url.path.startswith("/events/"):
        return PlainTextResponse(str(status), status)
    code = "no_access" if isinstance(problem, NotAllowed) else str(status)
    return pages.render_page(request, "problem.html", status=status, code=code)
