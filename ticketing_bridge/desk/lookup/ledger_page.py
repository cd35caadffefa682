"""The draft ledger: how each drafted field fares with agents, and which are switched off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.lookup.wording import lookup_words
from ticketing_bridge.desk.pages import REASON_LENGTH, render_page
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.drafting import rules_version
from ticketing_bridge.store import UnitOfWork
from ticketing_bridge.store.workplace_records import FieldSwitch, Verdict
from ticketing_bridge.workplace.form import drafted_fields, form
from ticketing_bridge.workplace.verdicts import LEAST_VERDICTS, WINDOW, FieldState, field_states

router = APIRouter()


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field on the page; percentages with one decimal, ``—`` of nothing."""

    field: str
    label: str
    state: FieldState
    counts: tuple[int, ...]
    precision: str
    interval: str
    least: str
    #: 0 … 100, for the bar
    bar: float
    mark: float
    switch: FieldSwitch | None

    @property
    def tone(self) -> str:
        if not self.state.on:
            return "miss"
        return "mute" if self.state.recent < LEAST_VERDICTS else "ok"


async def states_of(uow: UnitOfWork, rules: str) -> tuple[dict[str, FieldState], dict[str, FieldSwitch]]:
    """How every field stands under one drafting version, and persons' decisions."""
    switches = await uow.draft_ledger.switches(rules)
    after = {name: it.after for name, it in switches.items()}
    counts = await uow.draft_ledger.counts(rules, drafted_fields(), after=after, window=WINDOW)
    return field_states(counts, switches), switches


def _row(state: FieldState, switch: FieldSwitch | None) -> FieldRow:
    precision = state.precision
    return FieldRow(
        field=state.field,
        label=form()[state.field].label,
        state=state,
        counts=tuple(state.verdicts.get(it, 0) for it in Verdict),
        precision="—" if precision is None else f"{precision:.1%}",
        interval="" if state.low is None or state.high is None else f"{state.low:.0%}–{state.high:.0%}",
        least=f"{state.least:.0%}",
        bar=round(100 * (precision or 0), 1),
        mark=round(100 * state.least, 1),
        switch=switch,
    )


@router.get("/drafts/ledger")
async def ledger_page(
    request: Request, visitor: SignedIn, rules: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """One drafting version, today's when none is named."""
    return await _page(request, visitor.may(Permission.TICKETS_DECIDE), rules)


async def _page(
    request: Request, may_switch: bool, rules: str, *, status: int = 200, problem: str = ""
) -> Response:
    desk: Desk = request.app.state.desk
    current = rules_version()
    wanted = rules or current
    async with desk.database.unit_of_work() as uow:
        known = await uow.draft_ledger.rules()
        states, switches = await states_of(uow, wanted)
    words = lookup_words()
    return render_page(
        request,
        "lookup/ledger.html",
        status=status,
        place="drafts",
        rules=wanted,
        current=current,
        known=list(dict.fromkeys([current, *known])),
        rows=[_row(state, switches.get(name)) for name, state in states.items()],
        verdicts=[words.verdicts[it] for it in Verdict],
        least_verdicts=LEAST_VERDICTS,
        window=WINDOW,
        may_switch=may_switch,
        problem=problem,
        now=desk.now(),
    )


@router.post("/drafts/ledger", dependencies=[Depends(own_form), needs(Permission.TICKETS_DECIDE)])
async def switch_field(
    request: Request,
    visitor: SignedIn,
    field: Annotated[str, Form(max_length=40)],
    rules: Annotated[str, Form(max_length=200)],
    on: Annotated[bool, Form()],
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """A shift leader switches a field on again, or off; counting begins anew."""
    desk: Desk = request.app.state.desk
    if field not in drafted_fields():
        raise HTTPException(404)
    words = " ".join(reason.split())
    if len(words) not in REASON_LENGTH:
        problem = lookup_words().problems["reason"]
        return await _page(request, True, rules, status=422, problem=problem)
    async with desk.database.unit_of_work() as uow:
        await uow.draft_ledger.switch(field, rules, on=on, login=visitor.name, reason=words)
        await uow.audit.add(visitor.name, "draft-field-switched", subject=rules, fields=[field], reason=words)
    return RedirectResponse(f"/drafts/ledger?rules={rules}", 303)
