"""A ticket's states, what may happen to it, and the one table of what follows what. Pure.

``follows(state, act)`` answers for every pair: the state that follows, or None with the reason in
``refusal``. Guards that look at more than the state (who may, whose unit, whether an extension was asked
for) are in ``ticketing_bridge.tickets.life``. ``hotline tickets draw`` draws this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a ticket stands. The last six are endings."""

    #: 受理: taken, not given to anybody yet
    RECEIVED = "received"
    #: 派单: given to a main unit that has not signed for it
    DISPATCHED = "dispatched"
    #: 签收、办理
    HANDLING = "handling"
    #: the limit's clock stands still, for a reason that the rules name
    SUSPENDED = "suspended"
    #: 退单: the unit objects; it stays responsible until the objection is upheld (首接负责)
    OBJECTED = "objected"
    #: 会商: several units meet about whose it is
    CONSULTING = "consulting"
    #: 不合理诉求研判
    REVIEWING = "reviewing"
    #: 答复: the unit has replied, the hotline has not accepted it yet
    REPLIED = "replied"
    #: 回访: the reply is accepted, the citizen is asked
    FOLLOW_UP = "follow_up"
    #: 办结
    CLOSED = "closed"
    #: 评价: closed, and the citizen has rated it
    RATED = "rated"
    #: 在线答复: closed at the desk
    ANSWERED = "answered"
    #: 不合理诉求: explained, closed without handling
    UNREASONABLE = "unreasonable"
    #: 并单: goes on as part of another ticket
    MERGED = "merged"
    #: 撤销: the citizen does not want it any more
    WITHDRAWN = "withdrawn"
    #: 无效: no matter at all
    VOID = "void"


class Act(StrEnum):
    """What may happen to a ticket."""

    #: from nothing; no ticket that is there knows it
    CREATE = "create"
    AMEND = "amend"
    NOTE = "note"
    ANSWER_ONLINE = "answer_online"
    DISPATCH = "dispatch"
    REDISPATCH = "redispatch"
    #: the hotline takes it from its units again
    TAKE_BACK = "take_back"
    ADD_JOINT = "add_joint"
    RELEASE_JOINT = "release_joint"
    SIGN = "sign"
    CONTACT = "contact"
    PROGRESS = "progress"
    OBJECT = "object"
    UPHOLD = "uphold"
    DISMISS = "dismiss"
    ASK_EXTENSION = "ask_extension"
    GRANT_EXTENSION = "grant_extension"
    REFUSE_EXTENSION = "refuse_extension"
    SUSPEND = "suspend"
    RESUME = "resume"
    CONSULT = "consult"
    VERDICT = "verdict"
    ASK_REVIEW = "ask_review"
    FIND_UNREASONABLE = "find_unreasonable"
    FIND_REASONABLE = "find_reasonable"
    JOINT_SIGN = "joint_sign"
    JOINT_REPLY = "joint_reply"
    REPLY = "reply"
    ACCEPT_REPLY = "accept_reply"
    RETURN_REPLY = "return_reply"
    #: the unit takes its reply back: the matter goes on
    RECALL_REPLY = "recall_reply"
    FOLLOW_UP = "follow_up"
    CLOSE = "close"
    REDO = "redo"
    RATE = "rate"
    SUPERVISE = "supervise"
    ANSWER_SUPERVISION = "answer_supervision"
    ESCALATE = "escalate"
    END_ESCALATION = "end_escalation"
    HAND_OVER = "hand_over"
    REPORT_TRACK = "report_track"
    END_TRACK = "end_track"
    TAKE_IN = "take_in"
    MERGE = "merge"
    WITHDRAW = "withdraw"
    VOID = "void"
    HIDE = "hide"
    UNHIDE = "unhide"
    #: two people let a unit have it that the matter names
    ADMIT = "admit"


ENDINGS: Final = frozenset(
    {
        State.CLOSED,
        State.RATED,
        State.ANSWERED,
        State.UNREASONABLE,
        State.MERGED,
        State.WITHDRAWN,
        State.VOID,
    }
)
#: endings of which nothing comes back
FINAL: Final = frozenset({State.MERGED, State.WITHDRAWN, State.VOID})
#: a main unit has it and must do something
WITH_UNIT: Final = frozenset({State.DISPATCHED, State.HANDLING, State.OBJECTED})
OPEN: Final = frozenset(State) - ENDINGS

_S, _A = State, Act
#: the states from which something was interrupted are gone back to: such a state is kept with the ticket
BACK: Final = "back"


def _from(states: Iterable[State], act: Act, to: State | str | None) -> dict[tuple[State, Act], State | str]:
    """``to`` None: the state stays."""
    return {(state, act): state if to is None else to for state in states}


