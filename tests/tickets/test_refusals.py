"""What is refused, and why: each rule with the act that breaks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.tickets.city import (
    AGENT,
    HOUSING,
    HOUSING_CLERK,
    LABOUR,
    LABOUR_CLERK,
    LEADER,
    NOW,
    OFFICE,
    POLICE,
    POLICE_CLERK,
)
from tests.tickets.test_figures import HOUR, given_to, handled, lived
from tests.tickets.test_states import fresh
from ticketing_bridge.access import AccessRefused, Permission, Person, Role, role_named
from ticketing_bridge.access.roles import RoleUnknown
from ticketing_bridge.tickets import Act, State, Ticket, TicketRefused, Why
from ticketing_bridge.tickets.checks import check
from ticketing_bridge.tickets.life import born, follow, replay
from ticketing_bridge.tickets.limits import WorkCalendar, due, share_used
from ticketing_bridge.tickets.model import Caller, Entry
from ticketing_bridge.tickets.preparing import TEXT_LENGTH, prepare
from ticketing_bridge.tickets.proposals import Past, Replay, Rule, replay_rule, words_for
from ticketing_bridge.tickets.units import UnitDirectory
from ticketing_bridge.tickets.views import may_know, may_reveal, preview

RULES = replace(OFFICE.city_rules, units=replace(OFFICE.units, closed={"旧局": HOUSING}))
DAY = timedelta(days=1)
SIGNED = given_to(HOUSING, (Act.SIGN, 2 * HOUR, {}))
REASON = {"reason": "理由"}


def refusal(ticket: Ticket, act: Act, given: dict[str, Any], at: timedelta = 3 * HOUR) -> Why | None:
    """Why this is refused to a shift leader; None: it is not."""
    try:
        prepared = prepare(RULES, ticket, act, given, NOW + at)
    except TicketRefused as refused:
        return refused.why
    return check(ticket, act, LEADER, prepared.data)


FRESH = born(fresh())
BARRED = replace(FRESH, barred=(POLICE,))
EXTENDED = given_to(
    HOUSING, (Act.SIGN, 2 * HOUR, {}), (Act.ASK_EXTENSION, DAY, {"amount": 2, **REASON}),
    (Act.GRANT_EXTENSION, DAY, {}),
)  # fmt: skip
ASKED = given_to(HOUSING, (Act.SIGN, 2 * HOUR, {}), (Act.ASK_EXTENSION, DAY, {"amount": 2, **REASON}))
FOLLOWED = given_to(
    HOUSING, (Act.SIGN, 2 * HOUR, {}), (Act.REPLY, DAY, {"answer": "好"}), (Act.ACCEPT_REPLY, DAY, {})
)
JOINT = lived((Act.DISPATCH, HOUR, {"main": HOUSING, "joint": [LABOUR]}), (Act.SIGN, 2 * HOUR, {}))
LETTER = given_to(HOUSING, (Act.SUPERVISE, 2 * HOUR, {"text": "速办", "days": 2}))
PRESSED = replace(FOLLOWED, supervisions=LETTER.supervisions)
ESCALATED = given_to(HOUSING, (Act.ESCALATE, 2 * HOUR, {"partners": ["督查室"], **REASON}))
LONG = replace(SIGNED, suspended_s=61 * 86400.0)

CASES = [
    (FRESH, Act.SIGN, {}, Why.STATE),
    (FRESH, Act.DISPATCH, {}, Why.MISSING),
    (FRESH, Act.DISPATCH, {"main": "火星局"}, Why.UNKNOWN_UNIT),
    (FRESH, Act.DISPATCH, {"main": HOUSING, "level": "soon"}, Why.UNKNOWN_LEVEL),
    (FRESH, Act.DISPATCH, {"main": "旧局"}, Why.CLOSED_UNIT),
    # of another kind than the field: clients of the API may send anything
    (FRESH, Act.DISPATCH, {"main": HOUSING, "level": ["urgent"]}, Why.UNKNOWN_LEVEL),
    (FRESH, Act.CONSULT, {"participants": 7, **REASON}, Why.UNKNOWN_UNIT),
    (FRESH, Act.HAND_OVER, {"channel": ["cppcc"], **REASON}, Why.UNKNOWN_CHANNEL),
    (FRESH, Act.ESCALATE, {"partners": 7, **REASON}, Why.MISSING),
    (FOLLOWED, Act.FOLLOW_UP, {"reached": ["yes"]}, Why.MISSING),
    (FRESH, Act.NOTE, {"note": "长" * (TEXT_LENGTH + 1)}, Why.MISSING),
    (FRESH, Act.CONSULT, {"participants": "", **REASON}, Why.MISSING),
    (FRESH, Act.MERGE, {"into": FRESH.number, **REASON}, Why.MERGE_SELF),
    (FRESH, Act.HAND_OVER, {"channel": "moon", **REASON}, Why.UNKNOWN_CHANNEL),
    (FRESH, Act.ESCALATE, {"partners": ["邻居"], **REASON}, Why.MISSING),
    (FRESH, Act.END_ESCALATION, {"result": "完"}, Why.NOT_ESCALATED),
    (FRESH, Act.END_TRACK, {"track": 1, "result": "完"}, Why.NO_TRACK),
    (FRESH, Act.UNHIDE, {}, Why.NOT_HIDDEN),
    (replace(FRESH, confidential=True), Act.HIDE, REASON, Why.HIDDEN_ALREADY),
    (BARRED, Act.DISPATCH, {"main": POLICE}, Why.NAMED_UNIT),
    (BARRED, Act.CONSULT, {"participants": [POLICE], **REASON}, Why.NAMED_UNIT),
    (replace(SIGNED, barred=(POLICE,)), Act.ADD_JOINT, {"unit": POLICE}, Why.NAMED_UNIT),
    (SIGNED, Act.REDISPATCH, {"main": HOUSING, **REASON}, Why.SAME_UNIT),
    (SIGNED, Act.ADD_JOINT, {"unit": HOUSING}, Why.ALREADY_UNIT),
    (SIGNED, Act.RELEASE_JOINT, {"unit": LABOUR, **REASON}, Why.NOT_JOINT),
    (SIGNED, Act.JOINT_SIGN, {"unit": LABOUR}, Why.NOT_JOINT),
    (SIGNED, Act.ASK_EXTENSION, {"amount": 30, **REASON}, Why.EXTENSION_LONG),
    (SIGNED, Act.ASK_EXTENSION, {"amount": "many", **REASON}, Why.MISSING),
    (SIGNED, Act.GRANT_EXTENSION, {}, Why.NO_EXTENSION),
    (ASKED, Act.ASK_EXTENSION, {"amount": 2, **REASON}, Why.EXTENSION_PENDING),
    (EXTENDED, Act.ASK_EXTENSION, {"amount": 2, **REASON}, Why.EXTENSIONS_USED),
    (SIGNED, Act.SUSPEND, {"ground": "想休息", **REASON}, Why.SUSPENSION_REASON),
    (LONG, Act.SUSPEND, {"ground": "等待上级批复", **REASON}, Why.SUSPENSION_LONG),
    (SIGNED, Act.ANSWER_SUPERVISION, {"letter": 1, "reply": "好"}, Why.NO_SUPERVISION),
    (ESCALATED, Act.ESCALATE, {"partners": ["督查室"], **REASON}, Why.ESCALATED_ALREADY),
    (FOLLOWED, Act.CLOSE, {}, Why.NOT_FOLLOWED_UP),
    (FOLLOWED, Act.FOLLOW_UP, {"reached": "perhaps"}, Why.MISSING),
    (PRESSED, Act.CLOSE, {"explained": "好"}, Why.SUPERVISION_OPEN),
    (replace(FOLLOWED, state=State.CLOSED), Act.RATE, {"rating": 9}, Why.MISSING),
    (replace(FOLLOWED, main=None), Act.REDO, REASON, Why.NO_UNIT),
]  # fmt: skip


@pytest.mark.parametrize(("ticket", "act", "given", "why"), CASES, ids=[f"{it[1]}-{it[3]}" for it in CASES])
def test_it_is_refused_and_says_why(ticket: Ticket, act: Act, given: dict[str, Any], why: Why) -> None:
    assert refusal(ticket, act, given) is why


def test_what_comes_too_late() -> None:
    assert refusal(SIGNED, Act.OBJECT, REASON, 30 * DAY) is Why.OBJECTION_LATE
    assert refusal(SIGNED, Act.ASK_EXTENSION, {"amount": 2, **REASON}, 30 * DAY) is Why.EXTENSION_LATE
    unhappy = replace(handled(HOUSING, DAY, "no", "no"), state=State.FOLLOW_UP, closed_at=None)
    assert refusal(unhappy, Act.CLOSE, {}) is Why.NOT_SATISFIED
    assert refusal(unhappy, Act.CLOSE, {"explained": "已当面解释"}) is None
    signed = lived((Act.DISPATCH, HOUR, {"main": HOUSING, "joint": "人社局"}),
                   (Act.JOINT_SIGN, 2 * HOUR, {"unit": LABOUR}))  # fmt: skip
    assert refusal(signed, Act.JOINT_SIGN, {"unit": LABOUR}) is Why.SIGNED_ALREADY


def test_who_may() -> None:
    """A unit does its own part and no other; who has no permission does nothing."""
    assert check(JOINT, Act.REPLY, HOUSING_CLERK) is None
    assert check(JOINT, Act.REPLY, LABOUR_CLERK) is Why.NOT_YOUR_UNIT
    assert check(JOINT, Act.JOINT_SIGN, LABOUR_CLERK) is None
    assert check(JOINT, Act.JOINT_REPLY, POLICE_CLERK) is Why.NOT_YOUR_UNIT
    assert check(JOINT, Act.VOID, HOUSING_CLERK) is Why.ROLE
    assert check(JOINT, Act.REPLY, Person("unit", Role.UNIT)) is Why.ROLE
    assert check(JOINT, Act.NOTE, Person("sun", Role.AUDITOR)) is Why.ROLE
    assert check(JOINT, Act.RELEASE_JOINT, LEADER) is None
    with pytest.raises(AccessRefused):
        AGENT.must(Permission.USERS_MANAGE)
    with pytest.raises(RoleUnknown):
        role_named("king")


def test_histories_that_are_none() -> None:
    entry = Entry(FRESH.number, 2, Act.SIGN, NOW, "li", "shift_leader")
    with pytest.raises(ValueError, match="at least"):
        replay([])
    with pytest.raises(ValueError, match="begins with"):
        born(entry)
    with pytest.raises(ValueError, match="does not follow"):
        follow(FRESH, entry)


def test_tracks_letters_and_reviews_to_their_end() -> None:
    """政协直通车, 督办函, 联合督办, 研判: tracked beside the state, and back where it was."""
    ticket = given_to(
        HOUSING,
        (Act.HAND_OVER, 2 * HOUR, {"channel": "cppcc", **REASON}),
        (Act.REPORT_TRACK, 3 * HOUR, {"track": 1, "note": "委员已调研"}),
        (Act.SUPERVISE, 3 * HOUR, {"text": "速办", "days": 2}),
        (Act.ANSWER_SUPERVISION, 4 * HOUR, {"letter": 1, "reply": "已办"}),
        (Act.ESCALATE, 5 * HOUR, {"partners": "督查室", **REASON}),
        (Act.ASK_REVIEW, 5 * HOUR, REASON),
        (Act.FIND_REASONABLE, 6 * HOUR, REASON),
        (Act.AMEND, 6 * HOUR, {"title": "路灯不亮", "level": "urgent", **REASON}),
        (Act.TAKE_BACK, 7 * HOUR, REASON),
        (Act.CONSULT, 8 * HOUR, {"participants": [HOUSING, LABOUR], **REASON}),
        (Act.VERDICT, 9 * HOUR, {"main": LABOUR, "present": "甲、乙", "verdict": "归人社"}),
        (Act.WITHDRAW, 10 * HOUR, REASON),
        (Act.END_TRACK, 11 * HOUR, {"track": 1, "result": "已立案"}),
        (Act.END_ESCALATION, 12 * HOUR, {"result": "结束"}),
    )
    assert (ticket.state, ticket.units, ticket.former) == (State.WITHDRAWN, (LABOUR,), (HOUSING,))
    assert ticket.tracks[0].ended_at
    assert ticket.supervisions[0].answered_at
    assert ticket.escalation is not None
    assert ticket.escalation.until
    assert ticket.texts.title == "路灯不亮"


def test_rules_from_verdicts() -> None:
    """A rule says what it would have prevented and what it would have spoiled."""
    words = words_for(OFFICE.city, "工地三个月没发工资，总包不管", LABOUR)
    assert words
    assert not words_for(OFFICE.city, "无", LABOUR)
    rule = Rule(("工资",), "社会事业", LABOUR)
    history = [
        Past("1", "社会事业", "拖欠工资", HOUSING, LABOUR),
        Past("2", "社会事业", "工资单打印", HOUSING, HOUSING),
        Past("3", "社会事业", "拖欠工资", LABOUR, LABOUR),
        Past("4", "城乡建设", "拖欠工资", HOUSING, LABOUR),
    ]
    assert replay_rule(rule, history) == Replay(("1",), ("2",), 1)


def test_superiors_previews_and_calendars_that_never_work() -> None:
    units = UnitDirectory(("甲", "乙"), {"甲局": "甲"}, {"甲": ("乙",), "乙": ("甲", "丙"), "丙": ("乙",)})
    assert units.above("甲") == ("乙", "丙")
    assert units.barred_by(["举报甲局"]) == ("甲", "乙", "丙")
    assert preview(FRESH, Caller()).clean
    assert may_reveal(replace(FRESH, anonymous=True, known=()), LEADER) is False
    never = WorkCalendar((), (), RULES.calendar.day_ends)
    with pytest.raises(ValueError, match="working hours"):
        due(NOW, RULES.tickets.sign_within, never)
    assert share_used(NOW, NOW, NOW) == 1.0


def test_the_call_of_a_secret_is_known_to_who_took_it_and_who_may() -> None:
    assert may_know(AGENT, {AGENT.name})
    assert may_know(LEADER, set())
    assert not may_know(AGENT, {LEADER.name})
