"""What each person sees of a ticket. Pure: the one place that decides whether a person or a phrase is shown.

Units see the matter; of a confidential or anonymous one never the person, and its words with every phrase
taken out that could give the caller away, or as somebody of the hotline has approved them. Who called is
shown to nobody at once: masked, or after a reason that goes on record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from facts.masking import mask_number
from ticketing_bridge.access import Permission, Person
from ticketing_bridge.tickets.give_aways import GiveAway, give_aways, redacted
from ticketing_bridge.tickets.model import Caller, Entry, Json, Texts, Ticket
from ticketing_bridge.tickets.states import Act

#: of the history, what units see of each other's and the hotline's deeds
UNITS_SEE = frozenset(
    {
        Act.DISPATCH,
        Act.REDISPATCH,
        Act.ADD_JOINT,
        Act.RELEASE_JOINT,
        Act.SIGN,
        Act.CONTACT,
        Act.PROGRESS,
        Act.OBJECT,
        Act.DISMISS,
        Act.ASK_EXTENSION,
        Act.GRANT_EXTENSION,
        Act.REFUSE_EXTENSION,
        Act.SUSPEND,
        Act.RESUME,
        Act.CONSULT,
        Act.VERDICT,
        Act.JOINT_SIGN,
        Act.JOINT_REPLY,
        Act.REPLY,
        Act.ACCEPT_REPLY,
        Act.RETURN_REPLY,
        Act.RECALL_REPLY,
        Act.CLOSE,
        Act.REDO,
        Act.SUPERVISE,
        Act.ANSWER_SUPERVISION,
        Act.ESCALATE,
        Act.END_ESCALATION,
    }
)


#: structure of an entry that can tell who called, or whom the matter names
_NOT_TOLD = frozenset({"barred", "admitted", "units", "known", "call", "draft_version"})


@dataclass(frozen=True, slots=True)
class CallerView:
    """Who called, as far as it is shown at once."""

    name: str
    phone: str
    kind: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry of the history as this person sees it."""

    version: int
    act: Act
    at: datetime
    by: str
    unit: str | None
    data: Json
    texts: Json


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as this person sees it. ``caller`` None: hidden from them, or not known."""

    ticket: Ticket
    texts: Texts
    caller: CallerView | None
    #: the words are as they were taken
    original: bool
    #: this person may ask for the caller, with a reason
    may_reveal: bool
    history: tuple[EntryView, ...] = ()
    #: what units read of a hidden matter, beside its original words
    unit_texts: Texts | None = None
    #: the caller's own in these words, for marking; only beside the original
    own_names: tuple[str, ...] = field(default=(), repr=False)


def names_of(caller: Caller | None) -> tuple[str, ...]:
    """What is the caller's own in a text."""
    return tuple(filter(None, (caller.name, caller.phone, caller.callback_phone))) if caller else ()


def for_units(ticket: Ticket, caller: Caller | None) -> Texts:
    """The words that handling units read. Nothing else of the matter ever goes to them."""
    texts = ticket.texts
    if not ticket.hides_person:
        return texts
    names = names_of(caller)
    return replace(
        texts,
        title=redacted(texts.title, names) if texts.unit_title is None else texts.unit_title,
        content=redacted(texts.content, names) if texts.unit_content is None else texts.unit_content,
        places=tuple(redacted(it, names) for it in texts.places),
        party=redacted(texts.party, names),
        demand=redacted(texts.demand, names),
        when=redacted(texts.when, names),
        answer=redacted(texts.answer, names),
        unit_title=None,
        unit_content=None,
    )


def sees_original(ticket: Ticket, person: Person) -> bool:
    """Whether the words of a hidden matter are shown as they were taken: to who took it, and who may."""
    if person.unit is not None:
        return not ticket.hides_person
    taker = person.name == ticket.received_by and person.may(Permission.TICKETS_WORK)
    return not ticket.hides_person or taker or person.may(Permission.CONFIDENTIAL_SEE)


