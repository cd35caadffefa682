"""Follow-ups of closed tickets: whom the robot phones, what came of it, and what people asked themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs

from config.hotline import Hotline
from config.outbound import Callback as Policy
from facts.caller_session import FollowUpTask, JourneyFact
from telephony.ami.events import FollowUpStage
from ticketing_bridge.journeys.callback_rules import is_quiet, spacing
from ticketing_bridge.journeys.callbacks import CALLBACK_CHANNEL
from ticketing_bridge.journeys.citizen_numbers import number_to_call
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.journey_records import (
    CallbackKind,
    FollowUp,
    FollowUpAnswer,
    FollowUpState,
    NewCallback,
)

#: names under which the flow ``follow_up`` keeps its answers
RESULT, SOLVED, SATISFIED, WANTS_PERSON = "回访结果", "是否解决", "是否满意", "要求人工"
COMPLETE, IN_PART, SOMEBODY_ELSE = "完成", "未答完", "非本人"
YES, IS_SOLVED, IS_SATISFIED = "是", "已解决", "满意"
ROBOT, HUMAN = "robot", "human"
#: so many robot calls at once: each has a trunk's channel
AT_ONCE: Final = 2
#: a call whose end nobody told us of is over after this time
LOST_AFTER = timedelta(minutes=15)


async def make_tasks(
    uow: UnitOfWork,
    hotline: Hotline,
    pbx_id: str,
    from_: datetime,
    to: datetime | None,
    limit: int,
    now: datetime,
) -> tuple[int, int]:
    """A task for each ticket closed in that time that has none; returns how many for robot and person."""
    found = await uow.tickets.closed_with_contact(from_, to, limit)
    rows = []
    for ticket, phone in found:
        number = number_to_call(phone, hotline)
        by_person = ticket.confidential or number is None
        rows.append(
            {
                "pbx_id": pbx_id,
                "ticket": ticket.number,
                "number": number or phone,
                "matter": ticket.matter,
                "confidential": ticket.confidential,
                "closed_at": ticket.closed_at,
                "state": (FollowUpState.BY_PERSON if by_person else FollowUpState.DUE).value,
                "due_at": now,
            }
        )
    made = await uow.follow_ups.add(rows)
    await uow.tickets.forget_contacts([ticket.number for ticket, _ in found])
    persons = sum(row["state"] == FollowUpState.BY_PERSON.value for row in rows)
    await uow.notify(CALLBACK_CHANNEL, "follow-up")
    return made - persons, persons


def due_follow_ups(
    tasks: Sequence[FollowUp], dialled_today: Mapping[str, int], hotline: Hotline, now: datetime
) -> list[FollowUp]:
    """Whom the robot phones now. ``now`` is on the city's own clock."""
    policy, hours = hotline.callback, hotline.follow_up
    quiet = is_quiet(now.time(), policy.quiet_from, policy.quiet_to)
    if quiet or not hours.robot_from <= now.time() < hours.robot_to:
        return []
    room = AT_ONCE - sum(task.state is FollowUpState.DIALING for task in tasks)
    due = [
        task
        for task in tasks
        if task.state is FollowUpState.DUE
        and not task.confidential
        and task.due_at <= now
        and dialled_today.get(task.number, 0) < policy.daily_per_number
    ]
    return due[: max(0, room)]


def after_call(task: FollowUp, answers: Mapping[str, str], policy: Policy, now: datetime) -> FollowUp:
    """The task when its call is over: done, for a person, or once more."""
    result = answers.get(RESULT)
    if result in (COMPLETE, IN_PART):
        return replace(task, state=FollowUpState.DONE)
    if result == SOMEBODY_ELSE or task.confidential:
        return replace(task, state=FollowUpState.BY_PERSON)
    if task.attempts >= policy.attempts:
        return replace(task, state=FollowUpState.GIVEN_UP)
    return replace(task, state=FollowUpState.DUE, due_at=now + spacing(policy, task.attempts))


def dialled(task: FollowUp, now: datetime) -> FollowUp:
    """The task once its number is dialled."""
    return replace(task, state=FollowUpState.DIALING, attempts=task.attempts + 1, dialled_at=now)


async def robot_answer(uow: UnitOfWork, task: int, question: str, answer: str) -> bool:
    """Keep what a citizen told the robot; False when there is no such task."""
    if await uow.follow_ups.get(task) is None:
        return False
    await uow.follow_ups.put_answer(task, ROBOT, question, answer)
    return True


