"""What was compared, and where a witness disagrees with the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from facts.masking import mask_digits


class Witness(StrEnum):
    """Who speaks against the call row, independently of how the row was made."""

    #: the simulated citizen's and agents' own diaries
    PEOPLE = "people"
    #: the PBX's queue_log
    QUEUE_LOG = "queue_log"
    #: the PBX's call detail records
    CDR = "cdr"
    #: the sound files
    RECORDING = "recording"
    #: the stored events, folded again
    EVENTS = "events"
    #: drafts and transcripts that must follow from the row
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One field in which a witness differs. ``expected`` is the ledger's value."""

    #: call key, or the demo's name of a call that the ledger does not have
    call: str
    witness: Witness
    field: str
    expected: str
    seen: str

    def as_json(self) -> dict[str, str]:
        """Numbers masked."""
        return {
            "call": self.call,
            "witness": self.witness,
            "field": self.field,
            "expected": mask_digits(self.expected) if self.field in _NUMBERS else self.expected,
            "seen": mask_digits(self.seen) if self.field in _NUMBERS else self.seen,
        }


#: fields that hold callers' numbers
_NUMBERS = frozenset({"caller_number", "existence", "line"})


@dataclass(slots=True)
class Comparison:
    """All comparisons of one call."""

    call: str
    fields: dict[Witness, list[str]] = field(default_factory=dict)
    disagreements: list[Disagreement] = field(default_factory=list)

    def same(self, witness: Witness, name: str, expected: object, seen: object) -> bool:
        """Equal, or it is a disagreement."""
        return self.check(witness, name, expected == seen, expected, seen)

    def near(
        self, witness: Witness, name: str, expected: datetime | None, seen: datetime | None, within_s: float
    ) -> bool:
        """At most ``within_s`` seconds apart, or both missing."""
        if expected is None or seen is None:
            return self.check(witness, name, expected is seen, _clock(expected), _clock(seen))
        apart_s = abs((expected - seen).total_seconds())
        return self.check(witness, name, apart_s <= within_s, _clock(expected), _clock(seen))

    def close(self, witness: Witness, name: str, expected_s: float, seen_s: float, within_s: float) -> bool:
        """Two durations at most ``within_s`` seconds apart."""
        good = abs(expected_s - seen_s) <= within_s
        return self.check(witness, name, good, f"{expected_s:.1f} s", f"{seen_s:.1f} s")

    def check(self, witness: Witness, name: str, good: bool, expected: object, seen: object) -> bool:
        """Note that this was compared, and whether it agrees."""
        names = self.fields.setdefault(witness, [])
        if name not in names:
            names.append(name)
        if not good:
            self.disagreements.append(Disagreement(self.call, witness, name, _text(expected), _text(seen)))
        return good

    def as_json(self) -> Mapping[str, object]:
        """The call, and the compared fields by witness."""
        return {
            "call": self.call,
            "witnesses": {str(witness): names for witness, names in self.fields.items()},
        }


def _clock(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") if moment else "none"


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(_text, value)) or "none"
    return str(value)
