"""A ticket's life: what each act does to it. Pure.

``follow`` adds an entry of the history to a ticket; ``replay`` makes the ticket from its whole history.
What an act needs to know of rules and calendar (the end of a limit) stands in the entry, so that
replaying needs neither. Whether an act may be done is asked of ``ticketing_bridge.tickets.checks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from ticketing_bridge.tickets.model import (
    Assignment,
    Entry,
    Escalation,
    Extension,
    FollowUpResult,
    Json,
    Limit,
    Supervision,
    Texts,
    Ticket,
    Track,
)
from ticketing_bridge.tickets.states import BACK, ENDINGS, Act, State, follows

_TICKET: Final = TypeAdapter(Ticket)
_LIMIT: Final = TypeAdapter(Limit)
_TEXTS: Final = TypeAdapter(Texts)


def replay(history: Iterable[Entry]) -> Ticket:
    """The ticket that a whole history adds up to. Raises ``ValueError`` when it is none."""
    entries = iter(history)
    first = next(entries, None)
    if first is None:
        raise ValueError("a history has at least the entry that began it")
    ticket = born(first)
    for entry in entries:
        ticket = follow(ticket, entry)
    return ticket


def born(entry: Entry) -> Ticket:
    """The ticket that begins with this entry."""
    if entry.act is not Act.CREATE or entry.version != 1:
        raise ValueError(f"{entry.ticket}: a history begins with its creation, not with {entry.act}")
    values = {
        **entry.data,
        "number": entry.ticket,
        "version": 1,
        "state": State.RECEIVED,
        "received_by": entry.by,
        "updated_at": entry.at,
        "texts": entry.texts,
    }
    return _TICKET.validate_python(values)


def follow(ticket: Ticket, entry: Entry) -> Ticket:
    """The ticket after one more entry. Raises ``ValueError`` for one that cannot follow."""
    to = follows(ticket.state, entry.act)
    if to is None or entry.version != ticket.version + 1:
        raise ValueError(f"{ticket.number}: {entry.act} {entry.version} does not follow {ticket.version}")
    if to == BACK:
        to = ticket.back_to or State.RECEIVED
    moved = EFFECTS[entry.act](ticket, entry)
    state = State(to)
    closed = moved.closed_at if state in ENDINGS else None
    if state in ENDINGS and closed is None:
        closed = entry.at
    return replace(moved, state=state, version=entry.version, updated_at=entry.at, closed_at=closed)


Effect = Callable[[Ticket, Entry], Ticket]


def _same(ticket: Ticket, _: Entry) -> Ticket:
    return ticket


def _with_texts(ticket: Ticket, entry: Entry) -> Texts:
    known = {name: entry.texts[name] for name in Texts.__dataclass_fields__ if name in entry.texts}
    return _TEXTS.validate_python({**{it: getattr(ticket.texts, it) for it in _FIELDS}, **known})


_FIELDS: Final = tuple(Texts.__dataclass_fields__)
#: what may be corrected, beside texts
AMENDABLE: Final = (
    "purpose",
    "appeal",
    "level",
    "dedicated_line",
    "caller_kind",
    "emergency",
    "repeat",
    "anonymous",
    "known",
    "barred",
)


def _amended(ticket: Ticket, entry: Entry) -> Ticket:
    changes: dict[str, Any] = {name: entry.data[name] for name in AMENDABLE if name in entry.data}
    for name in ("known", "barred"):
        if name in changes:
            changes[name] = tuple(changes[name])
    return replace(ticket, texts=_with_texts(ticket, entry), **changes)


def _answered(ticket: Ticket, entry: Entry) -> Ticket:
    return replace(ticket, texts=_with_texts(ticket, entry))


def _given(ticket: Ticket, entry: Entry) -> Ticket:
    """To a main unit and joint ones, with a new limit; those that had it before have it no more."""
    main, joint = str(entry.data["main"]), tuple(map(str, entry.data.get("joint", ())))
    kept = {it.unit: it for it in ticket.joint}
    now = {main, *joint}
    return replace(
        ticket,
        main=Assignment(main, entry.at),
        joint=tuple(kept.get(it) or Assignment(it, entry.at) for it in joint),
        former=_former(ticket, now),
        dispatched_at=ticket.dispatched_at or entry.at,
        limit=_LIMIT.validate_python(entry.data["limit"]),
        level=str(entry.data["level"]),
        bound=False,
        extensions=(),
        back_to=None,
        texts=_with_texts(ticket, entry),
    )


def _former(ticket: Ticket, now: set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(it for it in (*ticket.former, *ticket.units) if it not in now))


def _upheld(ticket: Ticket, entry: Entry) -> Ticket:
    return replace(_given(ticket, entry), returns=ticket.returns + 1)


def _taken_back(ticket: Ticket, _: Entry) -> Ticket:
    return replace(
        ticket,
        main=None,
        joint=(),
        former=_former(ticket, set()),
        limit=None,
        extensions=(),
        suspended_at=None,
        replied_at=None,
        accepted_at=None,
        back_to=None,
        bound=False,
    )


def _joint_added(ticket: Ticket, entry: Entry) -> Ticket:
    unit = str(entry.data["unit"])
    return replace(
        ticket,
        joint=(*ticket.joint, Assignment(unit, entry.at)),
        former=tuple(it for it in ticket.former if it != unit),
        texts=_with_texts(ticket, entry),
    )


def _joint_released(ticket: Ticket, entry: Entry) -> Ticket:
    joint = tuple(it for it in ticket.joint if it.unit != entry.data["unit"])
    return replace(ticket, joint=joint, former=(*ticket.former, str(entry.data["unit"])))


def _signed(ticket: Ticket, entry: Entry) -> Ticket:
    return replace(ticket, main=_main(ticket, signed_at=entry.at))


def _main(ticket: Ticket, **changes: Any) -> Assignment | None:
    return replace(ticket.main, **changes) if ticket.main else None


def _dismissed(ticket: Ticket, entry: Entry) -> Ticket:
    signed = ticket.main.signed_at if ticket.main else None
    return replace(ticket, bound=True, main=_main(ticket, signed_at=signed or entry.at))


def _extension_decided(granted: bool) -> Effect:
    def decided(ticket: Ticket, entry: Entry) -> Ticket:
        extensions = tuple(
            replace(it, granted=granted) if it.granted is None else it for it in ticket.extensions
        )
        return replace(ticket, extensions=extensions, limit=_ends(ticket, entry))

    return decided


def _ends(ticket: Ticket, entry: Entry) -> Limit | None:
    """The limit with the end that the entry names, or as it was."""
    if ticket.limit is None or "due_at" not in entry.data:
        return ticket.limit
    return replace(ticket.limit, due_at=datetime.fromisoformat(entry.data["due_at"]))


def _resumed(ticket: Ticket, entry: Entry) -> Ticket:
    since = ticket.suspended_at or entry.at
    stood = ticket.suspended_s + (entry.at - since).total_seconds()
    return replace(ticket, suspended_at=None, suspended_s=stood, limit=_ends(ticket, entry))


def _interrupted(ticket: Ticket, _: Entry) -> Ticket:
    return replace(ticket, back_to=ticket.state)


def _joint_part(name: str) -> Effect:
    def done(ticket: Ticket, entry: Entry) -> Ticket:
        unit = entry.data["unit"]
        changes: dict[str, Any] = {"signed_at": entry.at, name: entry.at}

        def changed(it: Assignment) -> Assignment:
            kept = {"signed_at": it.signed_at} if it.signed_at else {}
            return replace(it, **{**changes, **kept}) if it.unit == unit else it

        joint = tuple(map(changed, ticket.joint))
        return replace(ticket, joint=joint)

    return done


def _replied(ticket: Ticket, entry: Entry) -> Ticket:
    main = _main(ticket, replied_at=entry.at)
    return replace(ticket, replied_at=entry.at, main=main, texts=_with_texts(ticket, entry))


def _reply_returned(ticket: Ticket, entry: Entry) -> Ticket:
    return replace(_reply_recalled(ticket, entry), replies_returned=ticket.replies_returned + 1)


def _reply_recalled(ticket: Ticket, _: Entry) -> Ticket:
    return replace(ticket, replied_at=None, main=_main(ticket, replied_at=None))


def _followed_up(ticket: Ticket, entry: Entry) -> Ticket:
    asked = {it: entry.data.get(it) for it in ("asked_by", "reached", "solved", "satisfied")}
    return replace(ticket, follow_ups=(*ticket.follow_ups, FollowUpResult(entry.at, **asked)))  # type: ignore[arg-type]


def _redone(ticket: Ticket, entry: Entry) -> Ticket:
    return replace(
        ticket,
        redos=ticket.redos + 1,
        replied_at=None,
        accepted_at=None,
        rating=None,
        main=_main(ticket, replied_at=None),
        extensions=(),
        limit=_LIMIT.validate_python(entry.data["limit"]),
        level=str(entry.data["level"]),
    )


def _supervised(ticket: Ticket, entry: Entry) -> Ticket:
    answer_by = datetime.fromisoformat(entry.data["answer_by"])
    letter = Supervision(len(ticket.supervisions) + 1, entry.at, answer_by)
    return replace(ticket, supervisions=(*ticket.supervisions, letter))


def _letter_answered(ticket: Ticket, entry: Entry) -> Ticket:
    letters = tuple(
        replace(it, answered_at=entry.at) if it.id == entry.data["letter"] else it
        for it in ticket.supervisions
    )
    return replace(ticket, supervisions=letters)


def _escalate(ticket: Ticket, entry: Entry) -> Ticket:
    return replace(ticket, escalation=Escalation(entry.at, tuple(entry.data["partners"])))


def _end_escalation(ticket: Ticket, entry: Entry) -> Ticket:
    ended = replace(ticket.escalation, until=entry.at) if ticket.escalation else None
    return replace(ticket, escalation=ended)


def _handed_over(ticket: Ticket, entry: Entry) -> Ticket:
    track = Track(len(ticket.tracks) + 1, str(entry.data["channel"]), entry.at)
    return replace(ticket, tracks=(*ticket.tracks, track))


def _track_news(name: str) -> Effect:
    def told(ticket: Ticket, entry: Entry) -> Ticket:
        change: dict[str, Any] = {name: entry.at}
        tracks = tuple(replace(it, **change) if it.id == entry.data["track"] else it for it in ticket.tracks)
        return replace(ticket, tracks=tracks)

    return told


def _hidden(ticket: Ticket, entry: Entry) -> Ticket:
    barred = tuple(entry.data.get("barred", ticket.barred))
    texts = replace(ticket.texts, unit_title=None, unit_content=None)  # made while it was open
    return replace(ticket, confidential=True, barred=barred, texts=texts)


EFFECTS: Final[Mapping[Act, Effect]] = {
    Act.AMEND: _amended,
    Act.NOTE: _same,
    Act.ANSWER_ONLINE: _answered,
    Act.DISPATCH: _given,
    Act.REDISPATCH: _given,
    Act.TAKE_BACK: _taken_back,
    Act.ADD_JOINT: _joint_added,
    Act.RELEASE_JOINT: _joint_released,
    Act.SIGN: _signed,
    Act.CONTACT: lambda it, entry: replace(it, contacted_at=it.contacted_at or entry.at),
    Act.PROGRESS: lambda it, entry: replace(it, progress_at=entry.at),
    Act.OBJECT: lambda it, _: replace(it, objections=it.objections + 1),
    Act.UPHOLD: _upheld,
    Act.DISMISS: _dismissed,
    Act.ASK_EXTENSION: lambda it, entry: replace(
        it, extensions=(*it.extensions, Extension(entry.at, int(entry.data["amount"])))
    ),
    Act.GRANT_EXTENSION: _extension_decided(True),
    Act.REFUSE_EXTENSION: _extension_decided(False),
    Act.SUSPEND: lambda it, entry: replace(it, suspended_at=entry.at),
    Act.RESUME: _resumed,
    Act.CONSULT: _interrupted,
    Act.VERDICT: _given,
    Act.ASK_REVIEW: _interrupted,
    Act.FIND_UNREASONABLE: _answered,
    Act.FIND_REASONABLE: lambda it, _: replace(it, back_to=None),
    Act.JOINT_SIGN: _joint_part("signed_at"),
    Act.JOINT_REPLY: _joint_part("replied_at"),
    Act.REPLY: _replied,
    Act.ACCEPT_REPLY: lambda it, entry: replace(it, accepted_at=entry.at),
    Act.RETURN_REPLY: _reply_returned,
    Act.RECALL_REPLY: _reply_recalled,
    Act.FOLLOW_UP: _followed_up,
    Act.CLOSE: lambda it, entry: replace(it, closed_at=entry.at),
    Act.REDO: _redone,
    Act.RATE: lambda it, entry: replace(it, rating=int(entry.data["rating"])),
    Act.SUPERVISE: _supervised,
    Act.ANSWER_SUPERVISION: _letter_answered,
    Act.ESCALATE: _escalate,
    Act.END_ESCALATION: _end_escalation,
    Act.HAND_OVER: _handed_over,
    Act.REPORT_TRACK: _track_news("reported_at"),
    Act.END_TRACK: _track_news("ended_at"),
    Act.TAKE_IN: lambda it, entry: replace(it, merged=(*it.merged, str(entry.data["number"]))),
    Act.MERGE: lambda it, entry: replace(it, merged_into=str(entry.data["into"])),
    Act.WITHDRAW: _answered,
    Act.VOID: _answered,
    Act.HIDE: _hidden,
    Act.ADMIT: lambda it, entry: replace(
        it, admitted=tuple(dict.fromkeys((*it.admitted, *entry.data["units"])))
    ),
    Act.UNHIDE: lambda it, _: replace(it, confidential=False),
}
if silent := [act for act in Act if act is not Act.CREATE and act not in EFFECTS]:
    raise ImportError(f"no effect of {silent}")


def to_json(ticket: Ticket) -> dict[str, Any]:
    """The ticket without its texts, for its row."""
    values: dict[str, Any] = _TICKET.dump_python(ticket, mode="json")
    del values["texts"]
    return values


def from_json(values: Json, texts: Json) -> Ticket:
    """The ticket of a row."""
    return _TICKET.validate_python({**values, "texts": texts})
