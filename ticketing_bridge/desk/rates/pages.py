"""The rate by every definition, why calls were missed, who is owed something."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from config.rates import Rates, load_rates
from facts.masking import mask_number
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.journey_labels import journey_labels
from ticketing_bridge.desk.labels import Label, labels
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.picture import HourCount, hour_chart
from ticketing_bridge.desk.rates.labels import alert_text, formula_text, miss_detail, rate_labels
from ticketing_bridge.desk.views import agent_name, call_url, line_name, queue_name
from ticketing_bridge.rate.book import definition_book
from ticketing_bridge.rate.definitions import Rate
from ticketing_bridge.rate.miss_report import miss_report, missed_list
from ticketing_bridge.rate.misses import Remedy
from ticketing_bridge.rate.report import Group, RateReport
from ticketing_bridge.rate.service import LOCAL, RateQuery, day_of, rate_report
from ticketing_bridge.store.journey_records import CallbackState

#: single misses on the page, newest first
MISSES_SHOWN: Final = 200
GROUPINGS: Final = ("hour", "day", "month", "line", "queue")
#: longer periods are not broken down by the hour on a page
HOURS_DAYS: Final = 31

router = APIRouter()
Day = Annotated[str, Query(max_length=10)]


def period(desk: Desk, first: str, last: str) -> tuple[date, date]:
    """The days that were asked for; today where nothing sensible was."""
    today = desk.now().astimezone(LOCAL).date()
    try:
        begin = date.fromisoformat(first) if first else today
        end = date.fromisoformat(last) if last else max(begin, today if not first else begin)
    except ValueError:
        return today, today
    return (begin, end) if begin <= end else (end, begin)


def bounds(days: tuple[date, date]) -> tuple[datetime, datetime]:
    """From the first midnight to the last."""
    begin, end = (datetime.combine(it, time(), LOCAL) for it in days)
    return begin, end + timedelta(days=1)


def rates_of(desk: Desk) -> Rates:
    """The definitions of the city's folder."""
    return load_rates(desk.settings.hotline_config)


async def alert_views(desk: Desk) -> list[dict[str, Any]]:
    """Alerts that stand, as people read them."""
    async with desk.database.unit_of_work() as uow:
        found = await uow.rate_books.open_alerts()
    views = []
    for it in found:
        said, tone = alert_text(it.kind, it.facts, desk.hotline)
        views.append({"text": said, "tone": tone, "since": it.raised_at})
    return views


