"""A work sheet: what a person typed is never touched, and two who type do not overwrite each other. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from facts.errors import HotlineError
from ticketing_bridge.store.workplace_records import Sheet, SheetState, Typed
from ticketing_bridge.workplace.form import form
from ticketing_bridge.workplace.proposals import NOTHING, Proposal

#: longest text of a field, characters
LONGEST = 4000


class FieldConflict(HotlineError):
    """Somebody else has written into this field since it was read."""

    error_id = "field-conflict"
    exit_code = 1

    def __init__(self, name: str, theirs: Typed) -> None:
        super().__init__(f"{name} was changed by {theirs.by} in version {theirs.version}", fix="choose one")
        self.name = name
        self.theirs = theirs


class SheetClosed(HotlineError):
    """This sheet is finished: it is a ticket, or none."""

    error_id = "sheet-closed"
    exit_code = 1

    def __init__(self, ticket: str | None) -> None:
        super().__init__(f"it is ticket {ticket}" if ticket else "it was dropped", fix="open another matter")
        self.ticket = ticket


class FieldUnknown(HotlineError):
    """A work sheet has no such field, or its text is too long."""

    error_id = "field-unknown"


class Origin(StrEnum):
    """Where the value that is shown comes from."""

    TYPED = "typed"
    ACCEPTED = "accepted"
    DRAFTED = "drafted"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class ShownField:
    """One field as the agent sees it. ``off``: its draft is switched off and not shown."""

    name: str
    value: str
    origin: Origin
    #: the sheet's version in which a person wrote it; 0: nobody has
    version: int
    proposal: Proposal
    off: bool = False

    @property
    def candidates(self) -> tuple[str, ...]:
        """What may be meant, as long as no person has written anything."""
        return () if self.off or self.version else self.proposal.candidates


@dataclass(frozen=True, slots=True)
class Entered:
    """A person's text in one field; ``seen`` is the field's version that this person saw."""

    name: str
    value: str
    seen: int = 0
    accepted: bool = False


def type_in(sheet: Sheet, name: str, value: str, *, seen: int, by: str, accepted: bool = False) -> Sheet:
    """The sheet with a person's text in one field: see ``type_all``."""
    return type_all(sheet, (Entered(name, value, seen, accepted),), by)


def type_all(sheet: Sheet, entered: Iterable[Entered], by: str) -> Sheet:
    """The sheet with a person's texts in its fields, one after the other.

    Raises:
        FieldConflict: somebody else wrote something else into one since.
        FieldUnknown: no such field, or more than ``LONGEST`` characters.
        SheetClosed: it is a ticket already.
    """
    if sheet.state is not SheetState.OPEN:
        raise SheetClosed(sheet.ticket)
    typed, version = {**sheet.typed}, sheet.version
    for it in entered:
        if it.name not in form():
            raise FieldUnknown(f"there is no field {it.name!r}", fix=f"one of {', '.join(form())}")
        if len(it.value) > LONGEST:
            raise FieldUnknown(f"{it.name} has {len(it.value)} characters", fix=f"at most {LONGEST}")
        before = typed.get(it.name)
        if before is not None and before.version > it.seen and before.value != it.value:
            raise FieldConflict(it.name, before)
        if before is None or (before.value, before.accepted) != (it.value, it.accepted):
            version += 1
            typed[it.name] = Typed(it.value, version, by, it.accepted)
    return replace(sheet, typed=typed, version=version) if version != sheet.version else sheet


def give_back(sheet: Sheet, name: str) -> Sheet:
    """The field is the draft's again.

    Raises:
        SheetClosed: it is a ticket already.
    """
    if sheet.state is not SheetState.OPEN:
        raise SheetClosed(sheet.ticket)
    if name not in sheet.typed:
        return sheet
    typed = {key: it for key, it in sheet.typed.items() if key != name}
    return replace(sheet, typed=typed, version=sheet.version + 1)


def finished(
    sheet: Sheet, state: SheetState, now: datetime, ticket: str | None = None, entry: int | None = None
) -> Sheet:
    """The sheet when something has come of it.

    Raises:
        SheetClosed: something has already.
    """
    if sheet.state is not SheetState.OPEN:
        raise SheetClosed(sheet.ticket)
    return replace(sheet, state=state, ticket=ticket, entry=entry, saved_at=now, version=sheet.version + 1)


def shown_fields(
    sheet: Sheet, proposals: Mapping[str, Proposal], off: Collection[str]
) -> dict[str, ShownField]:
    """Every field: a person's text first, else what is drafted, unless its draft is switched off."""
    typed = sheet.typed
    return {name: _shown(name, typed.get(name), proposals.get(name, NOTHING), name in off) for name in form()}


def _shown(name: str, typed: Typed | None, proposal: Proposal, off: bool) -> ShownField:
    if typed is not None:
        origin = Origin.ACCEPTED if typed.accepted else Origin.TYPED
        return ShownField(name, typed.value, origin, typed.version, proposal, off)
    if off:
        return ShownField(name, "", Origin.EMPTY, 0, proposal, off)
    origin = Origin.DRAFTED if proposal.value else Origin.EMPTY
    return ShownField(name, proposal.value, origin, 0, proposal)


def as_seen(
    sheet: Sheet,
    shown: Mapping[str, ShownField],
    sent: Mapping[str, str],
    versions: Mapping[str, int],
    by: str,
) -> tuple[Sheet, Mapping[str, ShownField]]:
    """A sheet as a person confirms it: typed where it is not as shown, accepted where it is drafted.

    Args:
        sheet: the sheet.
        shown: its fields as they are shown now.
        sent: fields as they stood on the person's page; those that are not named stood as they are shown.
        versions: of each field the version that the page knew.
        by: the person's login.

    Returns:
        The sheet with these texts, and the fields that were confirmed.

    Raises:
        As ``type_all``.
    """
    plain = {name: text.replace("\r\n", "\n") for name, text in sent.items()}
    typed = [
        Entered(name, plain[name], versions.get(name, 0))
        for name, it in shown.items()
        if plain.get(name, it.value) != it.value
    ]
    theirs = {it.name for it in typed}
    accepted = [
        Entered(name, it.value, accepted=True)
        for name, it in shown.items()
        if it.origin is Origin.DRAFTED and name not in theirs
    ]
    sheet = type_all(sheet, (*typed, *accepted), by)
    own = {name: _shown(name, sheet.typed[name], shown[name].proposal, shown[name].off) for name in theirs}
    return sheet, {**shown, **own}


def missing(shown: Mapping[str, ShownField]) -> tuple[str, ...]:
    """Fields that a ticket to be dispatched needs and that are empty."""
    return tuple(name for name, field in form().items() if field.needed and not shown[name].value.strip())