def may_reveal(ticket: Ticket, person: Person) -> bool:
    """Whether this person may ask who called. Units of open matters phone the citizen themselves."""
    if ticket.anonymous and not ticket.known:
        return False
    if ticket.hides_person:
        return person.may(Permission.CONFIDENTIAL_SEE)
    return person.may(Permission.NUMBERS_REVEAL) or person.may(Permission.TICKETS_OWN_UNIT)


def may_know(person: Person, takers: Collection[str]) -> bool:
    """Whether the call of a confidential ticket is this person's to know: of who took it, and who may."""
    return person.name in takers or person.may(Permission.CONFIDENTIAL_SEE)


def view_for(
    ticket: Ticket, caller: Caller | None, person: Person, history: Sequence[Entry] = ()
) -> TicketView:
    """The ticket as this person sees it."""
    original = sees_original(ticket, person)
    shown_caller = None
    if caller is not None and not ticket.hides_person:
        shown_caller = CallerView(masked_name(caller.name), mask_number(caller.to_call), ticket.caller_kind)
    unit = person.unit
    entries = [it for it in history if unit is None or _units_entry(it, unit)]
    names = names_of(caller)
    return TicketView(
        ticket=_bare(ticket) if not original else ticket,
        texts=ticket.texts if original else for_units(ticket, caller),
        caller=shown_caller,
        original=original,
        may_reveal=may_reveal(ticket, person),
        history=tuple(entry_view(it, original=original, names=names) for it in entries),
        unit_texts=for_units(ticket, caller) if ticket.hides_person and original else None,
        own_names=names if ticket.hides_person and original and unit is None else (),
    )


def _bare(ticket: Ticket) -> Ticket:
    """Without its words (those that may be shown stand beside it), the way to its call, and whom it names."""
    return replace(ticket, texts=Texts(), call=None, draft_version=None, known=(), barred=(), admitted=())


def _units_entry(entry: Entry, unit: str) -> bool:
    return entry.act in UNITS_SEE and (
        entry.unit in (None, unit) or entry.act in (Act.REPLY, Act.JOINT_REPLY)
    )


def entry_view(entry: Entry, *, original: bool, names: Iterable[str] = ()) -> EntryView:
    """One entry; its words with what gives somebody away taken out unless they may be shown."""
    own = tuple(names)
    texts = dict(entry.texts)
    if not original:
        texts = {
            name: [redacted(it, own) for it in value]
            if isinstance(value, list | tuple)
            else redacted(str(value), own)
            if value is not None
            else None
            for name, value in texts.items()
        }
    data = entry.data
    if not original:
        data = {name: value for name, value in data.items() if name not in _NOT_TOLD}
    if entry.act is Act.CREATE:
        texts = {}  # the matter stands above its history
    return EntryView(entry.version, entry.act, entry.at, entry.by, entry.unit, data, texts)


def masked_name(name: str | None) -> str:
    """The family name alone.

    >>> masked_name("张三丰"), masked_name(None)
    ('张**', '未登记')
    """
    return f"{name[0]}{'*' * max(1, len(name) - 1)}" if name else "未登记"


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what a unit will read, with what could still give the caller away marked."""

    title: str
    content: str
    title_marks: tuple[GiveAway, ...]
    content_marks: tuple[GiveAway, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is marked."""
        return not (self.title_marks or self.content_marks)


def preview(
    ticket: Ticket, caller: Caller | None, title: str | None = None, content: str | None = None
) -> Preview:
    """What a unit would read if it were sent so; None: as it would be without anybody's changes."""
    now = for_units(ticket, caller)
    title = now.title if title is None else title
    content = now.content if content is None else content
    if not ticket.hides_person:
        return Preview(title, content, (), ())
    names = names_of(caller)
    return Preview(title, content, give_aways(title, names), give_aways(content, names))
