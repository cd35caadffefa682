"""What leaders and supervisors do beyond one ticket: decisions, follow-ups, figures, actions, the log."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from ticketing_bridge.access import Permission
from ticketing_bridge.desk.casework.case_page import services
from ticketing_bridge.desk.casework.case_view import row_view
from ticketing_bridge.desk.casework.lists_page import warning_rows
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form, signed_in
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.tickets import State
from ticketing_bridge.tickets.figures import Period, by_unit, figures, zone
from ticketing_bridge.tickets.life import from_json
from ticketing_bridge.tickets.limits import LOCAL
from ticketing_bridge.tickets.secrecy import TicketSecrecy
from ticketing_bridge.tickets.undertakings import Measure, UndertakingRefused, Undertakings

router = APIRouter(dependencies=[Depends(signed_in)])
DECIDE = [needs(Permission.TICKETS_DECIDE, Permission.TICKETS_SUPERVISE)]
SUPERVISE = [needs(Permission.TICKETS_SUPERVISE)]
SHOWN = 200
#: rows that figures are computed of at most; more are told
COUNTED = 50_000


@router.get("/casework/decisions", dependencies=DECIDE)
async def decisions_page(request: Request, visitor: SignedIn) -> Response:
    """What waits for somebody's decision: second persons, objections, extensions, rules; and warnings."""
    desk: Desk = request.app.state.desk
    service, reader = services(desk)
    states = (State.OBJECTED, State.CONSULTING, State.REVIEWING, State.HANDLING)
    wanted = TicketFilter(states=tuple(it.value for it in states))
    now = desk.now().astimezone(LOCAL)
    async with desk.database.unit_of_work() as uow:
        views = await reader.find(uow, visitor.person, wanted, SHOWN)
        waiting = await TicketSecrecy(service).waiting(uow)
        rules = await uow.undertakings.rules("proposed")
        replays = await Undertakings(desk.office).replayed(uow, rules)
        warned = await uow.warnings.newest(unseen=True)
    asked = [
        it
        for it in views
        if it.ticket.state is not State.HANDLING or any(x.granted is None for x in it.ticket.extensions)
    ]
    return render_page(
        request,
        "casework/decisions.html",
        place="tickets",
        now=now,
        rows=[row_view(it, now) for it in asked],
        waiting=waiting,
        rules=rules,
        replays=replays,
        warnings=warning_rows(warned),
        words=case_words(),
    )


@router.post("/casework/rules/{rule}", dependencies=[Depends(own_form), needs(Permission.TICKETS_DECIDE)])
async def decide_rule(
    request: Request, visitor: SignedIn, rule: int, adopt: Annotated[str, Form(max_length=5)] = ""
) -> Response:
    """Adopt a proposed dispatch rule, or not."""
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await Undertakings(desk.office).decide(uow, rule, visitor.person, adopt=adopt == "yes")
    except UndertakingRefused:
        raise HTTPException(404) from None
    return RedirectResponse("/casework/decisions", 303)


@router.post("/casework/warnings/{warning}/seen", dependencies=[Depends(own_form), *DECIDE])
async def warning_seen(request: Request, visitor: SignedIn, warning: int) -> Response:
    """A shift leader has seen to it."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        if not await uow.warnings.seen(warning, visitor.name):
            raise HTTPException(404)
        await uow.audit.add(visitor.name, "warning-seen", subject=str(warning))
    return RedirectResponse("/casework/decisions", 303)


@router.get("/casework/follow-up", dependencies=[needs(Permission.FOLLOW_UPS_WORK)])
async def follow_up_list(request: Request, visitor: SignedIn) -> Response:
    """Tickets whose citizens are to be asked by a person, and this person's share of the day."""
    desk: Desk = request.app.state.desk
    _, reader = services(desk)
    now = desk.now().astimezone(LOCAL)
    midnight = datetime.combine(now.date(), time(), LOCAL)
    async with desk.database.unit_of_work() as uow:
        wanted = TicketFilter(states=(State.FOLLOW_UP.value,))
        views = await reader.find(uow, visitor.person, wanted, SHOWN)
        done = await uow.desk_tickets.acts_by(visitor.name, "follow_up", midnight)
    first = sorted(views, key=lambda it: (bool(it.ticket.follow_ups), it.ticket.accepted_at or now))
    quota = desk.office.rules.follow_up.daily_per_person
    return render_page(
        request,
        "casework/follow_ups.html",
        place="tickets",
        now=now,
        rows=[row_view(it, now) for it in first[: max(0, quota - done)]],
        waiting=len(views),
        quota=quota,
        done=done,
    )


