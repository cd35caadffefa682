"""A ticket as a page shows it. Pure: from what this person may see to words and tones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from ticketing_bridge.access import Person
from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.desk.labels import Label
from ticketing_bridge.tickets import Act, Ticket
from ticketing_bridge.tickets.checks import check
from ticketing_bridge.tickets.fields import BY_HAND, FIELDS, Field, Kind
from ticketing_bridge.tickets.give_aways import GiveAway
from ticketing_bridge.tickets.limits import share_used
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.states import ENDINGS, State
from ticketing_bridge.tickets.views import EntryView, TicketView

#: what somebody in this state usually does next: shown first
NEXT: Mapping[State, tuple[Act, ...]] = {
    State.RECEIVED: (Act.DISPATCH, Act.ANSWER_ONLINE, Act.MERGE),
    State.DISPATCHED: (Act.SIGN, Act.OBJECT),
    State.HANDLING: (Act.REPLY, Act.CONTACT, Act.PROGRESS, Act.GRANT_EXTENSION, Act.REFUSE_EXTENSION),
    State.SUSPENDED: (Act.RESUME,),
    State.OBJECTED: (Act.UPHOLD, Act.DISMISS, Act.CONSULT),
    State.CONSULTING: (Act.VERDICT,),
    State.REVIEWING: (Act.FIND_UNREASONABLE, Act.FIND_REASONABLE),
    State.REPLIED: (Act.ACCEPT_REPLY, Act.RETURN_REPLY, Act.RECALL_REPLY),
    State.FOLLOW_UP: (Act.FOLLOW_UP, Act.CLOSE, Act.REDO),
    State.CLOSED: (Act.RATE, Act.REDO),
}
#: the secret's own form does these
_ELSEWHERE = frozenset({Act.HIDE})


@dataclass(frozen=True, slots=True)
class LimitView:
    """The limit as a bar: ``share`` of it used, 0…1."""

    due_at: datetime
    first_due_at: datetime
    share: float
    tone: str
    over: bool
    stopped: bool


def limit_view(ticket: Ticket, now: datetime) -> LimitView | None:
    """How the limit stands; a reply that was handed in stops it."""
    limit = ticket.limit
    if limit is None:
        return None
    done = ticket.handed_in_at
    moment = done or (ticket.suspended_at if ticket.suspended_at else now)
    stopped = done is not None or ticket.suspended_at is not None or ticket.state in ENDINGS
    if ticket.state in ENDINGS and done is None and ticket.closed_at:
        moment = ticket.closed_at
    share = share_used(limit.started_at, limit.due_at, moment)
    over = moment > limit.due_at
    tone = "miss" if over else "wait" if share >= 0.7 and not stopped else "ok"
    return LimitView(limit.due_at, limit.first_due_at, min(1.0, max(0.0, share)), tone, over, stopped)


@dataclass(frozen=True, slots=True)
class RowView:
    """A ticket in a list."""

    number: str
    title: str
    purpose: str
    state: Label
    units: tuple[str, ...]
    received_at: datetime
    limit: LimitView | None
    confidential: bool
    anonymous: bool
    emergency: bool
    supervised: bool


def row_view(view: TicketView, now: datetime) -> RowView:
    """One row."""
    ticket = view.ticket
    return RowView(
        ticket.number,
        view.texts.title,
        ticket.purpose,
        case_words().states[ticket.state],
        ticket.units,
        ticket.received_at,
        limit_view(ticket, now),
        ticket.confidential,
        ticket.anonymous,
        ticket.emergency,
        any(it.answered_at is None for it in ticket.supervisions),
    )


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of a form; ``choices`` are (value, text)."""

    name: str
    label: str
    kind: str
    needed: bool
    value: Any
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ActView:
    """Something this person may do now."""

    act: str
    label: str
    fields: tuple[FieldView, ...]
    first: bool
    open: bool


