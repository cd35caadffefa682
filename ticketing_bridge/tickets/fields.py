"""What each act asks of whoever does it: one table that forms, the API and the command line read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ticketing_bridge.tickets.states import Act


class Kind(StrEnum):
    """What a field takes."""

    LINE = "line"
    TEXT = "text"
    UNIT = "unit"
    #: several units
    UNITS = "units"
    LEVEL = "level"
    NUMBER = "number"
    YES_NO = "yes_no"
    RATING = "rating"
    #: one of the ticket rules' reasons for a suspension
    GROUND = "ground"
    #: a special channel
    CHANNEL = "channel"
    #: partners of joint supervision
    PARTNERS = "partners"
    #: an open supervision letter of this ticket
    LETTER = "letter"
    #: an open special channel of this ticket
    TRACK = "track"
    #: a unit that is a joint one of this ticket
    JOINT = "joint"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. Those of kind ``TEXT`` and ``LINE`` are sealed with the entry."""

    name: str
    kind: Kind
    needed: bool = True


_REASON = Field("reason", Kind.TEXT)
_NOTE = Field("note", Kind.TEXT)
_ANY_NOTE = Field("note", Kind.TEXT, needed=False)
_GIVE: Final = (
    Field("main", Kind.UNIT),
    Field("joint", Kind.UNITS, needed=False),
    Field("level", Kind.LEVEL, needed=False),
)
_SEEN: Final = (
    Field("unit_title", Kind.LINE, needed=False),
    Field("unit_content", Kind.TEXT, needed=False),
)

FIELDS: Final[Mapping[Act, tuple[Field, ...]]] = {
    Act.AMEND: (
        Field("title", Kind.LINE, needed=False),
        Field("content", Kind.TEXT, needed=False),
        Field("demand", Kind.LINE, needed=False),
        Field("level", Kind.LEVEL, needed=False),
        _REASON,
    ),
    Act.NOTE: (_NOTE,),
    Act.ANSWER_ONLINE: (Field("answer", Kind.TEXT),),
    Act.DISPATCH: (*_GIVE, *_SEEN),
    Act.REDISPATCH: (*_GIVE, _REASON, *_SEEN),
    Act.TAKE_BACK: (_REASON,),
    Act.ADD_JOINT: (Field("unit", Kind.UNIT), _ANY_NOTE),
    Act.RELEASE_JOINT: (Field("unit", Kind.JOINT), _REASON),
    Act.SIGN: (),
    Act.CONTACT: (_NOTE,),
    Act.PROGRESS: (_NOTE,),
    Act.OBJECT: (_REASON, Field("suggested", Kind.UNIT, needed=False)),
    Act.UPHOLD: (*_GIVE, _REASON, *_SEEN),
    Act.DISMISS: (_REASON,),
    Act.ASK_EXTENSION: (Field("amount", Kind.NUMBER), _REASON),
    Act.GRANT_EXTENSION: (_ANY_NOTE,),
    Act.REFUSE_EXTENSION: (_REASON,),
    Act.SUSPEND: (Field("ground", Kind.GROUND), _REASON),
    Act.RESUME: (_ANY_NOTE,),
    Act.CONSULT: (Field("participants", Kind.UNITS), _REASON),
    Act.VERDICT: (*_GIVE, Field("present", Kind.LINE), Field("verdict", Kind.TEXT), *_SEEN),
    Act.ASK_REVIEW: (_REASON,),
    Act.FIND_UNREASONABLE: (Field("unit", Kind.UNIT), Field("answer", Kind.TEXT), _REASON),
    Act.FIND_REASONABLE: (_REASON,),
    Act.JOINT_SIGN: (Field("unit", Kind.JOINT),),
    Act.JOINT_REPLY: (Field("unit", Kind.JOINT), Field("reply", Kind.TEXT)),
    Act.REPLY: (Field("answer", Kind.TEXT),),
    Act.ACCEPT_REPLY: (_ANY_NOTE,),
    Act.RETURN_REPLY: (_REASON,),
    Act.RECALL_REPLY: (_REASON,),
    Act.FOLLOW_UP: (
        Field("reached", Kind.YES_NO),
        Field("solved", Kind.YES_NO, needed=False),
        Field("satisfied", Kind.YES_NO, needed=False),
        _ANY_NOTE,
    ),
    Act.CLOSE: (Field("explained", Kind.TEXT, needed=False),),
    Act.REDO: (_REASON, Field("level", Kind.LEVEL, needed=False)),
    Act.RATE: (Field("rating", Kind.RATING), _ANY_NOTE),
    Act.SUPERVISE: (Field("text", Kind.TEXT), Field("days", Kind.NUMBER)),
    Act.ANSWER_SUPERVISION: (Field("letter", Kind.LETTER), Field("reply", Kind.TEXT)),
    Act.ESCALATE: (Field("partners", Kind.PARTNERS), _REASON),
    Act.END_ESCALATION: (Field("result", Kind.TEXT),),
    Act.HAND_OVER: (Field("channel", Kind.CHANNEL), _REASON),
    Act.REPORT_TRACK: (Field("track", Kind.TRACK), _NOTE),
    Act.END_TRACK: (Field("track", Kind.TRACK), Field("result", Kind.TEXT)),
    Act.MERGE: (Field("into", Kind.TICKET), _REASON),
    Act.WITHDRAW: (_REASON,),
    Act.VOID: (_REASON,),
    Act.HIDE: (_REASON,),
    # made by the service, never from a form
    Act.CREATE: (),
    Act.TAKE_IN: (),
    Act.UNHIDE: (),
    Act.ADMIT: (),
}
if silent := [act for act in Act if act not in FIELDS]:
    raise ImportError(f"no fields of {silent}")

#: acts that people choose from a list
BY_HAND: Final = tuple(act for act in Act if act not in {Act.CREATE, Act.TAKE_IN, Act.UNHIDE, Act.ADMIT})
