"""What the agent asked: for a place, a number of a house, a name, a time, a wish."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache, lru_cache

from ticketing_bridge.drafting.lexicon import any_of, word_list, words


class Question(StrEnum):
    """What the answer will hold."""

    NONE = ""
    WISH = "wish"
    TIME = "time"
    NUMBER = "number"
    WHERE = "where"
    PARTY = "party"
    PLACE = "place"
    OTHER = "other"


#: kinds of place that 哪个 asks for
_PLACES = ("road", "estate", "village", "facility")
#: the answer to these is a place
PLACES = frozenset({Question.NUMBER, Question.WHERE, Question.PLACE})


@cache
def _kinds() -> tuple[tuple[Question, re.Pattern[str]], ...]:
    listed = words("questions")
    things = {name for kind in _PLACES for name in word_list("places", kind)} | set(listed["things"])
    names = [it for it in Question if it in listed]
    return tuple((it, re.compile(listed[it].replace("<处>", any_of(things)))) for it in names)


@lru_cache(maxsize=512)
def asked_for(question: str) -> Question:
    """The kind of the last thing that is asked.

    >>> asked_for("您去的是哪个大厅"), asked_for("是几连的"), asked_for("老板叫什么")
    (<Question.PLACE: 'place'>, <Question.NUMBER: 'number'>, <Question.PARTY: 'party'>)
    """
    _, kind = max(
        (
            ((found.end(), -at), name)
            for at, (name, expression) in enumerate(_kinds())
            for found in expression.finditer(question)
        ),
        default=((0, 0), Question.OTHER if question else Question.NONE),
    )
    return kind
