"""A draft that grows while people talk.

Each time words arrive, the whole call is drafted anew; what is *shown* follows with hysteresis, so that a
field does not jump back and forth, and a field in which a person has typed is never touched.

A shown value gives way to another one
  - at once, when nothing was shown, when the new one says the same more fully (``三号楼`` → ``阳光花园
    三号楼``), when the speaker took the old one back, or when a danger to life is heard;
  - else when the new one has held for ``PATIENCE_TURNS`` more turns, or the call has ended (``finish``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from config.catalogue import CityData
from ticketing_bridge.drafting.draft import draft_call
from ticketing_bridge.drafting.lexicon import because
from ticketing_bridge.drafting.model import Draft, DraftInput, SecondMatter, Value, When

#: turns for which another value must hold before it is shown
PATIENCE_TURNS: Final = 2

#: fields that are shown; ``content`` is composed anew each time, as nobody reads it before the end
FIELDS: Final = (
    "purpose",
    "appeal",
    "dedicated_line",
    "places",
    "when",
    "party",
    "callback_phone",
    "demand",
    "confidential",
    "emergency",
    "repeat",
    "unit",
    "answered_online",
    "title",
    "matter",
    "urgency",
    "repeat_of",
    "second_matter",
    "content",
)
_ALWAYS_NEW = frozenset({"content"})
#: what protects people is shown at once, and withdrawn with patience only
_AT_ONCE = frozenset({"emergency", "confidential"})

Shown = Value[object] | tuple[Value[str], ...] | SecondMatter | None


@dataclass(frozen=True, slots=True)
class _Challenge:
    """Another value than the one shown, and how many turns there were when it appeared."""

    key: object
    since: int


@dataclass(frozen=True, slots=True)
class OngoingDraft:
    """What the desk shows of a call that goes on. Immutable: each step gives another one.

    ``typed`` holds what a person wrote, by field; those win over anything drafted.
    """

    call: DraftInput
    draft: Draft
    typed: Mapping[str, object] = field(default_factory=dict)
    challenges: Mapping[str, _Challenge] = field(default_factory=dict)

    def value(self, name: str) -> object:
        """What stands in the field: the person's text, else the drafted value."""
        if name in self.typed:
            return self.typed[name]
        shown = getattr(self.draft, name)
        if isinstance(shown, tuple):
            return tuple(place.value for place in shown)
        return shown.value if isinstance(shown, Value) else shown


def begin(call: DraftInput, data: CityData) -> OngoingDraft:
    """A call of which nothing, or something, has been heard; ``call`` carries what is known beside words."""
    return OngoingDraft(call, draft_call(call, data, ended=False))


def hear_more(ongoing: OngoingDraft, call: DraftInput, data: CityData) -> OngoingDraft:
    """All words heard so far, those of before included; the last turn may still be growing."""
    return _follow(ongoing, call, draft_call(call, data, ended=False), ended=False)


def finish(ongoing: OngoingDraft, data: CityData) -> OngoingDraft:
    """The call has ended: every field that no person typed in is as the whole call says."""
    return _follow(ongoing, ongoing.call, draft_call(ongoing.call, data), ended=True)


def type_in(ongoing: OngoingDraft, name: str, value: object) -> OngoingDraft:
    """A person wrote, or emptied, this field: from now on it is theirs.

    Raises:
        ValueError: there is no such field.
    """
    if name not in FIELDS:
        raise ValueError(f"a draft has no field {name!r}; it has {', '.join(FIELDS)}")
    return replace(ongoing, typed={**ongoing.typed, name: value})


def give_back(ongoing: OngoingDraft, name: str) -> OngoingDraft:
    """The person leaves the field to drafting again."""
    return replace(ongoing, typed={key: it for key, it in ongoing.typed.items() if key != name})


def _follow(ongoing: OngoingDraft, call: DraftInput, fresh: Draft, *, ended: bool) -> OngoingDraft:
    turns = len(call.turns)
    shown: dict[str, Any] = {}
    challenges: dict[str, _Challenge] = {}
    for name in FIELDS:
        old, new = getattr(ongoing.draft, name), getattr(fresh, name)
        if ended or name in _ALWAYS_NEW or _gives_way(name, old, new, call):
            shown[name] = new
            continue
        challenge = ongoing.challenges.get(name)
        if challenge is None or challenge.key != _key(new):
            challenge = _Challenge(_key(new), turns)
        if turns - challenge.since >= PATIENCE_TURNS:
            shown[name] = new
        else:
            shown[name] = old
            challenges[name] = challenge
    return replace(ongoing, call=call, draft=replace(fresh, **shown), challenges=challenges)


def _gives_way(name: str, old: Shown, new: Shown, call: DraftInput) -> bool:
    before, after = _key(old), _key(new)
    if before == after or not before:
        return True
    if name in _AT_ONCE and after:
        return True
    return _fuller(before, after) or _taken_back(old, new, call)


def _key(shown: Shown) -> object:
    """What two values have in common when they say the same; false when nothing is said."""
    if isinstance(shown, tuple):
        return tuple(place.value for place in shown)
    if isinstance(shown, SecondMatter):
        return (shown.title.value, shown.unit.value)
    return shown.value if isinstance(shown, Value) else None


def _fuller(before: object, after: object) -> bool:
    """Whether ``after`` says all that ``before`` says, and more."""
    if isinstance(before, When) and isinstance(after, When):
        return _fuller(before.text, after.text)
    if isinstance(before, str) and isinstance(after, str):
        return len(after) > len(before) and before in after
    if isinstance(before, tuple) and isinstance(after, tuple):
        return all(any(str(old) in str(new) for new in after) for old in before)
    return False


def _taken_back(old: Shown, new: Shown, call: DraftInput) -> bool:
    """Whether the speaker corrected the value, or its words were heard otherwise in the end."""
    if isinstance(new, Value) and new.reason == because("corrected"):
        return True
    if isinstance(new, tuple) and any(it.reason == because("corrected") for it in new):
        return True
    values = old if isinstance(old, tuple) else (old,)
    for value in values:
        for span in value.spans if isinstance(value, Value) else ():
            turn = call.turns[span.turn].text if span.turn < len(call.turns) else ""
            if turn[span.start : span.end] != span.text:
                return True
    return False