#: (state, act) → the state that follows, or ``BACK``; a pair that is not here is refused
TABLE: Final[Mapping[tuple[State, Act], State | str]] = {
    **_from(_S, _A.NOTE, None),
    **_from(_S, _A.HIDE, None),
    **_from(_S, _A.UNHIDE, None),
    **_from(OPEN, _A.ADMIT, None),
    **_from(OPEN, _A.AMEND, None),
    **_from(OPEN - {_S.FOLLOW_UP}, _A.TAKE_IN, None),
    **_from([_S.RECEIVED], _A.ANSWER_ONLINE, _S.ANSWERED),
    **_from([_S.RECEIVED], _A.DISPATCH, _S.DISPATCHED),
    **_from([_S.DISPATCHED, _S.HANDLING], _A.REDISPATCH, _S.DISPATCHED),
    **_from(OPEN - {_S.RECEIVED}, _A.TAKE_BACK, _S.RECEIVED),
    **_from([_S.DISPATCHED, _S.HANDLING, _S.SUSPENDED], _A.ADD_JOINT, None),
    **_from(OPEN - {_S.RECEIVED}, _A.RELEASE_JOINT, None),
    **_from([_S.DISPATCHED], _A.SIGN, _S.HANDLING),
    **_from([_S.DISPATCHED, _S.HANDLING, _S.SUSPENDED, _S.OBJECTED], _A.CONTACT, None),
    **_from([_S.HANDLING, _S.SUSPENDED], _A.PROGRESS, None),
    **_from([_S.DISPATCHED, _S.HANDLING], _A.OBJECT, _S.OBJECTED),
    **_from([_S.OBJECTED], _A.UPHOLD, _S.DISPATCHED),
    **_from([_S.OBJECTED], _A.DISMISS, _S.HANDLING),
    **_from([_S.HANDLING], _A.ASK_EXTENSION, None),
    **_from([_S.HANDLING], _A.GRANT_EXTENSION, None),
    **_from([_S.HANDLING], _A.REFUSE_EXTENSION, None),
    **_from([_S.HANDLING], _A.SUSPEND, _S.SUSPENDED),
    **_from([_S.SUSPENDED], _A.RESUME, _S.HANDLING),
    **_from([_S.RECEIVED, _S.DISPATCHED, _S.HANDLING, _S.OBJECTED], _A.CONSULT, _S.CONSULTING),
    **_from([_S.CONSULTING], _A.VERDICT, _S.DISPATCHED),
    **_from([_S.RECEIVED, _S.DISPATCHED, _S.HANDLING, _S.OBJECTED], _A.ASK_REVIEW, _S.REVIEWING),
    **_from([_S.REVIEWING], _A.FIND_UNREASONABLE, _S.UNREASONABLE),
    **_from([_S.REVIEWING], _A.FIND_REASONABLE, BACK),
    **_from([_S.DISPATCHED, _S.HANDLING, _S.SUSPENDED, _S.REPLIED], _A.JOINT_SIGN, None),
    **_from([_S.DISPATCHED, _S.HANDLING, _S.SUSPENDED, _S.REPLIED], _A.JOINT_REPLY, None),
    **_from([_S.HANDLING], _A.REPLY, _S.REPLIED),
    **_from([_S.REPLIED], _A.ACCEPT_REPLY, _S.FOLLOW_UP),
    **_from([_S.REPLIED], _A.RETURN_REPLY, _S.HANDLING),
    **_from([_S.REPLIED], _A.RECALL_REPLY, _S.HANDLING),
    **_from([_S.FOLLOW_UP], _A.FOLLOW_UP, None),
    **_from([_S.FOLLOW_UP], _A.CLOSE, _S.CLOSED),
    **_from([_S.FOLLOW_UP, _S.CLOSED, _S.RATED], _A.REDO, _S.HANDLING),
    **_from([_S.CLOSED], _A.RATE, _S.RATED),
    **_from([_S.ANSWERED], _A.RATE, None),
    **_from(OPEN - {_S.RECEIVED}, _A.SUPERVISE, None),
    **_from(OPEN, _A.ANSWER_SUPERVISION, None),
    **_from(OPEN, _A.ESCALATE, None),
    **_from(_S, _A.END_ESCALATION, None),
    **_from(OPEN, _A.HAND_OVER, None),
    **_from(_S, _A.REPORT_TRACK, None),
    **_from(_S, _A.END_TRACK, None),
    **_from([_S.RECEIVED, _S.DISPATCHED, _S.HANDLING, _S.OBJECTED], _A.MERGE, _S.MERGED),
    **_from(OPEN, _A.WITHDRAW, _S.WITHDRAWN),
    **_from([_S.RECEIVED, _S.DISPATCHED, _S.HANDLING, _S.OBJECTED, _S.REVIEWING], _A.VOID, _S.VOID),
}
if silent := [act for act in Act if act is not Act.CREATE and not any(it is act for _, it in TABLE)]:
    raise ImportError(f"no state knows {silent}")


def follows(state: State, act: Act) -> State | str | None:
    """What follows: a state, ``BACK`` (where it was interrupted), or None: refused."""
    return TABLE.get((state, act))


def acts_of(state: State) -> list[Act]:
    """What may happen in this state, in the order of ``Act``."""
    return [act for act in Act if (state, act) in TABLE]


def ways_back(state: State) -> frozenset[State]:
    """Where ``BACK`` may lead from a state: all that lead into it."""
    return frozenset(origin for (origin, _), to in TABLE.items() if to is state and origin is not state)
