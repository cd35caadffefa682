"""Agents' states on the web: sign in, ready, pause, wrap-up, sign out; a shift leader's closer look."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from facts.agents import AgentRefusal, AgentRefused
from telephony.ami.desk import SpyMode
from ticketing_bridge.access import Permission, Role
from ticketing_bridge.agents.day import agent_days
from ticketing_bridge.agents.service import AgentWork
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.team.view import agent_row, day_rows
from ticketing_bridge.desk.visitor import NotAllowed, SignedIn, Visitor, needs, own_form
from ticketing_bridge.desk.wall.view import wall_labels
from ticketing_bridge.rate.service import day_of

router = APIRouter()


def _work(request: Request) -> AgentWork:
    work: AgentWork = request.app.state.work
    return work


async def _rows(request: Request, visitor: Visitor) -> dict[str, Any]:
    """Everybody, and oneself."""
    work, desk = _work(request), request.app.state.desk
    own = work.agent_of(visitor.name)
    rows = [agent_row(desk.hotline, now) for now in await work.everyone()]
    return {
        "rows": rows,
        "own": next((row for row in rows if row.id == own), None),
        "pauses": work.pause_reasons(),
        "takes": visitor.may(Permission.CALLS_TAKE),
    }


async def _page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> Response:
    desk: Desk = request.app.state.desk
    now = desk.now()
    begin, _ = day_of(now)
    async with desk.database.unit_of_work() as uow:
        spans = await uow.agents.spans(begin, now)
    context = {
        **await _rows(request, visitor),
        "days": day_rows(desk.hotline, agent_days(spans)),
        "leads": _leads(visitor),
        "telephone": _work(request).leader_of(visitor.name),
        "problem": problem,
    }
    return render_page(request, "team/page.html", status=status, place="agents", **context)


def _leads(visitor: Visitor) -> bool:
    """Only shift leaders listen in or sign others out: nobody else's role does, whatever it may do."""
    return visitor.person.role is Role.SHIFT_LEADER and visitor.may(Permission.AGENTS_DIRECT)


def _refusal(refused: AgentRefused) -> str:
    return str(wall_labels()["refusals"][refused.kind.value])


@router.get("/agents")
async def team_page(request: Request, visitor: SignedIn) -> Response:
    """The team."""
    return await _page(request, visitor)


@router.get("/agents/rows")
async def team_rows(request: Request, visitor: SignedIn) -> Response:
    """How everybody stands: fetched again and again by the page."""
    return render_page(request, "team/_rows.html", **await _rows(request, visitor))


@router.post("/agents/me", dependencies=[Depends(own_form), needs(Permission.CALLS_TAKE)])
async def my_state(
    request: Request,
    visitor: SignedIn,
    do: Annotated[str, Form(max_length=20)] = "",
    reason: Annotated[str, Form(max_length=40)] = "",
    back: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """One's own state; ``back`` says that the workplace asked."""
    work = _work(request)
    agent = work.agent_of(visitor.name)
    try:
        if agent is None:
            raise AgentRefused(AgentRefusal.NO_AGENT)
        if do == "pause":
            await work.pause(visitor.name, agent, reason)
        else:
            deeds = {
                "sign_in": work.sign_in,
                "ready": work.ready,
                "keep_wrap_up": work.keep_wrap_up,
                "sign_out": work.sign_out,
            }
            if do not in deeds:
                raise HTTPException(422)
            await deeds[do](visitor.name, agent)
    except AgentRefused as refused:
        return await _page(request, visitor, status=409, problem=_refusal(refused))
    return RedirectResponse("/desk" if back == "desk" else "/agents", 303)


@router.post("/agents/look", dependencies=[Depends(own_form), needs(Permission.AGENTS_DIRECT)])
async def look_in(
    request: Request,
    visitor: SignedIn,
    agent: Annotated[str, Form(max_length=40)] = "",
    mode: Annotated[SpyMode, Form()] = SpyMode.MONITOR,
) -> Response:
    """Ring the leader's telephone: who takes it up hears the talk."""
    if not _leads(visitor):
        raise NotAllowed
    work = _work(request)
    leader = work.leader_of(visitor.name)
    try:
        if leader is None:
            raise AgentRefused(AgentRefusal.NO_AGENT)
        await work.look_in(visitor.name, leader, agent, mode)
    except AgentRefused as refused:
        return await _page(request, visitor, status=409, problem=_refusal(refused))
    return RedirectResponse("/agents", 303)


@router.post("/agents/sign-out", dependencies=[Depends(own_form), needs(Permission.AGENTS_DIRECT)])
async def sign_out(
    request: Request,
    visitor: SignedIn,
    agent: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """By the leader's hand, with a reason, on record; a running talk goes on."""
    if not _leads(visitor):
        raise NotAllowed
    try:
        await _work(request).sign_out(visitor.name, agent, reason)
    except AgentRefused as refused:
        return await _page(request, visitor, status=409, problem=_refusal(refused))
    return RedirectResponse("/agents", 303)
