"""The table of states: complete, and every way through it replays to the same ticket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tickets.city import HOUSING, LABOUR, LEADER, NOW, OFFICE, POLICE
from ticketing_bridge.tickets.checks import GUARDS, WHO, check
from ticketing_bridge.tickets.fields import FIELDS, Kind
from ticketing_bridge.tickets.life import born, follow, from_json, replay, to_json
from ticketing_bridge.tickets.model import Entry, Ticket
from ticketing_bridge.tickets.preparing import prepare
from ticketing_bridge.tickets.states import BACK, ENDINGS, TABLE, Act, State, acts_of, follows, ways_back
from ticketing_bridge.tickets.why import TicketRefused, Why

VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.LINE: st.sampled_from(["电梯故障", "路灯"]),
    Kind.TEXT: st.sampled_from(["已处理。", "不属于本单位职责。"]),
    Kind.UNIT: st.sampled_from([HOUSING, POLICE, LABOUR]),
    Kind.JOINT: st.sampled_from([HOUSING, POLICE, LABOUR]),
    Kind.UNITS: st.lists(st.sampled_from([HOUSING, POLICE, LABOUR]), max_size=2, unique=True),
    Kind.LEVEL: st.sampled_from(["", "urgent", "normal"]),
    Kind.NUMBER: st.integers(1, 7),
    Kind.LETTER: st.integers(1, 2),
    Kind.TRACK: st.integers(1, 2),
    Kind.YES_NO: st.booleans(),
    Kind.RATING: st.integers(1, 5),
    Kind.GROUND: st.just("等待上级批复"),
    Kind.CHANNEL: st.just("cppcc"),
    Kind.PARTNERS: st.just(["督查室", "法律顾问"]),
    Kind.TICKET: st.just("2026112000017"),
}
EXTRA: dict[Act, dict[str, Any]] = {
    Act.TAKE_IN: {"number": "2026112000025"},
    Act.ADMIT: {"units": [POLICE]},
}


def fresh() -> Entry:
    data = {
        "channel": "电话", "purpose": "投诉", "appeal": "城乡建设", "level": "normal",
        "received_at": NOW.isoformat(), "known": ["phone"], "barred": [],
    }  # fmt: skip
    return Entry("2026112000017", 1, Act.CREATE, NOW, "wang", "agent", None, data, {"title": "电梯故障"})


def test_every_state_answers_every_act_or_says_why() -> None:
    """State × act: a state that follows, or a refusal with its reason. Nothing is left out."""
    for state in State:
        for act in Act:
            to = follows(state, act)
            assert to is None or to == BACK or to in State
            ticket = from_json({**to_json(born(fresh())), "state": state.value}, {})
            why = check(ticket, act, LEADER)
            assert why is None or why in Why
            if to is None:
                assert why is Why.STATE
    assert len(TABLE) == sum(len(acts_of(state)) for state in State)
    assert set(WHO) == set(Act) == set(FIELDS)
    assert set(GUARDS) <= set(Act)


def test_every_state_is_reached_and_every_open_one_can_end() -> None:
    reached, todo = {State.RECEIVED}, [State.RECEIVED]
    while todo:
        state = todo.pop()
        for (origin, _), to in TABLE.items():
            if origin is state:
                for it in ways_back(state) if to == BACK else [State(to)]:
                    if it not in reached:
                        reached.add(it)
                        todo.append(it)
    assert reached == set(State)
    for state in set(State) - ENDINGS:
        assert follows(state, Act.WITHDRAW) is State.WITHDRAWN


@settings(max_examples=60)
@given(st.data())
def test_any_life_replays_to_the_same_ticket(data: st.DataObject) -> None:
    """Whatever people do in whatever order: what is refused changes nothing, what is done replays."""
    history = [fresh()]
    ticket: Ticket = born(history[0])
    at: datetime = NOW
    for _ in range(data.draw(st.integers(1, 25))):
        act = data.draw(st.sampled_from(acts_of(ticket.state)))
        at += timedelta(hours=data.draw(st.integers(0, 30)))
        given_ = {field.name: data.draw(VALUES[field.kind]) for field in FIELDS[act]}
        try:
            prepared = prepare(OFFICE.city_rules, ticket, act, given_, at)
        except TicketRefused:
            continue
        values = {**prepared.data, **EXTRA.get(act, {})}
        if check(ticket, act, LEADER, values) is not None:
            continue
        entry = Entry(
            ticket.number, ticket.version + 1, act, at, "li", "shift_leader", None, values, prepared.texts
        )
        after = follow(ticket, entry)
        history.append(entry)
        assert after.version == len(history)
        assert (after.closed_at is not None) == (after.state in ENDINGS)
        if after.main is None:
            assert after.state in {State.RECEIVED, *ENDINGS, State.CONSULTING, State.REVIEWING}
        assert after.main is None or after.limit is not None
        assert len(set(after.units)) == len(after.units)
        assert not set(after.units) & set(after.former)
        ticket = after
    assert replay(history) == ticket
    assert from_json(to_json(ticket), history_texts(ticket)) == ticket


def history_texts(ticket: Ticket) -> dict[str, Any]:
    return {name: getattr(ticket.texts, name) for name in ticket.texts.__dataclass_fields__}
