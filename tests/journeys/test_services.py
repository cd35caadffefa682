"""What flows may ask of the house: progress, outlook, notice, follow-ups; and what they may never learn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
import pytest_asyncio

from facts.call import QueueLeg
from facts.caller_session import ProgressAnswer, TicketProgress
from facts.identity import CallKey
from telephony.ami.events import (
    FollowUpStage,
    LinkLost,
    MemberStatus,
    QueueJoined,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotQueueEntry,
    SnapshotQueueMember,
)
from tests.bridge.conftest import Line
from tests.journeys.conftest import Shift, until
from tests.journeys.people import CITIZEN, HOTLINE, NOON, OTHER, a_call, a_queue, a_ticket, minutes, stored
from ticketing_bridge.journeys.follow_ups import HUMAN, ROBOT, figures, human_result, make_tasks
from ticketing_bridge.journeys.hour_notice import NoticeRefused, check_notice, switch_off, switch_on
from ticketing_bridge.journeys.notices import HourNotices
from ticketing_bridge.journeys.progress import Progress, ProgressLimits
from ticketing_bridge.journeys.queue_board import QueueBoard, outlook_of, place_s
from ticketing_bridge.journeys.services import CityServices
from ticketing_bridge.journeys.tickets import BadRow, TicketFileInvalid, import_tickets, read_tickets
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import CallbackKind, FollowUpState

UNKNOWN, LOCKED = TicketProgress(ProgressAnswer.UNKNOWN), TicketProgress(ProgressAnswer.LOCKED)
KEY = CallKey("city", "city-1.1")


@pytest_asyncio.fixture
async def services(database: Database) -> AsyncIterator[CityServices]:
    async with HourNotices(database) as notices:
        yield CityServices(database, HOTLINE, "city", notices, now=lambda: NOON)


async def test_progress_is_told_to_who_names_ticket_and_digits(
    database: Database, services: CityServices
) -> None:
    await stored(database, a_ticket(expected_on=datetime(2026, 12, 31).date()))
    told = await services.ticket_progress("20260001", "0001", None)
    assert told == TicketProgress(
        ProgressAnswer.FOUND, "您的工单目前正在办理，由市住建局办理，预计十二月三十一日前办结。"
    )
    by_phone = await services.ticket_progress("", "0001", f"+86{CITIZEN}")
    assert by_phone == told, "from the call-back number with the ticket's last digits"
    for number, digits, caller in (
        ("20260001", "0002", CITIZEN),
        ("20260001", "", CITIZEN),
        ("", "", CITIZEN),
        ("", "0001", OTHER),
        ("", "0001", None),
        ("", CITIZEN[-4:], None),
    ):
        assert await services.ticket_progress(number, digits, caller) == UNKNOWN, (number, digits, caller)


async def test_a_confidential_ticket_is_exactly_as_one_that_is_not_there(database: Database) -> None:
    await stored(database, a_ticket(confidential=True))
    generous = ProgressLimits(per_caller=1000, per_ticket=1000)
    progress = Progress(database, generous, answer_s=0.15)
    clock = asyncio.get_running_loop().time
    took: dict[str, list[float]] = {"20260001": [], "20260009": []}
    for _ in range(5):
        for number, times in took.items():
            began = clock()
            assert await progress.ask(number, "0001", CITIZEN) == UNKNOWN
            times.append(clock() - began)
    assert min(min(times) for times in took.values()) >= 0.149, "an answer is never quicker than this"
    hidden, missing = (median(times) for times in took.values())
    assert abs(hidden - missing) < 0.1
    assert await progress.ask("", "0001", CITIZEN) == UNKNOWN


@pytest.mark.parametrize(
    ("limits", "asked"),
    [
        (ProgressLimits(per_caller=3), [("20260009", CITIZEN)] * 3 + [("20260008", CITIZEN)]),
        (ProgressLimits(per_ticket=3), [("20260009", f"1390979{it:04d}") for it in range(4)]),
        (ProgressLimits(failed=3), [(f"2026000{it}", f"1390979{it:04d}") for it in range(4)]),
        (ProgressLimits(withheld=3), [(f"2026000{it}", None) for it in range(4)]),
    ],
)
async def test_attempts_are_limited(
    database: Database, limits: ProgressLimits, asked: list[tuple[str, str | None]]
) -> None:
    progress = Progress(database, limits, answer_s=0)
    answers = [await progress.ask(number, "9999", caller) for number, caller in asked]
    assert answers == [UNKNOWN] * 3 + [LOCKED]


async def test_a_right_answer_is_not_held_against_the_ticket(database: Database) -> None:
    await stored(database, a_ticket())
    progress = Progress(database, ProgressLimits(per_ticket=2, per_caller=10), answer_s=0)
    answers = [(await progress.ask("20260001", "0001", CITIZEN)).answer for _ in range(5)]
    assert answers == [ProgressAnswer.FOUND] * 5


async def test_without_a_database_nothing_is_answered_and_the_notice_goes_on(line: Line) -> None:
    async with Database(line.url) as database:
        async with database.unit_of_work() as uow:
            await switch_on(uow, "城东停水", (), datetime.now(UTC) + minutes(30), "lead")
        async with HourNotices(database) as notices:
            services = CityServices(database, HOTLINE, "city", notices)
            await until(lambda: notices.text("main"))
            await line.cut()
            answers = await asyncio.gather(
                services.ticket_progress("20260001", "0001", CITIZEN),
                services.queue_outlook("main"),
                services.calls_back(KEY, CITIZEN),
                services.request_callback(KEY, CITIZEN, "main", "main"),
                services.follow_up(1),
                services.follow_up_answer(1, "是否解决", "已解决"),
            )
            assert answers == [None] * 6
            assert await services.hour_notice("main") == "城东停水"


async def test_a_notice_is_heard_at_once_on_its_lines_and_ends_by_itself(database: Database) -> None:
    made_ready: list[str] = []
    now = datetime.now(UTC)

    async def prepare(text: str) -> None:
        made_ready.append(text)

    async with HourNotices(database, prepare, now=lambda: now) as notices:
        async with database.unit_of_work() as uow:
            await switch_on(uow, "全线通知", (), now + minutes(30), "lead")
            await switch_on(uow, "环保通知", ("environment",), now + minutes(10), "lead")
        await until(lambda: notices.text("main") == "全线通知" and notices.text("environment") == "环保通知")
        assert set(made_ready) == {"全线通知", "环保通知"}, "its sound is there before a caller is"
        now += minutes(15)
        assert notices.text("environment") == "全线通知"
        now += minutes(20)
        assert notices.text("main") == ""
        async with database.unit_of_work() as uow:
            assert await switch_off(uow, "lead") == 2
            assert [it.action for it in await uow.audit.list()] == [
                "hour-notice-off",
                *["hour-notice-on"] * 2,
            ]


def test_a_notice_that_keeps_callers_from_the_queue_is_refused() -> None:
    fits = "城东停水，请稍候"
    assert 1000 < check_notice(HOTLINE, fits, ["main"], NOON + minutes(60), NOON) < 5000
    for text, lines, until_at in (
        ("城东停水，" * 10, (), NOON + minutes(60)),
        (" ", (), NOON + minutes(60)),
        (fits, ("nowhere",), NOON + minutes(60)),
        (fits, (), NOON),
        (fits, (), NOON + timedelta(days=2)),
    ):
        with pytest.raises(NoticeRefused):
            check_notice(HOTLINE, text, lines, until_at, NOON)


def test_the_board_counts_who_waits_and_who_is_free() -> None:
    board = QueueBoard()
    common = {"at": NOON, "pbx_id": "city", "queue": "main"}
    member = {**common, "member": "", "in_call": False, "calls_taken": 0}

    def agent(number: int, status: int, paused: bool = False) -> SnapshotQueueMember:
        return SnapshotQueueMember(**member, interface=f"PJSIP/{number}", status=status, paused=paused)

    assert board.states({}, ["main"]) == [], "nothing is known before a snapshot"
    board.take(SnapshotBegin(at=NOON, pbx_id="city", number=1))
    for event in (agent(1, 1), agent(2, 2), agent(3, 1, True), agent(4, 5)):
        board.take(event)
    board.take(SnapshotQueueEntry(**common, position=1, wait_s=3))
    board.take(SnapshotEnd(at=NOON, pbx_id="city", number=1, complete=True))
    (state,) = board.states({"main": 20.0}, ["main"])
    assert (state.waiting, state.free_agents, state.agents) == (1, 1, 3)
    assert outlook_of(state).estimated_wait_s == 40.0
    board.take(QueueJoined(**common, position=2, count=2))
    board.take(MemberStatus(**member, interface="PJSIP/2", status=1, paused=False))
    (state,) = board.states({}, ["main"])
    assert (state.waiting, state.free_agents) == (2, 2)
    board.take(LinkLost(at=NOON, pbx_id="city"))
    assert board.states({}, ["main"]) == [], "what is not heard is not known"


def test_the_wait_is_measured_a_place() -> None:
    def waited(seconds: int, position: int) -> QueueLeg:
        return QueueLeg("main", NOON, NOON + timedelta(seconds=seconds), "answered", position)

    legs = [waited(30, 1), waited(60, 2), waited(90, 3), waited(40, 2), waited(500, 1)]
    calls = [a_call(queue_legs=(leg,)) for leg in legs]
    assert place_s(calls, "main") == 30
    assert place_s(calls[:4], "main") is None, "too few say nothing"
    assert place_s(calls, "business") is None
    assert outlook_of(a_queue(free=1)).estimated_wait_s == 0
    assert outlook_of(a_queue(waiting=3, free=0)).estimated_wait_s == 480, "four minutes a talk, two agents"
    assert outlook_of(a_queue(waiting=3, free=0, agents=0)).estimated_wait_s is None, "nobody is there"


async def test_the_outlook_is_of_now_or_none(database: Database, services: CityServices) -> None:
    assert await services.queue_outlook("main") is None
    async with database.unit_of_work() as uow:
        await uow.queues.put("city", [replace(a_queue(waiting=2, free=0), place_s=15.0)])
    found = await services.queue_outlook("main")
    assert found is not None
    assert (found.waiting, found.estimated_wait_s) == (2, 45.0)


CSV = """工单编号,标题,状态,承办单位,回拨电话,是否保密,更新时间,办结时间
GEM-001,路灯不亮,办理中,市住建局、市城管局,+8613909790001,否,2026-11-01 10:00,
GEM-002,小区停水,已办结,市水务局,13909790002,否,2026-11-01 10:00,2026-11-02 09:00
GEM-003,举报,已办结,市纪委,13909790003,是,2026-11-01 10:00,2026-11-02 09:00
无号,坏的,办理中,,1,,,
GEM-005,坏的,办理中,,,也许,,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_tickets_are_imported_and_followed_up(
    shift: Shift, tmp_path: Path, encoding: str, services: CityServices
) -> None:
    database, file = shift.database, tmp_path / "tickets.csv"
    file.write_bytes(CSV.encode(encoding))
    done = await import_tickets(database, file)
    assert (done.rows, done.written, [bad.line for bad in done.bad]) == (5, 3, [5, 6])
    assert (await services.ticket_progress("001", "0001", None)).text.endswith("由市住建局、市城管局办理。")  # type: ignore[union-attr]
    file.write_bytes(CSV.replace("2026-11-01 10:00", "2026-10-01 10:00").encode(encoding))
    assert (await import_tickets(database, file)).older == 3, "what is newer stays"

    async with database.unit_of_work() as uow:
        made = await make_tasks(uow, HOTLINE, "city", NOON - timedelta(days=30), None, 100, NOON)
        assert made == (1, 1), "a confidential one is for a person"
        assert await make_tasks(uow, HOTLINE, "city", NOON - timedelta(days=30), None, 100, NOON) == (0, 0)
    await shift.look()
    (task,) = shift.pbx.asked
    known = await services.follow_up(task)
    assert known is not None
    assert (known.matter, known.confidential) == ("小区停水", False)
    assert await services.follow_up_answer(task, "是否解决", "未解决")
    assert await services.follow_up_answer(task, "要求人工", "是")
    assert not await services.follow_up_answer(999, "是否解决", "未解决")
    over = FollowUpStage(
        at=NOON, pbx_id="city", task=task, status="done", file="city-9.9",
        results="answer:Name=%E5%9B%9E%E8%AE%BF%E7%BB%93%E6%9E%9C&Value=%E5%AE%8C%E6%88%90;",
    )  # fmt: skip
    shift.dispatcher.take(over)
    shift.dispatcher.take(over)
    await shift.look(minutes(200))
    assert shift.pbx.asked == [task], "once"
    async with database.unit_of_work() as uow:
        tasks = await uow.follow_ups.newest()
        person = next(it for it in tasks if it.state is FollowUpState.BY_PERSON)
        await human_result(uow, person, {"回访结果": "完成", "是否满意": "满意", "是否解决": ""}, "wang")
        answers = await uow.follow_ups.answers([it.id for it in tasks])
        (wanted,) = await uow.callbacks.newest()
    assert (wanted.kind, wanted.number) == (CallbackKind.FOLLOW_UP, "13909790002"), "asked for a person"
    robot, human = figures(tasks, answers, ROBOT), figures(tasks, answers, HUMAN)
    assert (robot.asked, robot.reached, robot.solved, robot.rated_solved, robot.rated_satisfied) == (
        1,
        1,
        0,
        1,
        0,
    )
    assert (human.asked, human.reached, human.satisfied, human.rated_solved) == (1, 1, 1, 0)


