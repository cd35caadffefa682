"""Calls and their drafts, numbers masked; the unit directory; rates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel

from config.catalogue_store import CatalogueStore
from facts.call import Outcome
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.masking import mask_spoken
from ticketing_bridge.api.clients import Caller, NeedsScope, Scope
from ticketing_bridge.api.problems import ApiProblem
from ticketing_bridge.api.values import Cursor, Limit, Moment, Page, cursor_moment, cursor_of, read_cursor
from ticketing_bridge.call_ledger.listing import call_json
from ticketing_bridge.rate.service import rate_between
from ticketing_bridge.store.database import Database

#: a longer stretch is a report's matter
LONGEST = timedelta(days=92)
#: fields of a draft in which a person stands
_OF_PERSONS = frozenset({"callback_phone", "caller_name", "phones"})

router = APIRouter()
CallKeyText = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,30}:[A-Za-z0-9._-]{1,80}$")]


class CallShown(BaseModel):
    """One citizen call: times in UTC, its caller's number masked."""

    model_config = {"extra": "allow"}

    key: str
    caller: str
    withheld: bool
    line: str
    state: str
    outcome: Outcome | None
    arrived_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    wait_s: float | None


class DraftShown(BaseModel):
    """One version of a call's draft, with what is personal masked."""

    call: str
    version: int
    source: str
    created_at: datetime
    content: dict[str, Any]


class UnitShown(BaseModel):
    """A handling unit."""

    name: str
    aliases: tuple[str, ...]
    duties: tuple[str, ...]
    keywords: tuple[str, ...]


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


@router.get("/calls", dependencies=[Depends(NeedsScope(Scope.CALLS_READ))], tags=["calls"])
async def list_calls(
    request: Request,
    from_: Annotated[Moment | None, Query(alias="from", description="Arrived at or after.")] = None,
    to: Annotated[Moment | None, Query(description="Arrived before.")] = None,
    line: Annotated[str | None, Query(max_length=40)] = None,
    outcome: Outcome | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CallShown]:
    """Citizen calls, newest first."""
    place = read_cursor(cursor, str, str)
    after = (cursor_moment(place[0]), place[1]) if place else None
    async with _database(request).unit_of_work() as uow:
        found = await uow.calls.list(
            from_=from_, to=to, line=line, outcome=outcome, limit=limit + 1, after=after
        )
    shown = [CallShown.model_validate(call_json(it)) for it in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    following = cursor_of(last.arrived_at.isoformat(), str(last.key)) if last else None
    return Page(items=shown, next=following)


@router.get("/calls/{key}", dependencies=[Depends(NeedsScope(Scope.CALLS_READ))], tags=["calls"])
async def one_call(request: Request, key: CallKeyText) -> CallShown:
    """One call."""
    async with _database(request).unit_of_work() as uow:
        call = await uow.calls.get(CallKey.parse(key))
    if call is None:
        raise ApiProblem(404, "call-unknown")
    return CallShown.model_validate(call_json(call))


@router.get("/calls/{key}/drafts", tags=["drafts"])
async def drafts_of_call(
    request: Request, caller: Annotated[Caller, Depends(NeedsScope(Scope.DRAFTS_READ))], key: CallKeyText
) -> Page[DraftShown]:
    """All versions of a call's draft, newest first. A draft is a suggestion until a person confirms it.

    The words of a call whose ticket is confidential are for no other system.
    """
    async with _database(request).unit_of_work() as uow:
        if await uow.calls.get(CallKey.parse(key)) is None:
            raise ApiProblem(404, "call-unknown")
        secret = key in await uow.desk_tickets.secret_calls([key])
        found = [] if secret else await uow.drafts.list(call=CallKey.parse(key))
        done = "call-refused" if secret else "call-viewed"
        await uow.audit.add(caller.person.name, done, subject=key, fields=["draft"])
    return Page(
        items=[
            DraftShown(
                call=it.call,
                version=it.version,
                source=it.source,
                created_at=it.created_at,
                content=_masked(dict(it.content)),
            )
            for it in found
        ]
    )


def _masked(value: Any) -> Any:
    """A draft's content without what is a person's."""
    if isinstance(value, str):
        return mask_spoken(value)
    if isinstance(value, list):
        return [_masked(it) for it in value]
    if isinstance(value, dict):
        return {name: _masked(it) for name, it in value.items() if name not in _OF_PERSONS}
    return value


@router.get("/units", dependencies=[Depends(NeedsScope(Scope.UNITS_READ))], tags=["city"])
async def list_units(
    request: Request, q: Annotated[str | None, Query(max_length=60)] = None
) -> Page[UnitShown]:
    """The city's handling units; ``q``: only those whose name, aliases, duties or keywords hold it."""
    store: CatalogueStore = request.app.state.catalogue
    catalogue = store.current()
    rows = [
        UnitShown(name=it.name, aliases=it.aliases, duties=it.duties, keywords=it.keywords)
        for it in catalogue.units
        if not q or any(q in text for text in (it.name, *it.aliases, *it.duties, *it.keywords))
    ]
    return Page(items=rows)


@router.get("/rates", dependencies=[Depends(NeedsScope(Scope.RATES_READ))], tags=["rates"])
async def rates(
    request: Request,
    from_: Annotated[Moment, Query(alias="from")],
    to: Moment,
    line: Annotated[str | None, Query(max_length=40)] = None,
    definition: Annotated[list[Annotated[str, Query(max_length=40)]] | None, Query(max_length=20)] = None,
) -> dict[str, Any]:
    """Connection rates of calls that arrived in ``[from, to)``, each with its definition and counts."""
    if to <= from_ or to - from_ > LONGEST:
        raise ApiProblem(422, "range-invalid", f"`to` after `from`, by {LONGEST.days} days at most")
    async with _database(request).unit_of_work() as uow:
        try:
            report = await rate_between(uow, from_, to, *(definition or ()), line=line)
        except HotlineError as problem:
            raise ApiProblem(422, problem.error_id, str(problem)) from None
    return report.to_json()