@router.get("/rate")
async def overview(
    request: Request,
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: Day = "",
    line: Annotated[str, Query(max_length=40)] = "",
    by: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Every definition over a period, broken down, with waits, agents and what must be known beside."""
    desk: Desk = request.app.state.desk
    days = period(desk, from_, to)
    begin, end = bounds(days)
    one_day = days[0] == days[1]
    known_line = desk.hotline.line(line)
    wanted = by if by in GROUPINGS else "hour" if one_day else "day"
    if wanted == "hour" and (end - begin).days > HOURS_DAYS:
        wanted = "day"
    rates = rates_of(desk)
    of_line = known_line.id if known_line else None
    async with desk.database.unit_of_work() as uow:
        report = await rate_report(uow, RateQuery(begin, end, line=of_line), rates=rates)
        parts = await rate_report(
            uow, RateQuery(begin, end, (rates.published,), of_line, by=wanted, beside=False), rates=rates
        )
        agents = await uow.rate_rows.agents(begin, end)
        book = await definition_book(uow, rates)
    now = desk.now()
    held = {name: it for name in book.names if (it := book.on(name, days[1])) is not None}
    return render_page(
        request,
        "rate.html",
        place="rate",
        tab="overview",
        now=now,
        days=days,
        line=of_line or "",
        lines=[(it.id, it.name) for it in desk.hotline.lines],
        by=wanted,
        groupings=rate_labels().groups,
        report=report,
        published=next((it for it in report.rates if it.definition == rates.published), None),
        target=desk.settings.target_percent,
        floor=rates.floor_percent,
        windows=[(name, it) for name, it in report.windows.items()],
        titles={it.name: it.title for it in held.values()},
        formulas={name: formula_text(it) for name, it in held.items()},
        outcomes=_outcomes(report),
        waits=_waits(report),
        chart=_chart(parts, now) if one_day and wanted == "hour" else None,
        groups=[_group(it, parts.by or "", desk) for it in parts.groups],
        agents=[
            {"name": agent_name(desk.hotline, it.agent), "rings": it.rings, "answered": it.answered,
             "talk_min": round(it.talk_ms / 60_000)}
            for it in agents
        ],
        alerts=await alert_views(desk),
        exclusions={rate_labels().exclusions[kind]: n for kind, n in _kinds(report)},
    )  # fmt: skip


def _kinds(report: RateReport) -> list[tuple[Any, int]]:
    return [*report.excluded_kinds.items()]


def _outcomes(report: RateReport) -> list[tuple[Label, int]]:
    words = labels()
    known = {str(outcome): label for outcome, label in words.outcomes.items()}
    found = [(known[name], count) for name, count in report.outcomes.items() if name in known]
    return sorted(found, key=lambda it: -it[1])


def _waits(report: RateReport) -> list[tuple[str, float | None]]:
    words = rate_labels().waits
    return [(text, getattr(report.waits, name)) for name, text in words.items()] if report.waits else []


def _chart(parts: RateReport, now: datetime) -> Any:
    counts = {
        it.key.astimezone(LOCAL).hour: HourCount(it.rates[0].reached, it.rates[0].misses)
        for it in parts.groups
        if isinstance(it.key, datetime)
    }
    today = day_of(now)[0] == parts.begin
    return hour_chart(counts, now.astimezone(LOCAL).hour if today else -1)


def _group(group: Group, by: str, desk: Desk) -> dict[str, Any]:
    rate: Rate = group.rates[0]
    if isinstance(group.key, datetime):
        forms = {"hour": "%m-%d %H 时", "day": "%Y-%m-%d", "month": "%Y-%m"}
        name = group.key.astimezone(LOCAL).strftime(forms[by])
    elif by == "line":
        name = line_name(desk.hotline, group.key)
    else:
        name = queue_name(desk.hotline, group.key) if group.key else rate_labels().no_queue
    return {"name": name, "rate": rate}


@router.get("/rate/misses")
async def misses_page(
    request: Request,
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: Day = "",
) -> Response:
    """Why calls were missed, ranked, and what would have saved them."""
    desk: Desk = request.app.state.desk
    days = period(desk, from_, to)
    async with desk.database.unit_of_work() as uow:
        report = await miss_report(uow, desk.hotline, *bounds(days))
    words = rate_labels()
    most = max((it.count for it in report.ranked), default=1)
    return render_page(
        request,
        "rate_misses.html",
        place="rate",
        tab="misses",
        now=desk.now(),
        days=days,
        total=len(report.misses),
        states_known=report.states_known,
        ranked=[
            {
                "name": words.causes[it.cause]["name"],
                "remedy": words.remedies[it.remedy],
                "count": it.count,
                "width": round(100 * it.count / most, 1),
                "tone": "mute" if it.remedy is Remedy.NOTHING else "miss",
                "rang": [(agent_name(desk.hotline, agent), n) for agent, n in it.rang[:5]],
            }
            for it in report.ranked
        ],
        misses=[
            {
                "url": call_url(it.call),
                "at": it.arrived_at,
                "line": line_name(desk.hotline, it.line),
                "cause": words.causes[it.cause]["name"],
                "detail": miss_detail(it, desk.hotline),
                "remedy": words.remedies[it.remedy],
            }
            for it in report.misses[:MISSES_SHOWN]
        ],
    )


@router.get("/rate/missed")
async def missed_page(
    request: Request,
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: Day = "",
) -> Response:
    """Callers who were missed and not reached within a day; numbers masked."""
    desk: Desk = request.app.state.desk
    days = period(desk, from_, to)
    async with desk.database.unit_of_work() as uow:
        found = await missed_list(uow, *bounds(days))
    now, states = desk.now(), journey_labels().states
    return render_page(
        request,
        "rate_missed.html",
        place="rate",
        tab="missed",
        now=now,
        days=days,
        withheld=found.withheld_misses,
        callers=[
            {
                "number": mask_number(it.row.caller_number),
                "url": call_url(it.row.call),
                "line": line_name(desk.hotline, it.row.line),
                "outcome": labels().outcomes[it.row.outcome],
                "misses": it.row.misses,
                "first_at": it.row.first_at,
                "last_at": it.row.last_at,
                "until": it.until if it.until > now else None,
                "callback": states[CallbackState(it.row.callback_state)] if it.row.callback_state else None,
                "callback_url": f"/callbacks/{it.row.callback_id}" if it.row.callback_id else None,
            }
            for it in found.callers
        ],
    )
