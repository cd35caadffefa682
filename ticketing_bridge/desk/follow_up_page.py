"""Follow-ups of closed tickets: robot's and people's results apart, and the list for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from facts.masking import mask_number
from ticketing_bridge.access import Permission
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.journey_labels import journey_labels
from ticketing_bridge.desk.pages import record_reveal, render_page
from ticketing_bridge.desk.secret_calls import keeps_follow_up_secret
from ticketing_bridge.desk.visitor import SignedIn, needs, own_form
from ticketing_bridge.journeys.follow_ups import HUMAN, ROBOT, FollowUpFigures, figures, human_result
from ticketing_bridge.store.journey_records import FollowUp, FollowUpAnswer, FollowUpState

SHOWN = 200
#: judgements of the agents' service are shown over this time
SURVEY_OVER = timedelta(days=30)

router = APIRouter()


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task as people see it; the number is masked."""

    id: int
    url: str
    ticket: str
    matter: str
    number: str
    confidential: bool
    closed_at: datetime
    state: str
    tone: str
    by_person: bool
    attempts: int
    robot: dict[str, str]
    human: dict[str, str]
    who: str | None


@dataclass(frozen=True, slots=True)
class RateView:
    """One figure: part of whole, and the percentage with two decimals, half up; ``—`` of nothing."""

    name: str
    part: int
    whole: int

    @property
    def percent(self) -> str:
        """The percentage from unrounded numbers."""
        return "—" if not self.whole else f"{(self.part * 20000 + self.whole) // (2 * self.whole) / 100:.2f}%"


def task_view(task: FollowUp, answers: Iterable[FollowUpAnswer]) -> TaskView:
    """A task with what was answered."""
    label = journey_labels().follow_ups[task.state]
    own = [it for it in answers if it.task == task.id]
    said = {by: {it.question: it.answer for it in own if it.asked_by == by} for by in (ROBOT, HUMAN)}
    return TaskView(
        id=task.id,
        url=f"/followup/{task.id}",
        ticket=task.ticket,
        matter="（保密）" if task.confidential else task.matter,
        number=mask_number(task.number),
        confidential=task.confidential,
        closed_at=task.closed_at,
        state=label.text,
        tone=label.tone,
        by_person=task.state is FollowUpState.BY_PERSON,
        attempts=task.attempts,
        robot=said[ROBOT],
        human=said[HUMAN],
        who=next((it.who for it in own if it.who), None),
    )


def rates(found: FollowUpFigures) -> tuple[RateView, ...]:
    """What is printed of follow-ups; the denominators are part of the figure."""
    return (
        RateView("覆盖率", found.asked, found.tasks),
        RateView("接触率", found.reached, found.asked),
        RateView("解决率", found.solved, found.rated_solved),
        RateView("满意率", found.satisfied, found.rated_satisfied),
    )


@router.get("/followup")
async def follow_up_page(request: Request) -> Response:
    """The newest tasks and what came of them."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        tasks = await uow.follow_ups.newest(limit=SHOWN)
        answers = await uow.follow_ups.answers([task.id for task in tasks])
        scores, answered = await uow.calls.survey_counts(desk.now() - SURVEY_OVER)
    views = [task_view(task, answers) for task in tasks]
    sums = {by: rates(figures(tasks, answers, by)) for by in (ROBOT, HUMAN)}
    return render_page(
        request,
        "follow_ups.html",
        place="followup",
        now=desk.now(),
        persons=[it for it in views if it.by_person],
        tasks=[it for it in views if not it.by_person],
        sums=sums,
        scores=[(score, words, scores.get(score, 0)) for score, words in journey_labels().survey.items()],
        rated=RateView("评价率", sum(scores.values()), answered),
        asked_by=journey_labels().asked_by,
    )


async def _page(request: Request, task_id: int, *, status: int = 200, **more: Any) -> Response:
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        task = await uow.follow_ups.get(task_id)
        answers = await uow.follow_ups.answers([task_id])
        visitor = request.state.visitor
        if task is not None and task.confidential:
            await uow.audit.add(
                visitor.name, "confidential-viewed", subject=task.ticket, fields=["follow_up"]
            )
    if task is None:
        raise HTTPException(404)
    context = {
        "task": task_view(task, answers),
        "questions": journey_labels().questions,
        "number": task.number if more.pop("show_number", False) else None,
        "reason": "",
        "problem": False,
        **more,
    }
    return render_page(request, "follow_up.html", status=status, place="followup", **context)


@router.get("/followup/{task_id}")
async def follow_up_task(request: Request, task_id: int) -> Response:
    """One task: number on request, and the form for a person's result."""
    return await _page(request, task_id)


@router.post(
    "/followup/{task_id}/number",
    dependencies=[Depends(own_form), needs(Permission.NUMBERS_REVEAL), Depends(keeps_follow_up_secret)],
)
async def show_follow_up_number(
    request: Request, visitor: SignedIn, task_id: int, reason: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """The number in clear, once; who and why is on record before it is shown."""
    desk: Desk = request.app.state.desk
    words = " ".join(reason.split())
    if not await record_reveal(desk, visitor, f"follow-up:{task_id}", words):
        return await _page(request, task_id, status=422, reason=words, problem=True)
    return await _page(request, task_id, show_number=True, reason=words)


@router.post("/followup/{task_id}/result", dependencies=[Depends(own_form)])
async def keep_result(request: Request, visitor: SignedIn, task_id: int) -> Response:
    """What a person found out; the robot's answers stay beside it."""
    desk: Desk = request.app.state.desk
    form = await request.form()
    given = {}
    for question, allowed in journey_labels().questions.items():
        answer = str(form.get(question) or "")
        if answer and answer not in allowed:
            raise HTTPException(422)
        given[question] = answer
    async with desk.database.unit_of_work() as uow:
        task = await uow.follow_ups.locked(task_id)
        if task is None:
            raise HTTPException(404)
        await human_result(uow, task, given, visitor.name)
        await uow.audit.add(visitor.name, "follow-up-result", subject=task.ticket, fields=sorted(given))
    return RedirectResponse("/followup", 303)
