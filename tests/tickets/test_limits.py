"""Limits on the city's calendar: National Day, make-up days, nights, extensions, standing still."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hotline import load_hotline
from config.tickets import LimitUnit, Span
from tests.tickets.city import OFFICE, RULES
from ticketing_bridge.tickets.limits import (
    LOCAL,
    WorkCalendar,
    due,
    extended,
    last_moment_to_ask,
    shifted,
)

HOTLINE = load_hotline()
CALENDAR = WorkCalendar(HOTLINE.calendar, HOTLINE.hours["office"], time(23, 59, 59, 999999))
D, W, H, WH = LimitUnit.DAY, LimitUnit.WORKING_DAY, LimitUnit.HOUR, LimitUnit.WORKING_HOUR


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


#: begins, limit, ends. 2025: holiday 1–8 October, worked on Sunday 28 September and Saturday 11 October.
#: 2026: holiday 1–7 October, worked on Sunday 20 September and Saturday 10 October; 25–27 September off.
CASES = [
    # 自然日：当日不计入，最后一日到 24 时
    ("2026-03-11 10:00", 1, D, "2026-03-13 00:00"),
    ("2026-03-11 23:59", 1, D, "2026-03-13 00:00"),
    ("2026-03-11 00:00", 3, D, "2026-03-17 00:00"),  # 周六 → 周一
    ("2026-03-11 10:00", 7, D, "2026-03-19 00:00"),
    ("2026-03-11 10:00", 11, D, "2026-03-24 00:00"),  # 周日 → 周一
    # 国庆：第三日落在假日里，顺延到假后第一个工作日
    ("2025-09-29 10:00", 3, D, "2025-10-10 00:00"),
    ("2025-09-30 17:00", 1, D, "2025-10-10 00:00"),
    ("2025-10-02 09:00", 7, D, "2025-10-10 00:00"),
    ("2025-10-01 09:00", 11, D, "2025-10-14 00:00"),  # 12 日周日 → 13 日周一
    ("2026-09-29 10:00", 3, D, "2026-10-09 00:00"),
    ("2026-09-29 10:00", 11, D, "2026-10-11 00:00"),  # 10 月 10 日周六上班
    # 最后一日是调休上班的周日、周六，不顺延
    ("2025-09-25 10:00", 3, D, "2025-09-29 00:00"),
    ("2025-10-04 10:00", 7, D, "2025-10-12 00:00"),
    ("2026-09-17 10:00", 3, D, "2026-09-21 00:00"),
    # 工作日：调休上班日算，法定假日和平常周末不算
    ("2025-09-26 16:00", 1, W, "2025-09-29 00:00"),
    ("2025-09-26 16:00", 3, W, "2025-10-01 00:00"),
    ("2025-09-26 16:00", 5, W, "2025-10-11 00:00"),
    ("2025-09-26 16:00", 6, W, "2025-10-12 00:00"),
    ("2025-09-26 16:00", 7, W, "2025-10-14 00:00"),
    ("2025-09-28 10:00", 1, W, "2025-09-30 00:00"),
    ("2025-10-05 10:00", 1, W, "2025-10-10 00:00"),
    ("2026-02-13 10:00", 1, W, "2026-02-15 00:00"),  # 春节前的周六上班
    ("2026-02-13 10:00", 2, W, "2026-02-25 00:00"),
    ("2026-03-13 10:00", 5, W, "2026-03-21 00:00"),
    # 小时与工作时（9:00–12:30，14:30–18:30）
    ("2025-09-30 23:30", 2, H, "2025-10-01 01:30"),
    ("2026-03-11 10:00", 2, WH, "2026-03-11 12:00"),
    ("2026-03-11 12:00", 2, WH, "2026-03-11 16:00"),
    ("2026-03-11 18:00", 2, WH, "2026-03-12 10:30"),
    ("2026-03-13 18:00", 4, WH, "2026-03-16 12:30"),
    ("2026-03-11 03:00", 1, WH, "2026-03-11 10:00"),
    ("2025-09-30 18:00", 4, WH, "2025-10-09 12:30"),
    ("2025-09-27 10:00", 1, WH, "2025-09-28 10:00"),  # 周六来电，周日调休上班
]  # fmt: skip


@pytest.mark.parametrize(("start", "amount", "unit", "end"), CASES)
def test_a_limit_ends_when_it_should(start: str, amount: int, unit: LimitUnit, end: str) -> None:
    assert due(at(start), Span(amount=amount, unit=unit), CALENDAR) == at(end)


def test_a_day_that_does_not_roll_and_offices_that_close() -> None:
    """特急 1 日不顺延；有业务时间的，到停止业务的时间为止。"""
    one = Span(amount=1, unit=D, roll=False)
    assert due(at("2025-09-30 17:00"), one, CALENDAR) == at("2025-10-02 00:00")
    closes = replace(CALENDAR, day_ends=time(18, 30))
    assert due(at("2026-03-11 10:00"), Span(amount=1, unit=D), closes) == at("2026-03-12 18:30")


def test_the_rules_of_the_city() -> None:
    """1、3、7、11 日四级；单独规定的种类按单独规定。"""
    assert [RULES.limit("投诉", it.id).amount for it in RULES.levels] == [1, 3, 7, 11]
    assert RULES.usual_level("举报") == "hard"
    assert RULES.usual_level("咨询", emergency=True) == "urgent"
    assert RULES.limit("建议", "hard") == Span(amount=15, unit=W)


def test_extension_suspension_and_the_last_moment_to_ask() -> None:
    end = at("2025-09-30 00:00")  # 29 日 24 时
    assert extended(end, Span(amount=3, unit=D), CALENDAR) == at("2025-10-10 00:00")
    assert extended(end, Span(amount=3, unit=W), CALENDAR) == at("2025-10-11 00:00")
    assert shifted(end, timedelta(hours=30), CALENDAR, days=True) == at("2025-10-10 00:00")
    # 特急不顺延：停过的也不顺延
    assert shifted(end, timedelta(hours=30), CALENDAR, days=True, roll=False) == at("2025-10-02 00:00")
    assert shifted(end, timedelta(hours=30), CALENDAR, days=False) == end + timedelta(hours=30)
    assert last_moment_to_ask(end, time(17)) == at("2025-09-29 17:00")
    assert last_moment_to_ask(at("2026-03-11 16:00"), time(17)) == at("2026-03-11 16:00")


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 1)).map(lambda it: it.replace(tzinfo=LOCAL))


@given(MOMENTS, st.integers(1, 15), st.sampled_from(LimitUnit))
def test_limits_are_after_their_beginning_and_grow_with_their_length(
    start: datetime, amount: int, unit: LimitUnit
) -> None:
    """A limit never ends before it begins, on a day of rest, or later than a longer one."""
    rules = OFFICE.city_rules.calendar
    end = due(start, Span(amount=amount, unit=unit), rules)
    assert end > start
    assert due(start, Span(amount=amount + 1, unit=unit), rules) >= end
    if unit is not LimitUnit.HOUR:
        assert rules.works_on((end - timedelta(seconds=1)).date())
    if unit is LimitUnit.WORKING_DAY:
        days = ((start + timedelta(days=it)).date() for it in range(1, (end.date() - start.date()).days))
        assert sum(map(rules.works_on, days)) == amount
