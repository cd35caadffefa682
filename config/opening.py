"""When a desk is open: weekly hours, holidays, and the working days that make up for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from config.facts import Fact

#: Monday, whose hours a working Saturday or Sunday has
_WORKING_DAY = 1


def _clock(value: object) -> object:
    """YAML reads 9:30 as the number 570 (minutes to the base of 60), and ``24:00`` is no ``time``."""
    if isinstance(value, int) and not isinstance(value, bool):
        hours, minutes = divmod(value, 60)
        return "23:59:59.999999" if (hours, minutes) == (24, 0) else f"{hours:02d}:{minutes:02d}"
    return "23:59:59.999999" if value == "24:00" else value


Clock = Annotated[time, BeforeValidator(_clock)]


class OpeningHours(Fact):
    """Some days of the week (1 Monday … 7 Sunday) and one span of their hours."""

    days: tuple[Annotated[int, Field(ge=1, le=7)], ...] = Field(min_length=1)
    opens: Clock
    closes: Clock

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError(f"closes {self.closes:%H:%M} is not after opens {self.opens:%H:%M}")
        return self


class SpecialDays(Fact):
    """Days that are not as their day of the week: holidays, and the days worked in their stead."""

    day: date
    #: the last of them; one day when it is not given
    until: date | None = None
    open: bool = False
    name: str

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until is not None and self.until < self.day:
            raise ValueError(f"until {self.until} is before day {self.day}")
        return self

    def has(self, day: date) -> bool:
        """Whether it speaks of this day."""
        return self.day <= day <= (self.until or self.day)


def is_open(hours: Sequence[OpeningHours], calendar: Sequence[SpecialDays], moment: datetime) -> bool:
    """Whether somebody is there at this moment of the city's own clock.

    A holiday is closed; a Saturday or Sunday that is worked has Monday's hours.

    >>> week = [OpeningHours(days=(1, 2, 3, 4, 5), opens="09:00", closes="18:00")]
    >>> is_open(week, [], datetime(2026, 11, 20, 17, 59)), is_open(week, [], datetime(2026, 11, 20, 18, 0))
    (True, False)
    """
    weekday = moment.isoweekday()
    special = next((it for it in calendar if it.has(moment.date())), None)
    if special is not None:
        if not special.open:
            return False
        if weekday > 5:
            weekday = _WORKING_DAY
    return any(weekday in it.days and it.opens <= moment.time() < it.closes for it in hours)


def special_day(calendar: Sequence[SpecialDays], day: date) -> SpecialDays | None:
    """What the calendar says of a day; None: an ordinary one."""
    return next((it for it in calendar if it.has(day)), None)


def overlaps(calendar: Sequence[SpecialDays]) -> list[str]:
    """Days that the calendar names twice."""
    seen: dict[date, str] = {}
    found: list[str] = []
    for entry in calendar:
        for offset in range(((entry.until or entry.day) - entry.day).days + 1):
            day = entry.day + timedelta(days=offset)
            if day in seen:
                found.append(f"{day} is {seen[day]} and {entry.name}")
            seen[day] = entry.name
    return found


Hours = Mapping[str, tuple[OpeningHours, ...]]
