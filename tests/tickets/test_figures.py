"""Warnings and named figures: each as it is defined, nobody's silence is satisfaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from tests.tickets.city import HOUSING, LABOUR, LEADER, NOW, OFFICE, POLICE
from tests.tickets.test_states import fresh
from ticketing_bridge.tickets import Act, State, Ticket, Why
from ticketing_bridge.tickets.checks import check
from ticketing_bridge.tickets.figures import Period, Ratio, by_unit, figures, zone
from ticketing_bridge.tickets.give_aways import redacted
from ticketing_bridge.tickets.life import born, follow
from ticketing_bridge.tickets.model import Entry
from ticketing_bridge.tickets.preparing import prepare
from ticketing_bridge.tickets.warnings import WarningKind, due_warnings

RULES = OFFICE.city_rules
PERIOD = Period(NOW - timedelta(days=1), NOW + timedelta(days=20), NOW + timedelta(days=20))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def lived(*acts: tuple[Act, timedelta, dict[str, Any]]) -> Ticket:
    """A ticket after these acts, each so long after the first moment."""
    ticket = born(fresh())
    for act, after, given in acts:
        at = NOW + after
        prepared = prepare(RULES, ticket, act, given, at)
        assert check(ticket, act, LEADER, prepared.data) is None, act
        ticket = follow(
            ticket,
            Entry(ticket.number, ticket.version + 1, act, at, "li", "shift_leader", None, prepared.data,
                  prepared.texts),
        )  # fmt: skip
    return ticket


def given_to(unit: str, *more: tuple[Act, timedelta, dict[str, Any]]) -> Ticket:
    return lived((Act.DISPATCH, HOUR, {"main": unit}), *more)


def handled(unit: str, replied: timedelta, solved: str, satisfied: str) -> Ticket:
    return given_to(
        unit,
        (Act.SIGN, 2 * HOUR, {}),
        (Act.CONTACT, 3 * HOUR, {"note": "联系"}),
        (Act.REPLY, replied, {"answer": "好了"}),
        (Act.ACCEPT_REPLY, replied + 5 * DAY, {}),
        (Act.FOLLOW_UP, replied + 6 * DAY, {"reached": "yes", "solved": solved, "satisfied": satisfied}),
        (Act.CLOSE, replied + 7 * DAY, {"explained": "已解释"}),
    )


def test_our_own_late_follow_up_makes_no_unit_late() -> None:
    """The clock stops when the reply that is accepted was handed in, not when we came to it."""
    ticket = handled(HOUSING, 6 * DAY, "yes", "yes")
    found = figures([ticket], PERIOD, RULES)
    assert found.ratios["on_time"] == Ratio(1, 1)
    late = handled(HOUSING, 11 * DAY, "yes", "yes")
    assert figures([late], PERIOD, RULES).ratios["on_time"] == Ratio(0, 1)


def test_named_figures() -> None:
    """Closed, dissatisfied, silent, overdue, withdrawn with a joint unit, moved, answered at the desk."""
    tickets = [
        handled(HOUSING, 5 * DAY, "yes", "yes"),
        handled(HOUSING, 5 * DAY, "no", "no"),
        handled(HOUSING, 5 * DAY, "", ""),
        given_to(HOUSING),
        lived(
            (Act.DISPATCH, HOUR, {"main": LABOUR, "joint": [HOUSING]}),
            (Act.WITHDRAW, 2 * DAY, {"reason": "不要"}),
        ),
        given_to(
            LABOUR,
            (Act.OBJECT, 2 * HOUR, {"reason": "不是"}),
            (Act.UPHOLD, DAY, {"main": POLICE, "reason": "是"}),
        ),
        lived((Act.ANSWER_ONLINE, HOUR, {"answer": "电话是"})),
    ]
    found = figures(tickets, PERIOD, RULES)
    assert (found.received, found.dispatched, found.closed) == (7, 6, 3)
    assert found.ratios["closed_of_dispatched"] == Ratio(3, 6)
    assert found.ratios["closed_of_received"] == Ratio(4, 7)
    assert found.ratios["on_time"] == Ratio(3, 5)
    assert found.overdue_open == 2
    assert found.ratios["solved"] == found.ratios["satisfied"] == Ratio(1, 2)
    assert found.ratios["coverage"] == Ratio(3, 3)
    assert found.ratios["returned"] == Ratio(1, 6)
    units = by_unit(tickets, PERIOD, RULES)
    assert sum(it.dispatched for it in units.values()) == found.dispatched
    assert units[HOUSING].joint == 1
    assert zone(units[HOUSING], OFFICE.rules.zones) is None
    four = by_unit([tickets[0]] * 5, PERIOD, RULES)
    assert zone(four[HOUSING], OFFICE.rules.zones) == "blue"
    assert zone(by_unit([*[tickets[0]] * 4, tickets[1]], PERIOD, RULES)[HOUSING], OFFICE.rules.zones) == "red"


def kinds(ticket: Ticket, at: datetime) -> set[tuple[WarningKind, str]]:
    return {(it.kind, it.what) for it in due_warnings(ticket, RULES, at)}


def test_warnings_come_before_the_limit_and_of_what_is_wrong() -> None:
    ticket = given_to(HOUSING)  # Friday 11:00, seven days
    assert not kinds(ticket, NOW + 3 * HOUR)
    assert kinds(ticket, NOW + 3 * DAY) == {(WarningKind.LAGGING, "unsigned")}
    assert ticket.limit is not None
    near = ticket.limit.due_at - 12 * HOUR
    assert (WarningKind.OVERDUE, "90") in kinds(ticket, near)
    assert (WarningKind.OVERDUE, "over") in kinds(ticket, ticket.limit.due_at + HOUR)
    signed = given_to(HOUSING, (Act.SIGN, 2 * HOUR, {}))
    assert kinds(signed, NOW + 3 * DAY + 15 * HOUR) == {(WarningKind.LAGGING, "no_contact")}
    assert (WarningKind.LAGGING, "no_progress") in kinds(signed, NOW + 6 * DAY)
    replied = given_to(HOUSING, (Act.SIGN, 2 * HOUR, {}), (Act.REPLY, DAY, {"answer": "好了"}))
    assert not kinds(replied, NOW + 30 * DAY)
    unhappy = handled(HOUSING, DAY, "no", "yes")
    assert kinds(unhappy, NOW + 10 * DAY) == {(WarningKind.DISSATISFIED, "not_solved")}


def test_the_clock_stands_while_it_is_suspended_and_an_extension_is_counted_apart() -> None:
    ticket = given_to(
        HOUSING,
        (Act.SIGN, 2 * HOUR, {}),
        (Act.SUSPEND, DAY, {"ground": "等待上级批复", "reason": "等批复"}),
    )
    assert not kinds(ticket, NOW + 40 * DAY)
    resumed = given_to(
        HOUSING,
        (Act.SIGN, 2 * HOUR, {}),
        (Act.SUSPEND, DAY, {"ground": "等待上级批复", "reason": "等批复"}),
        (Act.RESUME, 11 * DAY, {}),
    )
    assert ticket.limit is not None
    assert resumed.limit is not None
    assert resumed.limit.due_at - ticket.limit.due_at >= 10 * DAY
    assert resumed.limit.first_due_at == ticket.limit.due_at


def test_corners_of_warnings_and_figures() -> None:
    """A joint unit that has not signed, a bad rating, a unit of which nothing can be said."""
    joint = lived((Act.DISPATCH, HOUR, {"main": HOUSING, "joint": [LABOUR]}), (Act.SIGN, 2 * HOUR, {}))
    late = due_warnings(joint, RULES, NOW + 3 * DAY)
    assert {(it.unit, it.what) for it in late if it.unit == LABOUR} == {(LABOUR, "unsigned")}
    assert len({it.stage for it in late}) == len(late)
    rated = replace(handled(HOUSING, DAY, "yes", "yes"), rating=1)
    assert (WarningKind.DISSATISFIED, "low_rating") in kinds(rated, NOW + 10 * DAY)
    assert (str(Ratio(2, 3)), str(Ratio(0, 0))) == ("66.67%", "—")
    silent = by_unit([given_to(POLICE)] * 5, Period(NOW, NOW + DAY, NOW + DAY), RULES)[POLICE]
    assert zone(silent, OFFICE.rules.zones) is None
    assert "dissatisfied_again" in silent.ratios
    again = replace(handled(HOUSING, DAY, "no", "no"), redos=1)
    assert figures([again], PERIOD, RULES).ratios["dissatisfied_again"] == Ratio(1, 1)
    closes = replace(RULES.calendar, day_ends=time(18, 30))
    assert closes.end_of(NOW.date()).hour == 18
    assert closes.known_until() is not None
    assert redacted("我叫张三丰，张三丰住三号楼三单元", ("张三丰", "三丰住三号")).count("隐去") >= 1


def test_what_changes_within_a_ticket() -> None:
    """Amended flags, a joint unit that comes, goes and comes again, a clock without a limit."""
    ticket = given_to(HOUSING, (Act.ADD_JOINT, 2 * HOUR, {"unit": LABOUR}))
    ticket = follow(
        ticket,
        Entry(ticket.number, ticket.version + 1, Act.AMEND, NOW, "li", "shift_leader", None,
              {"known": ["name"], "barred": [POLICE], "repeat": True}, {}),
    )  # fmt: skip
    assert (ticket.known, ticket.barred, ticket.repeat) == (("name",), (POLICE,), True)
    for act, unit in ((Act.RELEASE_JOINT, LABOUR), (Act.ADD_JOINT, LABOUR)):
        ticket = follow(
            ticket,
            Entry(
                ticket.number, ticket.version + 1, act, NOW, "li", "shift_leader", None, {"unit": unit}, {}
            ),
        )
    assert (ticket.units, ticket.former) == ((HOUSING, LABOUR), ())
    bare = replace(ticket, state=State.SUSPENDED, suspended_at=NOW, limit=None)
    entry = Entry(bare.number, bare.version + 1, Act.RESUME, NOW + HOUR, "li", "shift_leader", None, {}, {})
    resumed = follow(bare, entry)
    assert (resumed.suspended_s, resumed.limit) == (3600.0, None)
    moved = follow(
        replace(ticket, state=State.OBJECTED, main=None),
        Entry(ticket.number, ticket.version + 1, Act.DISMISS, NOW, "li", "shift_leader", None, {}, {}),
    )
    assert (moved.state, moved.main) == (State.HANDLING, None)


def test_what_has_not_ended_is_in_no_figure_and_our_own_delay_makes_no_unit_late() -> None:
    signed = (Act.SIGN, 2 * HOUR, {})
    stands = given_to(HOUSING, signed, (Act.SUSPEND, DAY, {"ground": "等待上级批复", "reason": "等"}))
    waits = given_to(HOUSING, signed, (Act.REPLY, DAY, {"answer": "好"}))
    refused = given_to(
        HOUSING,
        (Act.ASK_REVIEW, 2 * HOUR, {"reason": "不合理"}),
        (Act.FIND_UNREASONABLE, DAY, {"unit": HOUSING, "answer": "已解释", "reason": "是"}),
    )
    today = replace(PERIOD, cutoff=NOW + DAY)
    assert figures([given_to(HOUSING)], today, RULES).ratios["on_time"] == Ratio(0, 0)
    assert figures([stands], PERIOD, RULES).ratios["on_time"] == Ratio(0, 0)
    assert figures([waits], PERIOD, RULES).ratios["on_time"] == Ratio(1, 1)
    assert figures([refused], PERIOD, RULES).ratios["on_time"] == Ratio(1, 1)
    # a clock does not stand still for ever, and somebody is told
    assert kinds(stands, NOW + 60 * DAY) == set()
    assert kinds(stands, NOW + 62 * DAY) == {(WarningKind.LAGGING, "suspended")}


def test_a_re_do_begins_anew() -> None:
    """What was done and asked before it is no progress, and no follow-up, of it."""
    satisfied = {"reached": "yes", "solved": "yes", "satisfied": "yes"}
    acts = [
        (Act.SIGN, 2 * HOUR, {}),
        (Act.CONTACT, 3 * HOUR, {"note": "联系"}),
        (Act.PROGRESS, 4 * HOUR, {"note": "在修"}),
        (Act.REPLY, DAY, {"answer": "好"}),
        (Act.ACCEPT_REPLY, DAY, {}),
        (Act.FOLLOW_UP, DAY, satisfied),
        (Act.REDO, 2 * DAY, {"reason": "又坏了"}),
    ]
    again = given_to(HOUSING, *acts)
    assert (WarningKind.LAGGING, "no_progress") in kinds(again, NOW + 9 * DAY)
    accepted = given_to(
        HOUSING, *acts, (Act.REPLY, 3 * DAY, {"answer": "好"}), (Act.ACCEPT_REPLY, 3 * DAY, {})
    )
    assert check(accepted, Act.CLOSE, LEADER, {}) is Why.NOT_FOLLOWED_UP
    assert figures([accepted], PERIOD, RULES).ratios["coverage"] == Ratio(0, 1)
