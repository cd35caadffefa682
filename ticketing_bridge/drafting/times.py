"""The time of the matter: the one of all that were said that tells when it happened, outside of places."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ticketing_bridge.drafting.lexicon import any_of, because, pattern, words
from ticketing_bridge.drafting.model import DraftInput, Span, Value, When
from ticketing_bridge.drafting.moments import HOUR, LASTED, Moment, last_day, moments_in, ranges

#: an answer that says since when and little else, in characters
_SHORT_ANSWER = 16
#: where an answer to when they called before stands, in characters; what comes later is told of the matter
_AN_ANSWER = 8
#: 每个 right before a time; 每天 before a part of the day
_EVERY = re.compile("每(?:天|晚|日|个|年|月)?(?:的|一?到)?$")


#: a holiday so near is meant when it is asked about
_SOON = timedelta(days=30)
#: score, span, moment, whether it is a habit
_Found = tuple[float, Span, Moment, bool]


def _text_of(at: datetime | None, clock: bool) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M" if clock else "%Y-%m-%d") if at else None


def find_when(
    call: DraftInput, masked: Sequence[Span], *, future: bool, split: bool = False
) -> Value[When | None]:
    """When the matter happened. ``future`` allows a day to come (someone asks about one).

    ``split``: the call is one matter of two already; else what comes after another one is announced is its.

    Times of earlier calls, births, deadlines and appointments are passed over.
    """
    found: list[_Found] = []
    second = (len(call.turns), 0) if split else _second(call)
    soon = _SOON if future else timedelta(0)
    for index, text in call.citizen():
        blocked = [(it.start, it.end) for it in masked if it.turn == index]
        asked = _asks(call, index, "asks_time")
        earlier = _asks(call, index, "asks_call") and not _asks(call, index, "asks_no_call")
        asked = asked and not earlier
        for moment, _ in ranges(text, list(moments_in(text, call.call_start, blocked, soon))):
            span = Span(index, moment.start, moment.end, text[moment.start : moment.end])
            if _taken_back(text, moment) or (moment.start < _AN_ANSWER and (earlier or _birth(call, index))):
                continue
            score, habitual = _score(text, span, moment, asked, call, future)
            every = _EVERY.search(text[: span.start])
            if score > 0 and every:
                habitual, begins = True, every.start()
                span = Span(index, begins, span.end, text[begins : span.end])
            if (index, moment.start) >= second:
                score -= 3 if asked else 1.2  # the other matter's
            if score > 0:
                found.append((score, span, moment, habitual))
    if not found:
        return Value(None, reason=because("no_time"))
    best = _fuller(max(found, key=lambda it: (it[0], -it[1].turn, -it[1].start)), found)
    score, span, moment, habitual = best
    others = tuple(it[1].text for it in found if it is not best)
    if score < 1.4:
        return Value(None, score / 4, because("time_doubtful"), (), (span.text, *others))
    if not re.search("开始|从", call.question_before(span.turn)):
        moment = _whole_month(call.turns[span.turn].text, moment, call.call_start)
    start = None if habitual else _text_of(moment.at, moment.clock)
    end = None if habitual else _text_of(moment.last, moment.clock)
    reason = because("habitual") if habitual else because("relative")
    return Value(When(span.text, start, end), min(0.95, 0.4 + score / 8), reason, (span,), others)


def _second(call: DraftInput) -> tuple[int, int]:
    """Where another matter begins, as turn and character; behind the end when none does."""
    for turn, said in enumerate(call.turns):
        found = pattern("times", "second").search(said.text)
        if turn and found and found.start() < _AN_ANSWER:
            return turn, found.start()
    return len(call.turns), 0


def _fuller(best: _Found, found: Sequence[_Found]) -> _Found:
    """The same day told again in the turn, with more to it: 星期五, 星期五早上."""
    _, span, moment, _ = best
    for other in found:
        again, same = other[1], other[2]
        if again.turn != span.turn or again.start <= span.start or not (same.at and moment.at):
            continue
        more = (same.clock and not moment.clock) or (span.text in again.text and again.text != span.text)
        if more and same.at.date() == moment.at.date() and same.exact == 3:
            return other
    return best


def _birth(call: DraftInput, index: int) -> bool:
    return any(it in call.question_before(index) for it in words("times")["asks_birth"])


def _taken_back(text: str, moment: Moment) -> bool:
    """十六号不对十七号, 不是国庆是八月底."""
    before = text[: moment.start]
    denied = before.endswith("不是") and not before.endswith(("是不是", "哦不是", "呃不是", "嗯不是"))
    return denied or bool(re.match("(?:嗯|呃|哦|啊)?(?:不对|不是|错了|说错了|记错了)", text[moment.end :]))


def _whole_month(text: str, moment: Moment, call_start: datetime) -> Moment:
    """A month in which something happened once is a stretch; 从六月份 is when it began."""
    said = text[moment.start : moment.end]
    begins = text[: moment.start].endswith(("从", "自", "打"))
    lasting = re.match("开始|起|就|到现在|以来|天", text[moment.end :])
    if moment.exact != 2 or moment.clock or moment.last or moment.at is None or begins or lasting:
        return moment
    if not said.endswith(("月", "月份")):
        return moment
    last = moment.at.replace(day=last_day(moment.at.year, moment.at.month))
    return replace(moment, last=last) if last <= call_start.replace(tzinfo=None) else moment


def _asks(call: DraftInput, index: int, what: str) -> bool:
    """Whether the agent asked this just before the turn."""
    question = call.question_before(index)
    return any(it in question for it in words("times")[what])


def _score(
    text: str, span: Span, moment: Moment, asked: bool, call: DraftInput, future: bool
) -> tuple[float, bool]:
    before, after = text[max(0, span.start - 6) : span.start], text[span.end : span.end + 10]
    plain = moment.exact == HOUR
    habitual = bool(
        (plain and _asks(call, span.turn, "asks_habit"))
        or (plain and _asks(call, span.turn, "asks_change"))
        or re.search(any_of(words("times")["habitual_before"]) + "$", before)
        or re.match(any_of(words("times")["habitual_after"]), after)
        or (moment.exact == HOUR and pattern("times", "habitual").search(text[: span.start]))
    )
    if _misses(before, after) and not (
        asked and moment.exact >= 2 and not _other_call(after) and not after.startswith(("生的", "出生"))
    ):
        return 0, habitual
    now = call.call_start.replace(tzinfo=None)
    if plain and moment.at and moment.last and moment.at > now:
        habitual = True  # from an hour to come to another: so it goes every day
    if moment.at and not (plain and habitual) and moment.at > now + timedelta(minutes=5) and not future:
        return 0, habitual
    if future and not asked and moment.at and moment.at < now.replace(hour=0, minute=0):
        return 0, habitual  # a question is about what is to come
    if moment.exact == LASTED and not (asked and len(text) <= _SHORT_ANSWER):
        return 0, habitual
    score = {HOUR: 1.5, 3: 1.5, 2: 1.2, 1: 0.3, 0: 0.2, LASTED: 0.2}[moment.exact]
    score += 3 if asked else 0
    score -= 2 if _asks(call, span.turn, "asks_wish") else 0
    if any(span.text in text for _, text in call.agent()):
        score += 1
    score -= 0.2 if after.startswith(("前", "那几天", "那两天")) else 0
    score -= 1 if pattern("times", "corrected").match(text[span.end :]) else 0
    score -= 0.3 if pattern("times", "roughly").match(after) or "几号" in span.text else 0
    score += 0.4 if pattern("times", "once_more").match(after) else 0
    if asked:
        return score, habitual
    happened = re.match(any_of(words("times")["event_after"]), after)
    month = moment.exact == 2 and pattern("times", "happened_after").match(after)
    score += 0.6 if happened or month else 0
    score += 0.4 if re.search(any_of(words("times")["event_before"]) + "$", before) else 0
    score += 0.1 if before.endswith("从") else 0
    part_of_day = span.text.endswith(tuple(words("times")["part_of_day"]))
    score += (0.5 if moment.exact >= 3 else 0.3) if moment.clock else 0.1 if part_of_day else 0
    score += 0.6 if moment.exact == 1 and after.startswith(("又", "把", "被", "给我")) else 0
    score += 0.5 if moment.last else 0
    return score, habitual


def _misses(before: str, after: str) -> bool:
    return bool(
        re.search("(?:" + pattern("times", "not_before").pattern + ")$", before)
        or _other_call(after)
        or pattern("times", "not_after").match(after)
    )


def _other_call(after: str) -> bool:
    return bool(pattern("times", "other_call").match(after))
