"""The pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from config.rates import load_rates
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.auth import (
    SESSION_COOKIE,
    VISITOR_COOKIE,
    csrf_right,
    csrf_token,
    hash_password,
    new_token,
    outdated,
    password_right,
    session_life,
)
from ticketing_bridge.desk.board import Board
from ticketing_bridge.desk.call_page import CallPage, load_call_page
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.draft_view import draft_row, spoken_number
from ticketing_bridge.desk.events import parse_key
from ticketing_bridge.desk.secret_calls import closed_calls
from ticketing_bridge.desk.security import is_loopback
from ticketing_bridge.desk.views import epoch_ms
from ticketing_bridge.desk.visitor import (
    NotAllowed,
    SignedIn,
    Visitor,
    needs,
    own_form,
    readable_form,
    signed_in,
)

DRAFTS_SHOWN = 100
REASON_LENGTH = range(2, 201)
#: where people start who do not see calls
FIRST_PAGES: Mapping[Permission, str] = {
    Permission.TICKETS_OWN_UNIT: "/unit",
    Permission.TICKETS_SEE: "/tickets",
    Permission.AUDIT_SEE: "/audit",
    Permission.WALL_SEE: "/wall",
}
#: a call's page as long as nobody asked for the number
NO_NUMBER: Mapping[str, Any] = {"number": None, "spoken": None, "reason": "", "number_problem": False}

open_router = APIRouter()
#: for everybody who is signed in
own_router = APIRouter(dependencies=[Depends(signed_in)])
router = APIRouter()


def render_page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page, with what every page has."""
    desk: Desk = request.app.state.desk
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    common = {
        "user": visitor,
        "csrf": visitor.csrf if visitor else "",
        "place": "",
        "now_ms": epoch_ms(desk.now()),
    }
    return HTMLResponse(desk.templates.render(template, {**common, **context}), status)


@open_router.get("/login")
async def login_form(request: Request, next: str = "/") -> Response:
    """The form, with a cookie from which its CSRF token follows."""
    return _login_page(request, next=next)


def _login_page(
    request: Request, *, next: str, login: str = "", problem: str = "", status: int = 200
) -> Response:
    token = request.cookies.get(VISITOR_COOKIE) or new_token()
    page = render_page(
        request,
        "login.html",
        status=status,
        csrf=csrf_token(token),
        next=local_path(next),
        login=login,
        problem=problem,
    )
    _set_cookie(request, page, VISITOR_COOKIE, token, max_age=None)
    return page


def local_path(target: str) -> str:
    """Only a path of this site is gone to after the login."""
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if plain and target.isprintable() else "/"


def _set_cookie(request: Request, response: Response, name: str, value: str, max_age: int | None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )


