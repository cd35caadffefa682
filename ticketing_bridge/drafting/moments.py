"""Moments in raw text, resolved against the day of the call: days, hours, durations, stretches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache

from ticketing_bridge.drafting.lexicon import any_of, words
from ticketing_bridge.drafting.numbers import NUMERAL, number

#: parts of the day whose hours are those after noon
_AFTERNOON = frozenset({"下午", "傍晚", "擦黑", "天擦黑", "傍黑", "傍黑天", "后晌", "后半晌", "后晌午"})
#: how exact an hour is of which the day was not said
HOUR = 4
#: how exact a duration is: it counts only as the answer to since when
LASTED = -1
_N = f"{NUMERAL}{{1,4}}"
#: from the beginning of a stretch to its end: 干到, 一直排到
_UNTIL = re.compile("(?:一直)?[^的]{0,2}[到至](?:第二天|次日|转天)?")
#: 两个月 behind 十月十一月
_SO_MANY = re.compile("[两三四五六]个月")
_A_LITTLE = re.compile(".{0,4}?(?:都|也)(?:没|不|看不)|儿|用|办法")


@dataclass(frozen=True, slots=True)
class Moment:
    """A resolved time expression. ``clock``: an hour was said; ``last``: the end of a stretch."""

    start: int
    end: int
    at: datetime | None
    clock: bool
    last: datetime | None = None
    #: how exact: 3 a day or an hour, 2 a month, 1 only 今天 or 刚才, 0 a duration
    exact: int = 3


@cache
def _lunar_days() -> dict[str, list[date]]:
    """The days round the Spring Festival by name: 腊月二十八, 正月初三, in every listed year."""
    w = words("times")
    tens = {0: "初", 1: "十", 2: "二十"}
    days = {n: tens[n // 10] + "一二三四五六七八九"[n % 10 - 1] for n in range(1, 30) if n % 10}
    days |= {10: "初十", 20: "二十"}
    named = {
        f"正月{said}": [it + timedelta(days=n - 1) for it in w["lunar"]["春节"].values()]
        for n, said in days.items()
    }
    for n, said in days.items():
        named[f"腊月{said}"] = [
            it - timedelta(days=w["twelfth_month"][year] - n) for year, it in w["lunar"]["除夕"].items()
        ]
    named |= {f"{begins}{said}": named[f"正月{said}"] for begins in ("年", "大年") for said in days.values()}
    # 初一 to 初三 are also years at school
    named |= {it: named[f"正月{it}"] for n, it in days.items() if 4 <= n <= 10}
    named |= {
        alias: named.get(name) or [*w["lunar"][name].values()] for alias, name in w["lunar_alias"].items()
    }
    return {name: those for name, those in named.items() if name not in w["lunar"]}


@cache
def _grammar() -> re.Pattern[str]:
    w = words("times")
    day, part = any_of(w["day"]), any_of(w["part_of_day"])
    holiday = any_of((*w["holidays"], *w["lunar"], *_lunar_days()))
    year = f"(?P<year>去年|今年|前年|明年|{NUMERAL}{{4}}年|{NUMERAL}{{2}}年)"
    month = "(?P<month>上上个月|上个月|上月|这个月|这月|本月|[元一二三四五六七八九十]{1,3}月(?:份)?)"
    dated = (
        f"(?:{year}的?)?(?:{month}(?P<third>初|底|中旬|上旬|下旬|末(?!尾))?"
        f"(?P<dom>{_N}几?(?:号|日))?(?:(?<=号)(?:周|星期|礼拜)[一二三四五六日天](?!个))?)"
    )
    week = (
        "(?P<shift>上上|上|这|本|下)?(?:一)?个?(?:周|星期|礼拜)"
        "(?P<weekday>[一二三四五六日天末])(?![个年天级层])"
    )
    weekonly = "(?P<weekonly>(?:上上|上)(?:一)?个?(?:周|星期|礼拜))(?![一二三四五六日天末])"
    season = f"(?P<season>(?:{year.replace('<year>', '<seasonyear>')})?(?:年)?{any_of(w['seasons'])})"
    ago = (
        f"(?P<ago>{_N}|半|几)(?P<many>来|多)?个?"
        "(?P<unit>小时|钟头|分钟|天|月|年|周|星期|礼拜)(?P<half>半)?(?:以|之)?前"
    )
    lasted = (
        f"(?P<lasted>{_N}|半|几)(?P<lastedmany>来|多)?个?多?(?P<lastedunit>天|月|年|周|星期|礼拜)"
        "(?P<lastedhalf>半|多)?了(?!吗|没)"
    )
    third_only = "(?P<monthpart>月初|月底)"
    named = (
        f"(?:(?P<holyear>去年|今年|前年)的?)?(?P<holiday>{holiday})"
        "(?P<on>那天|当天|头一天|第一天|前一天|前一晚上?)?"
    )
    clock = (
        f"(?P<hour>{_N})点(?:钟)?"
        f"(?P<minute>半|一刻|三刻|{NUMERAL}{{2,3}}[来几]?分?|过{NUMERAL}{{1,3}}分?|{NUMERAL}来?分)?(?P<rough>多钟?|来分|来钟|左右|刚过|出头)?"
    )
    only_dom = (
        f"(?<![第排栋幢座楼路街巷道段区社组元位])(?<!{NUMERAL})(?P<onlydom>{NUMERAL}{{1,3}}号)"
        f"(?!.?{any_of(w['numbered'])})"
    )
    dayword = f"(?P<day>{day})(?:是?{holiday})?"
    return re.compile(
        f"(?P<now>刚才|刚刚)?(?:{season}|{ago}|{lasted}|{dated}|{week}|{weekonly}|{dayword}|{named}"
        f"|{only_dom}"
        f"|(?P<onlyyear>去年|前年|大前年|(?:一|二){NUMERAL}年(?=就|我|签|买|交|办|的))|{third_only})?"
        f"(?:(?:那天|当天)(?={part}|{NUMERAL}{{1,3}}点))?的?(?P<part>{part})?(?:{clock})?"
    )


#: days of a unit of time, at least; nobody calls about what is longer ago than a life
_DAYS = {
    "小时": 1 / 24,
    "钟头": 1 / 24,
    "分钟": 1 / 1440,
    "天": 1,
    "周": 7,
    "星期": 7,
    "礼拜": 7,
    "月": 30,
    "年": 365,
}
_LONGEST_DAYS = 100 * 365


def moments_in(
    text: str, call: datetime, masked: Sequence[tuple[int, int]], soon: timedelta
) -> Iterator[Moment]:
    at = 0
    while at < len(text):
        found = _grammar().match(text, at)
        stop = next((b for a, b in masked if a <= at < b), None)
        if stop is not None:
            at = stop
            continue
        if not found or found.end() == at or text[at] == "的":
            at += 1
            continue
        if any(a < found.end() and found.start() < b for a, b in masked):
            at += 1
            continue
        moment = _resolve(found, call, soon)
        if moment:
            yield moment
            at = moment.end
        else:
            at += 1


def _resolve(found: re.Match[str], call: datetime, soon: timedelta) -> Moment | None:
    """The moment that an expression means; None when it means none (一点意见, 今 alone)."""
    get = found.groupdict()
    text = found[0]
    if text.endswith("的") or text in {"今", "昨", "早", "晚", "夜", "刚"}:
        return None
    today = call.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    local = call.replace(tzinfo=None)
    base, exact = _day(get, today, local, soon)
    if get["day"] in {"今", "昨"} and not get["part"] and not get["hour"]:
        return None
    if get["hour"]:
        return _with_hour(found, base, today, local)
    if base is not None:
        minutes = get["ago"] and get["unit"] in {"小时", "钟头", "分钟"}
        return Moment(
            found.start(), found.end(), base.replace(second=0, microsecond=0), bool(minutes), exact=exact
        )
    if get["now"]:
        return Moment(found.start(), found.end(), local.replace(second=0, microsecond=0), True, exact=2)
    return None


def _with_hour(
    found: re.Match[str], base: datetime | None, today: datetime, local: datetime
) -> Moment | None:
    get = found.groupdict()
    about = found.start("hour") and re.match(NUMERAL, found.string[found.start("hour") - 1])
    if about and base is None and not get["part"]:
        return None
    minutes = _hour(get, base, local)
    after = found.string[found.end() :]
    begins = re.match(f"到{NUMERAL}{{1,3}}点", after)
    if minutes is None or (base is None and not begins and not _stands_alone(get, found[0], after)):
        return None
    when = (base or today) + timedelta(minutes=minutes)
    if base is None and get["part"] not in {"晚上", "下午"} and when - local > timedelta(hours=3):
        when -= timedelta(days=1)
    return Moment(found.start(), found.end(), when, True, exact=3 if base else HOUR)


def _stands_alone(get: dict[str, str | None], text: str, after: str) -> bool:
    """一点 is usually not an hour (一点灯都没有); one needs a part of the day, minutes, or more than 两."""
    value = number(get["hour"] or "")
    if value == 1 and not get["minute"] and _A_LITTLE.match(after):
        return False
    if get["part"] or get["now"] or get["minute"] or text.endswith("钟"):
        return True
    return value is not None and 3 <= value <= 24


def _hour(get: dict[str, str | None], base: datetime | None, local: datetime) -> int | None:
    """Minutes since midnight."""
    if not get["hour"]:
        return None
    hour = number(get["hour"])
    if hour is None or hour > 24:
        return None
    minute = {"半": 30, "一刻": 15, "三刻": 45, None: 0}.get(get["minute"], -1)
    if minute == -1:
        minute = number((get["minute"] or "").strip("过分来几")) or 0
        if minute > 59:
            return None
    part = get["part"]
    if part in _AFTERNOON | {"晚上", "晚", "夜里", "深夜", "夜", "黑里"} and hour < 12:
        late = part in {"晚上", "晚", "夜里", "深夜", "夜"} and hour <= 4
        hour += 24 if late else 12
    elif part in {"晚上", "晚", "夜里", "深夜", "夜", "半夜"} and hour == 12:
        hour = 24
    elif (part == "中午" and hour in {1, 2}) or (part == "半夜" and 9 <= hour <= 12):
        hour += 12
    elif part is None and base is None and hour < 12:
        later = (hour + 12) * 60 + minute
        said = local.hour * 60 + local.minute
        if later <= said + 1 or later - 720 > said + 180:  # the latest such hour: 十点半, said after midnight
            hour += 12
    return hour * 60 + minute


def _day(
    get: dict[str, str | None], today: datetime, local: datetime, soon: timedelta
) -> tuple[datetime | None, int]:
    """The day of an expression, and how exact it is."""
    if get["ago"] or get["lasted"]:
        return _ago(get, today, local) if get["ago"] else (_lasted(get, today, local), LASTED)
    if get["month"] or get["onlydom"]:
        return _dated(get, today)
    if get["weekday"]:
        day = _weekday(get["shift"], get["weekday"], today)
        if not get["shift"] and day == today and _to_come(get["part"], local):
            day -= timedelta(days=7)  # 星期三晚上, said on a Wednesday morning
        return day, 3
    if get["day"]:
        days = words("times")["day"][get["day"]]
        return today + timedelta(days=days), 1 if days == 0 and not get["part"] else 3
    if get["holiday"]:
        named = _holiday(get["holiday"], today, soon, get["holyear"])
        before = timedelta(days=1 if (get["on"] or "").startswith("前") else 0)
        return named - before if named else None, 3
    return _stretch(get, today) or _only_year(get["onlyyear"], today)


def _to_come(part: str | None, local: datetime) -> bool:
    return part is not None and int(words("times")["part_of_day"][part]) > local.hour


def _stretch(get: dict[str, str | None], today: datetime) -> tuple[datetime, int] | None:
    """The first day of a season, of last week, of this month's beginning or end."""
    if get["season"]:
        return _season(get["season"], today), 2
    if get["weekonly"]:
        monday = today - timedelta(days=today.weekday() + (14 if get["weekonly"].startswith("上上") else 7))
        return monday, 2
    if get["monthpart"]:
        return today.replace(day=1 if get["monthpart"] == "月初" else 21), 2
    return None


