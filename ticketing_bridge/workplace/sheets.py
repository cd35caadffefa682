"""A work sheet: what a person typed is never touched, and two who type do not overwrite each other. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


def type_in(sheet: Sheet, name: str, value: str, *, seen: int, by: str, accepted: bool = False) -> Sheet:
    """The sheet with a person's text in a field; ``seen`` is the field's version that this person saw.

    Raises:
        FieldConflict: somebody else wrote something else into it since.
        FieldUnknown: no such field, or more than ``LONGEST`` characters.
        SheetClosed: it is a ticket already.
    """
    if sheet.state is not SheetState.OPEN:
        raise SheetClosed(sheet.ticket)
    if name not in form():
        raise FieldUnknown(f"there is no field {name!r}", fix=f"one of {', '.join(form())}")
    if len(value) > LONGEST:
        raise FieldUnknown(f"{name} has {len(value)} characters", fix=f"at most {LONGEST}")
    before = sheet.typed.get(name)
    if before is not None and before.version > seen and before.value != value:
        raise FieldConflict(name, before)
    if before is not None and (before.value, before.accepted) == (value, accepted):
        return sheet
    version = sheet.version + 1
    typed = {**sheet.typed, name: Typed(value, version, by, accepted)}
    return replace(sheet, typed=typed, version=version)


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
    shown = {}
    for name in form():
        proposal = proposals.get(name, NOTHING)
        typed = sheet.typed.get(name)
        if typed is not None:
            origin = Origin.ACCEPTED if typed.accepted else Origin.TYPED
            shown[name] = ShownField(name, typed.value, origin, typed.version, proposal, name in off)
        elif name in off:
            shown[name] = ShownField(name, "", Origin.EMPTY, 0, proposal, off=True)
        else:
            origin = Origin.DRAFTED if proposal.value else Origin.EMPTY
            shown[name] = ShownField(name, proposal.value, origin, 0, proposal)
    return shown


def missing(shown: Mapping[str, ShownField]) -> tuple[str, ...]:
    """Fields that a ticket to be dispatched needs and that are empty."""
    return tuple(name for name, field in form().items() if field.needed and not shown[name].value.strip())