def act_views(
    ticket: Ticket,
    person: Person,
    office: TicketOffice,
    given: Mapping[str, Any] | None = None,
    opened: Act | None = None,
) -> list[ActView]:
    """Forms for all that this person may do, what is usual first. ``given``: what was typed and refused."""
    first = NEXT.get(ticket.state, ())
    possible = [act for act in BY_HAND if act not in _ELSEWHERE and check(ticket, act, person) is None]
    ordered = [*(it for it in first if it in possible), *(it for it in possible if it not in first)]
    words = case_words()
    seen = {name: value for name, value in (given or {}).items() if name.startswith("unit_")}
    return [
        ActView(
            act.value,
            words.acts[act],
            tuple(
                _field(it, ticket, person, office, given if act is opened else seen)
                for it in FIELDS[act]
                if not _own_part(it, person)
            ),
            act in first,
            act is opened,
        )
        for act in ordered
    ]


def _own_part(field: Field, person: Person) -> bool:
    return field.kind is Kind.JOINT and person.unit is not None


def _field(
    field: Field, ticket: Ticket, person: Person, office: TicketOffice, given: Mapping[str, Any] | None
) -> FieldView:
    value: Any = (given or {}).get(field.name, "")
    if not value and field.kind is Kind.LEVEL:
        value = ticket.level
    return FieldView(
        field.name,
        case_words().fields[field.name],
        field.kind.value,
        field.needed,
        value,
        _choices(field.kind, ticket, office),
    )


Choices = tuple[tuple[str, str], ...]


def _same(names: Iterable[str]) -> Choices:
    return tuple((it, it) for it in names)


def _tracks(ticket: Ticket, office: TicketOffice) -> Choices:
    names = {it.id: it.name for it in office.rules.channels}
    return tuple((str(it.id), names.get(it.channel, it.channel)) for it in ticket.tracks if not it.ended_at)


#: what can be chosen for a field
_CHOICES: Mapping[Kind, Callable[[Ticket, TicketOffice], Choices]] = {
    Kind.LEVEL: lambda _, office: tuple((it.id, it.name) for it in office.rules.levels),
    Kind.YES_NO: lambda _, __: tuple(case_words().choices.items()),
    Kind.GROUND: lambda _, office: _same(office.rules.suspension.reasons),
    Kind.CHANNEL: lambda _, office: tuple(
        (it.id, f"{it.name}（{it.handler}）") for it in office.rules.channels
    ),
    Kind.PARTNERS: lambda _, office: _same(office.rules.joint_supervision),
    Kind.LETTER: lambda ticket, _: tuple(
        (str(it.id), f"第 {it.id} 号") for it in ticket.supervisions if it.answered_at is None
    ),
    Kind.TRACK: _tracks,
    Kind.JOINT: lambda ticket, _: _same(it.unit for it in ticket.joint),
    Kind.RATING: lambda _, __: _same(("5", "4", "3", "2", "1")),
}


def _choices(kind: Kind, ticket: Ticket, office: TicketOffice) -> Choices:
    choose = _CHOICES.get(kind)
    return choose(ticket, office) if choose else ()


@dataclass(frozen=True, slots=True)
class StepView:
    """One entry of the history in words."""

    at: datetime
    act: str
    by: str
    unit: str | None
    words: tuple[tuple[str, str], ...]


def step_views(entries: Sequence[EntryView], office: TicketOffice) -> list[StepView]:
    """The history, newest first."""
    return [_step(it, office) for it in reversed(entries)]


def _step(entry: EntryView, office: TicketOffice) -> StepView:
    words = case_words()
    levels = {it.id: it.name for it in office.rules.levels}
    told = {**entry.data, **entry.texts}
    if "level" in told:
        told["level"] = levels.get(str(told["level"]), told["level"])
    pairs = tuple(
        (words.fields[name], _said(value))
        for name, value in told.items()
        if name in words.fields and value not in (None, "", [], ())
    )
    return StepView(entry.at, words.acts[entry.act], entry.by, entry.unit, pairs)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return case_words().choices["yes" if value else "no"]
    return "、".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def marked(text: str, marks: Sequence[GiveAway]) -> Markup:
    """A text with what could give the caller away marked, and of what kind it is."""
    out, at = [], 0
    names = case_words().give_aways
    for it in marks:
        out.append(escape(text[at : it.start]))
        out.append(
            Markup('<mark class="tells" title="{}">{}</mark>').format(names[it.kind], text[it.start : it.end])
        )
        at = it.end
    out.append(escape(text[at:]))
    return Markup("").join(out)