@router.get("/casework/figures", dependencies=[needs(Permission.RATE_SEE)])
async def figures_page(
    request: Request,
    visitor: SignedIn,
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Named figures of a period, units by zones. Counts only: no word of a ticket is opened for it."""
    desk: Desk = request.app.state.desk
    now = desk.now().astimezone(LOCAL)
    begin, end = _period(from_, to, now.date())
    period = Period(begin, end, min(end, now))
    async with desk.database.unit_of_work() as uow:
        rows = await uow.desk_tickets.touching(begin, end, COUNTED)
    tickets = [from_json(row.body, {}) for row in rows]
    rules, zones = desk.office.city_rules, desk.office.rules.zones
    units = by_unit(tickets, period, rules)
    return render_page(
        request,
        "casework/figures.html",
        place="tickets",
        now=now,
        begin=begin.date(),
        end=(end - timedelta(days=1)).date(),
        all=figures(tickets, period, rules),
        units=[(unit, found, zone(found, zones)) for unit, found in units.items()],
        zones=case_words().zones,
        least=zones.least_tickets,
    )


def _period(from_: str, to: str, today: date) -> tuple[datetime, datetime]:
    try:
        last = date.fromisoformat(to) if to else today
        first = date.fromisoformat(from_) if from_ else last.replace(day=1)
    except ValueError:
        raise HTTPException(422) from None
    if last < first:
        first, last = last, first
    if not 1971 <= first.year <= last.year <= 2198:
        raise HTTPException(422)
    return datetime.combine(first, time(), LOCAL), datetime.combine(last + timedelta(days=1), time(), LOCAL)


@router.get("/casework/actions", dependencies=SUPERVISE)
async def actions_page(request: Request, visitor: SignedIn) -> Response:
    """专项行动: measures, their dates and responsible people."""
    return await _actions(request)


async def _actions(request: Request, *, status: int = 200, problem: bool = False) -> Response:
    desk: Desk = request.app.state.desk
    today = desk.now().astimezone(LOCAL).date()
    async with desk.database.unit_of_work() as uow:
        found = await uow.undertakings.actions()
    return render_page(
        request, "casework/actions.html", status=status, place="tickets", actions=found, today=today,
        problem=problem,
    )  # fmt: skip


@router.post("/casework/actions", dependencies=[Depends(own_form), *SUPERVISE])
async def begin_action(request: Request, visitor: SignedIn) -> Response:
    """Begin a special action."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    try:
        begins_on, ends_on = (
            date.fromisoformat(str(form.get(name) or "")) for name in ("begins_on", "ends_on")
        )
        title, aim, responsible = (str(form.get(name) or "") for name in ("title", "aim", "responsible"))
        tickets = _numbers(form.get("tickets"))
        async with desk.database.unit_of_work() as uow:
            await Undertakings(desk.office).begin(
                uow, visitor.person, title, aim, responsible, begins_on, ends_on, tickets
            )
    except (ValueError, UndertakingRefused):
        return await _actions(request, status=422, problem=True)
    return RedirectResponse("/casework/actions", 303)


@router.post("/casework/actions/{action}", dependencies=[Depends(own_form), *SUPERVISE])
async def change_action(
    request: Request, visitor: SignedIn, action: int, version: Annotated[int, Form()]
) -> Response:
    """Add a measure, say that one is done, add tickets, or end it."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    more: dict[str, Any] = {"tickets": _numbers(form.get("tickets"))}
    text = str(form.get("measure") or "").strip()
    if text:
        more["measure"] = Measure(
            text, str(form.get("due_on") or ""), str(form.get("responsible") or "").strip()
        )
    if (place := str(form.get("done") or "")).isdecimal() and len(place) < 5:
        more["done"] = (int(place), str(form.get("note") or "").strip())
    if result := str(form.get("result") or "").strip():
        more["result"] = result
    try:
        async with desk.database.unit_of_work() as uow:
            await Undertakings(desk.office).change(
                uow, visitor.person, action, version, desk.now().astimezone(LOCAL), **more
            )
    except UndertakingRefused:
        return await _actions(request, status=422, problem=True)
    return RedirectResponse("/casework/actions", 303)


def _numbers(value: Any) -> list[str]:
    return [it for it in str(value or "").replace("、", " ").replace("，", " ").split() if it]


@router.get("/audit", dependencies=[needs(Permission.AUDIT_SEE)])
async def audit_page(
    request: Request, visitor: SignedIn, subject: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Who looked at what and why, newest first, and where the chain ends."""
    desk: Desk = request.app.state.desk
    wanted = subject.strip() or None
    async with desk.database.unit_of_work() as uow:
        lines = await uow.audit.list(subject=wanted)
        head = await uow.audit_chain.head()
        await uow.audit.add(visitor.name, "audit-viewed", subject=wanted)
    return render_page(
        request, "casework/audit.html", place="audit", now=desk.now(), lines=lines, head=head, subject=subject
    )
