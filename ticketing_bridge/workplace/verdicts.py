"""The draft ledger: what agents made of each drafted field, and which fields switch themselves off. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from ticketing_bridge.drafting.evaluate import wilson
from ticketing_bridge.store.workplace_records import (
    FieldCounts,
    FieldSwitch,
    FieldVerdict,
    Sheet,
    SheetVerdicts,
    Verdict,
)
from ticketing_bridge.workplace.form import form
from ticketing_bridge.workplace.sheets import ShownField

#: so many of the newest verdicts of a field count
WINDOW: Final = 200
#: fewer verdicts say nothing: the field stays on
LEAST_VERDICTS: Final = 20
#: a free text that shares so much with the draft was mended, not replaced
_ALIKE: Final = 0.6

_SIGNS = re.compile(r"[\s，。、；：,.;:!?！？“”\"'（）()\-—]+")


@dataclass(frozen=True, slots=True)
class FieldState:
    """How one field stands under one drafting version, and whether its drafts are shown."""

    field: str
    on: bool
    #: ``figures``: it follows from them; ``person``: somebody decided
    decided_by: str
    verdicts: Mapping[Verdict, int]
    #: of the newest drafted ones
    recent: int
    right: int
    least: float
    low: float | None
    high: float | None

    @property
    def precision(self) -> float | None:
        """Part of the newest drafts that agents kept; None without any."""
        return self.right / self.recent if self.recent else None


def judged(drafted: str, final: str, *, free: bool) -> Verdict:
    """What became of a draft.

    >>> judged("昆仑路桥头", "昆仑路 桥头", free=True).value, judged("投诉", "求助", free=False).value
    ('kept', 'changed')
    >>> judged("", "昆仑路", free=True).value, judged("", "", free=True).value
    ('filled', 'blank')
    """
    before = _plain(drafted)
    after = before if final == drafted else _plain(final)
    if not before:
        return Verdict.FILLED if after else Verdict.BLANK
    if before == after:
        return Verdict.KEPT
    if free and after and _alike(before, after):
        return Verdict.MENDED
    return Verdict.CHANGED


def _alike(before: str, after: str) -> bool:
    both = SequenceMatcher(None, before, after, autojunk=False)
    # each is less than the one before, and takes much longer to be told
    return all(ratio() >= _ALIKE for ratio in (both.real_quick_ratio, both.quick_ratio, both.ratio))


def _plain(text: str) -> str:
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text)) if text else ""


def verdicts_on(sheet: Sheet, shown: Mapping[str, ShownField], rules: str, login: str) -> SheetVerdicts:
    """The ledger's lines of one sheet: every drafted field once, those switched off in silence."""
    fields = tuple(
        FieldVerdict(
            name,
            judged(shown[name].proposal.value, shown[name].value, free=field.free),
            shown[name].proposal.confidence,
            not shown[name].off,
        )
        for name, field in form().items()
        if field.drafted
    )
    return SheetVerdicts(sheet.call, sheet.matter, rules, login, fields)


def field_states(counts: Iterable[FieldCounts], switches: Mapping[str, FieldSwitch]) -> dict[str, FieldState]:
    """Which fields are on: a person's *off* holds; else the figures decide, since a person's *on* anew."""
    states = {}
    for it in counts:
        least = form()[it.field].least
        switch = switches.get(it.field)
        forced_off = switch is not None and not switch.on
        failing = it.recent >= LEAST_VERDICTS and it.recent_right < least * it.recent
        interval = wilson(it.recent_right, it.recent)
        states[it.field] = FieldState(
            field=it.field,
            on=not forced_off and not failing,
            decided_by="person" if forced_off else "figures",
            verdicts=it.verdicts,
            recent=it.recent,
            right=it.recent_right,
            least=least,
            low=interval[0] if interval else None,
            high=interval[1] if interval else None,
        )
    return states


def switched_off(states: Mapping[str, FieldState]) -> frozenset[str]:
    """Fields whose drafts are not shown."""
    return frozenset(name for name, state in states.items() if not state.on)