def _only_year(word: str | None, today: datetime) -> tuple[datetime | None, int]:
    if not word:
        return None, 0
    years = {"去年": 1, "前年": 2, "大前年": 3}.get(word)
    return today.replace(year=today.year - years if years else _year(word, today.year), month=1, day=1), 1


def _season(said: str, today: datetime) -> datetime:
    """The first day of the season that is meant, at the latest this day."""
    name = next(it for it in words("times")["seasons"] if it in said)
    month = words("times")["seasons"][name]
    year_word = next((it for it in ("前年", "去年", "今年") if said.startswith(it)), None)
    begin = today.replace(month=month, day=1, year=_year(year_word, today.year) if year_word else today.year)
    return begin if begin <= today else begin.replace(year=begin.year - 1)


def _weekday(shift: str | None, name: str, today: datetime) -> datetime:
    weeks = {"上上": -14, "上": -7, "下": 7}.get(shift or "", 0)
    day = today + timedelta(days=words("times")["weekday"][name] - today.weekday() + weeks)
    return day - timedelta(days=7) if not shift and day > today else day


def _ago(get: dict[str, str | None], today: datetime, local: datetime) -> tuple[datetime | None, int]:
    many = {"半": 0.5, "几": None}.get(get["ago"] or "", number(get["ago"] or ""))
    if many is None:
        return None, 0
    many += 0.5 if get["half"] else 0
    unit = get["unit"] or ""
    if many * _DAYS.get(unit, 1) > _LONGEST_DAYS:
        return None, 0  # a sum of money before it (交了三千八 一年多了)
    if unit in {"小时", "钟头", "分钟"}:
        return local - timedelta(minutes=many * (1 if unit == "分钟" else 60)), 3
    if unit in {"天", "周", "星期", "礼拜"}:
        return today - timedelta(days=round(many * (1 if unit == "天" else 7))), 3
    if many == 0.5:
        return (today - timedelta(days=15) if unit == "月" else _months(today, -6)), 3
    return _months(today, -round(many * (1 if unit == "月" else 12))), 3