@open_router.post("/login", dependencies=[Depends(readable_form)])
async def log_in(
    request: Request,
    login: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Open a session. Wrong passwords are braked by name and by address."""
    desk: Desk = request.app.state.desk
    if not csrf_right(request.cookies.get(VISITOR_COOKIE), csrf):
        return _login_page(request, next=next, login=login, problem="form", status=403)
    address = request.client.host if request.client else "?"
    wait_s = max(desk.brake.wait_s(login), desk.address_brake.wait_s(address))
    if wait_s > 0:
        desk.metrics.logins.labels("braked").inc()
        page = _login_page(request, next=next, login=login, problem="slow_down", status=429)
        page.headers["Retry-After"] = str(round(wait_s))
        return page
    # counted before the check, so that attempts at the same time cannot slip past the brake
    desk.brake.failed(login)
    desk.address_brake.failed(address)
    opened = await _open_session(desk, login, password)
    desk.metrics.logins.labels("passed" if opened else "failed").inc()
    if opened is None:
        return _login_page(request, next=next, login=login, problem="wrong", status=401)
    desk.brake.passed(login)
    desk.address_brake.forgiven(address)
    token, life = opened
    response = RedirectResponse(local_path(next), 303)
    _set_cookie(request, response, SESSION_COOKIE, token, max_age=int(life.total_seconds()))
    response.delete_cookie(VISITOR_COOKIE, path="/")
    return response


async def _open_session(desk: Desk, login: str, password: str) -> tuple[str, timedelta] | None:
    """A new session's token and how long it lasts; None when the name or the password is wrong."""
    async with desk.database.unit_of_work() as uow:
        account = await uow.users.by_login(login)
    usable = account is not None and not account.disabled
    right = await password_right(account.password_hash if account and usable else None, password)
    token = new_token()
    async with desk.database.unit_of_work() as uow:
        if right and account is not None:
            if outdated(account.password_hash):
                await uow.users.set_password(account.login, await asyncio.to_thread(hash_password, password))
            life = session_life(account.role)
            await uow.users.open_session(account.id, token, desk.now() + life)
            await uow.audit.add(account.login, "login")
            return token, life
        # what was typed as a name may be a password: only names that exist are written down
        await uow.audit.add(account.login if account else "?", "login-refused")
        return None


@own_router.post("/logout", dependencies=[Depends(own_form)])
async def log_out(request: Request, visitor: SignedIn) -> Response:
    """End the session, here and in every open stream of it."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        await uow.users.close_session(visitor.token)
        await uow.audit.add(visitor.name, "logout")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@own_router.get("/")
async def board_page(request: Request, visitor: SignedIn) -> Response:
    """Calls coming and going, and today's rate; who has nothing to do with calls goes to their own page."""
    desk: Desk = request.app.state.desk
    if not visitor.may(Permission.CALLS_SEE):
        return _first_page(visitor)
    board: Board = request.app.state.board
    context = await board.context()
    return render_page(request, "board.html", place="board", health=desk.health_view(), **context)


def _first_page(visitor: Visitor) -> Response:
    found = next((address for permission, address in FIRST_PAGES.items() if visitor.may(permission)), None)
    if found is None:
        raise NotAllowed
    return RedirectResponse(found, 303)


@router.get("/calls/{key}")
async def call_page(request: Request, key: str) -> Response:
    """One call."""
    page = await load_call_page(request.app.state.desk, parse_key(key))
    if page is None:
        raise HTTPException(404)
    return _call_page(request, page)


def _call_page(request: Request, page: CallPage, *, status: int = 200, **more: Any) -> Response:
    desk: Desk = request.app.state.desk
    context = {**NO_NUMBER, **page.context(desk), **more}
    return render_page(request, "call.html", status=status, health=desk.health_view(), **context)


async def record_reveal(
    desk: Desk, visitor: Visitor, subject: str, reason: str, fields: Sequence[str] = ("number",)
) -> bool:
    """Put on record who sees a number and why, before it is shown; False: the reason is none."""
    if len(reason) not in REASON_LENGTH:
        return False
    async with desk.database.unit_of_work() as uow:
        await uow.audit.add(visitor.name, "number-shown", subject=subject, fields=[*fields], reason=reason)
    desk.metrics.numbers_shown.inc()
    return True


@router.post("/calls/{key}/number", dependencies=[Depends(own_form), needs(Permission.NUMBERS_REVEAL)])
async def show_number(
    request: Request, visitor: SignedIn, key: str, reason: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """The number in clear, once; who and why is on record before it is shown."""
    desk: Desk = request.app.state.desk
    page = await load_call_page(desk, parse_key(key))
    if page is None:
        raise HTTPException(404)
    words = " ".join(reason.split())
    more: dict[str, Any] = {"reason": words, "number_problem": True}
    spoken = spoken_number(page.draft.content) if page.draft else None
    fields = ["caller_number", *(["callback_phone"] if spoken else [])]
    if await record_reveal(desk, visitor, page.key, words, fields):
        more = {"reason": words, "number": page.call.caller_number, "spoken": spoken}
    if request.headers.get("HX-Request"):
        return render_page(request, "_number.html", **{**NO_NUMBER, **page.context(desk), **more})
    return _call_page(request, page, status=200 if "number" in more else 422, **more)


@router.get("/drafts")
async def drafts_page(request: Request, visitor: SignedIn) -> Response:
    """The newest draft of each call, newest first."""
    desk: Desk = request.app.state.desk
    rows = []
    async with desk.database.unit_of_work() as uow:
        drafts = await uow.drafts.list(limit=DRAFTS_SHOWN)
        closed = await closed_calls(uow, visitor, [it.call for it in drafts])
        for record in drafts:
            if record.call in closed:
                continue
            call = await uow.calls.get(parse_key(record.call))
            if call is not None:
                rows.append(draft_row(record, call, desk.hotline))
    return render_page(request, "drafts.html", place="drafts", drafts=rows, now=desk.now())


@open_router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Whether this process serves and reaches its database; no data."""
    desk: Desk = request.app.state.desk
    await desk.database.ping()
    return JSONResponse({"status": "ok"})


@open_router.get("/metrics")
async def metrics(request: Request) -> Response:
    """For Prometheus on this machine."""
    desk: Desk = request.app.state.desk
    if not is_loopback(request.client.host if request.client else None):
        raise HTTPException(404)
    health = desk.health_view()
    desk.metrics.live_connected.set(health.live_connected)
    desk.metrics.telephony_age_s.set(float("nan") if health.age_s is None else health.age_s)
    settings = desk.settings
    rates = load_rates(settings.hotline_config)
    await desk.metrics.rates.read(desk.database, rates, settings.target_percent, desk.now())
    return PlainTextResponse(desk.metrics.text(), media_type="text/plain; version=0.0.4")


def login_address(request: Request) -> str:
    """The login form, which comes back to this page."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/login?" + urlencode({"next": here if request.method == "GET" else "/"})