async def test_a_citizen_who_is_not_reached_is_asked_again_three_times_at_most(shift: Shift) -> None:
    await stored(shift.database, a_ticket(status="closed", closed_at=NOON))
    async with shift.database.unit_of_work() as uow:
        await uow.tickets.put_contacts([("GEM20260001", CITIZEN)])
        await make_tasks(uow, HOTLINE, "city", NOON - minutes(1), None, 100, NOON)
    for day in range(5):
        shift.now = (NOON + timedelta(days=day)).replace(hour=7)
        await shift.look()
        asked = len(shift.pbx.asked)
        assert asked == min(day, 3), "nobody is asked before nine"
        await shift.look(minutes(300))
        for task in shift.pbx.asked[asked:]:
            no_answer = FollowUpStage(at=NOON, pbx_id="city", task=task, status="no_answer")
            shift.dispatcher.take(no_answer)
        await shift.look()
    async with shift.database.unit_of_work() as uow:
        (task,) = await uow.follow_ups.newest()
    assert (task.state, task.attempts) == (FollowUpState.GIVEN_UP, 3)


def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    for content, told in (
        (b"a,b\n1,2\n", "工单编号、标题"),
        (b"\xff\xfe\x00\x01", "neither"),
        (b"", "nothing"),
    ):
        file.write_bytes(content)
        with pytest.raises(TicketFileInvalid, match=told):
            list(read_tickets(file, NOON))
    file.write_text("工单编号,标题,状态,回拨电话,是否保密,办结时间\n1,x,办理中,,否,昨天\n", encoding="utf-8")
    (bad,) = read_tickets(file, NOON)
    assert isinstance(bad, BadRow)
    assert "办结时间" in bad.problem