def _lasted(get: dict[str, str | None], today: datetime, local: datetime) -> datetime | None:
    """When it began, of 半个月了."""
    half = None if get["lastedhalf"] == "多" else get["lastedhalf"]
    begun, _ = _ago({"ago": get["lasted"], "unit": get["lastedunit"], "half": half}, today, local)
    return begun


def _months(day: datetime, months: int) -> datetime:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, last_day(year, month + 1)))


def last_day(year: int, month: int) -> int:
    return (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day


def _dated(get: dict[str, str | None], today: datetime) -> tuple[datetime | None, int]:
    month_word, year_word = get["month"] or "", get["year"]
    first = today.replace(day=1)
    if month_word.startswith("上"):
        first = _months(first, -2 if month_word.startswith("上上") else -1)
    elif month_word and month_word[0] not in "这本":
        month = number(month_word.rstrip("份").rstrip("月").replace("元", "一"))
        if not month or month > 12:
            return None, 0
        first = first.replace(month=month)
    if year_word:
        first = first.replace(year=_year(year_word, today.year))
    spoken = get["dom"] or get["onlydom"]
    if spoken:
        about = spoken[:-1].endswith("几")
        dom = number(spoken[:-1].rstrip("几"))
        dom = dom + 1 if dom and about and dom % 10 == 0 else dom
        if not dom or dom > last_day(first.year, first.month):
            return None, 0
        first = first.replace(day=dom)
        if get["onlydom"] and first > today:
            first = _months(first, -1)
    elif get["third"]:
        first = first.replace(day={"中旬": 11, "底": 21, "末": 21, "下旬": 21}.get(get["third"], 1))
    if not year_word and not get["onlydom"] and first - today > timedelta(days=60):
        first = _months(first, -12)
    return first, 3 if spoken else 2


def _year(word: str, this: int) -> int:
    relative = {"去年": -1, "前年": -2, "今年": 0, "明年": 1}
    if word in relative:
        return this + relative[word]
    year = number(word[:-1]) or this
    year = year if year > 100 else 2000 + year
    return year if 1970 <= year <= 2100 else this


def _holiday(name: str, today: datetime, soon: timedelta, year: str | None) -> datetime | None:
    """The latest such day, one that comes soon included; that of the year that was named."""
    w = words("times")
    if name in w["holidays"]:
        month, day = w["holidays"][name]
        near = today.replace(month=month, day=day, year=_year(year, today.year) if year else today.year)
        return near if near <= today + soon else near.replace(year=near.year - 1)
    known = w["lunar"][name].values() if name in w["lunar"] else _lunar_days()[name]
    days = [datetime.combine(it, datetime.min.time()) for it in known]
    past = [it for it in days if it <= today + soon and (not year or it.year == _year(year, today.year))]
    return max(past) if past else None


def ranges(text: str, moments: list[Moment]) -> Iterator[tuple[Moment, bool]]:
    """Join A到B; the second value says that the end is a range's."""
    index = 0
    while index < len(moments):
        one = moments[index]
        other = moments[index + 1] if index + 1 < len(moments) else None
        between = text[one.end : other.start] if other else ""
        lasts = other is not None and other.exact == 1 and not other.clock  # 到今天: it still lasts
        if other and not lasts and one.at and other.at and _UNTIL.fullmatch(between):
            yield _range(text, one, other, between), True
            index += 2
        elif other and not between and one.exact == other.exact == 2 and text[other.end - 1] == "月":
            both = _range(text, one, other, between)  # 九月十月十一月
            all_of_them = _SO_MANY.match(text, both.end)
            moments[index + 1] = replace(both, end=all_of_them.end()) if all_of_them else both
            index += 1
        else:
            yield one, bool(one.last)
            index += 1


def _range(text: str, one: Moment, other: Moment, between: str) -> Moment:
    assert one.at is not None
    assert other.at is not None
    last = other.at
    start = one.start
    exact = one.exact if other.exact == HOUR else max(one.exact, other.exact)
    if other.clock and one.clock:
        last = one.at.replace(hour=other.at.hour, minute=other.at.minute)
        if last < one.at:
            last += timedelta(hours=12 if last + timedelta(hours=12) > one.at else 24)
    elif one.exact == other.exact == 2:
        last = other.at.replace(day=last_day(other.at.year, other.at.month))
    if len(between) > 1 and text[:start].endswith("从"):
        start -= 1
    return Moment(start, other.end, one.at, one.clock, last, exact)