async def human_result(uow: UnitOfWork, task: FollowUp, answers: Mapping[str, str], who: str) -> None:
    """Keep what a person found out. The robot's answers stay beside it."""
    for question, answer in answers.items():
        if answer:
            await uow.follow_ups.put_answer(task.id, HUMAN, question, answer, who)
    if answers.get(RESULT) in (COMPLETE, IN_PART):
        await uow.follow_ups.save(replace(task, state=FollowUpState.DONE))


def task_for_flow(task: FollowUp) -> FollowUpTask:
    """What the flow may know of it."""
    return FollowUpTask(task.id, task.matter, task.closed_at, task.confidential)


async def take_follow_up_stage(
    uow: UnitOfWork, stage: FollowUpStage, hotline: Hotline, now: datetime
) -> None:
    """What the dialplan says of a follow-up call. The same a second time changes nothing."""
    task = await uow.follow_ups.locked(stage.task)
    if task is None or task.state is not FollowUpState.DIALING:
        return
    if stage.status in ("no_answer", "busy", "failed"):
        await uow.follow_ups.save(after_call(task, {}, hotline.callback, now))
    elif stage.status == "done":
        for question, answer in answers_of(stage.results or "").items():
            await uow.follow_ups.put_answer(task.id, ROBOT, question, answer)
        found = await uow.follow_ups.answers([task.id])
        answers = {it.question: it.answer for it in found if it.asked_by == ROBOT}
        task = replace(task, recording=stage.file or task.recording)
        await uow.follow_ups.save(after_call(task, answers, hotline.callback, now))
        if answers.get(WANTS_PERSON) == YES and not stage.agent:
            await _person_calls(uow, task, hotline, now)


async def _person_calls(uow: UnitOfWork, task: FollowUp, hotline: Hotline, now: datetime) -> None:
    line = hotline.lines[0]
    await uow.callbacks.add(
        NewCallback(
            pbx_id=task.pbx_id,
            kind=CallbackKind.FOLLOW_UP,
            number=task.number,
            line=line.id,
            queue=line.queue,
            arrived_at=now,
            due_at=now,
            priority="raised",
        )
    )
    await uow.notify(CALLBACK_CHANNEL, "follow-up")


def answers_of(results: str) -> dict[str, str]:
    """Answers in a call's ``HOTLINE_RESULTS``.

    >>> answers_of("answer:Name=%E5%9B%9E%E8%AE%BF%E7%BB%93%E6%9E%9C&Value=%E5%AE%8C%E6%88%90;closed:;")
    {'回访结果': '完成'}
    """
    found = {}
    for fact in results.split(";"):
        kind, _, details = fact.partition(":")
        values = parse_qs(details)
        if kind == JourneyFact.ANSWER.value and "Name" in values:
            found[values["Name"][0]] = values.get("Value", [""])[0]
    return found


@dataclass(frozen=True, slots=True)
class FollowUpFigures:
    """What follow-ups came to. Rates are ``part ÷ whole``; nobody's silence is satisfaction."""

    tasks: int
    #: asked at least once
    asked: int
    #: answered at least one question about the matter
    reached: int
    rated_solved: int
    solved: int
    rated_satisfied: int
    satisfied: int


def figures(tasks: Sequence[FollowUp], answers: Iterable[FollowUpAnswer], asked_by: str) -> FollowUpFigures:
    """Robot's or people's results, never both together."""
    said: dict[int, dict[str, str]] = {}
    for it in answers:
        if it.asked_by == asked_by:
            said.setdefault(it.task, {})[it.question] = it.answer
    of_tasks = [said.get(task.id, {}) for task in tasks]
    asked = sum(task.attempts > 0 for task in tasks) if asked_by == ROBOT else sum(map(bool, of_tasks))
    solved = [it[SOLVED] for it in of_tasks if SOLVED in it]
    satisfied = [it[SATISFIED] for it in of_tasks if SATISFIED in it]
    return FollowUpFigures(
        tasks=len(tasks),
        asked=asked,
        reached=sum(it.get(RESULT) in (COMPLETE, IN_PART) for it in of_tasks),
        rated_solved=len(solved),
        solved=solved.count(IS_SOLVED),
        rated_satisfied=len(satisfied),
        satisfied=satisfied.count(IS_SATISFIED),
    )
