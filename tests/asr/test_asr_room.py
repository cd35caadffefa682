"""Who of many legs is heard live: an open question never waits while a talk is heard."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from asr.room import Room
from facts.transcript import Leg


@dataclass(eq=False)
class Somebody:
    name: str
    leg: Leg = Leg.CALLER
    question: bool = False
    speaks: bool = False


def names(legs: list[Somebody]) -> str:
    return " ".join(it.name for it in legs)


def opened(room: Room[Somebody], leg: Somebody, capacity: int, *, late: bool = False) -> Somebody | None:
    return room.open(leg, room.has_room(capacity, late=late))


def ended(room: Room[Somebody], leg: Somebody, capacity: int) -> None:
    room.closed(leg)
    while room.has_room(capacity, late=False) and room.next() is not None:
        pass


legs = st.builds(Somebody, st.just("x"), st.sampled_from(Leg), st.booleans(), st.booleans())


@given(st.lists(st.tuples(legs, st.integers(0, 6), st.booleans(), st.one_of(st.none(), st.integers(0, 9)))))
def test_no_question_waits_while_a_talk_is_heard(
    steps: list[tuple[Somebody, int, bool, int | None]],
) -> None:
    room: Room[Somebody] = Room()
    there: list[Somebody] = []
    for leg, capacity, late, leaves in steps:
        heard_before = len(room.heard)
        left = opened(room, leg, capacity, late=late)
        there.append(leg)
        assert len(room.heard) <= max(heard_before, capacity, 1), "a question makes nobody late"
        assert (left is leg) == (leg not in room.heard)
        assert left in (None, leg) or (left is room.waiting[0] and not left.question)
        if leaves is not None and leaves < len(there):
            ended(room, there.pop(leaves), capacity)
        heard, waiting = room.heard, room.waiting
        assert bool(heard) == bool(there), "the first always is"
        assert not any(it.question for it in waiting) or all(it.question for it in heard)
        assert sorted(map(id, there)) == sorted(map(id, (*heard, *waiting)))
        assert room.questions == sum(it.question for it in there)
    for leg in there[:]:
        ended(room, leg, 1)
    assert (room.heard, room.waiting) == ([], [])


def test_the_talk_that_misses_least_leaves_its_place_and_comes_back_first() -> None:
    room: Room[Somebody] = Room()
    talks = [
        Somebody("caller"),
        Somebody("speaking agent", Leg.AGENT, speaks=True),
        Somebody("older agent", Leg.AGENT),
        Somebody("younger agent", Leg.AGENT),
    ]
    for talk in talks:
        opened(room, talk, 4)
    late = Somebody("late")
    opened(room, late, 4)
    questions = [Somebody(f"question {number}", question=True) for number in range(5)]
    left = [opened(room, question, 4) for question in questions]
    assert names([it for it in left if it]) == "younger agent older agent speaking agent caller question 4"
    assert names(room.heard) == "question 3 question 2 question 1 question 0"
    assert names(room.waiting) == "caller speaking agent older agent younger agent late question 4"
    ended(room, questions[0], 4)
    assert names(room.heard[-1:]) == "question 4", "questions wait for questions only"
    ended(room, questions[1], 4)
    assert names(room.heard[-1:]) == "caller"


def test_a_leg_that_begins_does_not_overtake_those_that_wait() -> None:
    room: Room[Somebody] = Room()
    for name in ("first", "second"):
        opened(room, Somebody(name), 1)
    opened(room, Somebody("third"), 9)
    assert (names(room.heard), names(room.waiting)) == ("first", "second third")
    opened(room, Somebody("question", question=True), 9)
    assert names(room.heard) == "first question", "there is room: no talk has to leave"
