"""What the pages of tickets call things, read from ``wording.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ticketing_bridge.desk.labels import Label
from ticketing_bridge.tickets import Act, State, TicketRefused, Why
from ticketing_bridge.tickets.fields import FIELDS
from ticketing_bridge.tickets.give_aways import GiveAwayKind
from ticketing_bridge.tickets.warnings import WarningKind, warning_names

FILE = Path(__file__).parent / "wording.yaml"


@dataclass(frozen=True, slots=True)
class CaseWords:
    """All of them; a missing one is found at start."""

    states: dict[State, Label]
    acts: dict[Act, str]
    fields: dict[str, str]
    whys: dict[Why, str]
    choices: dict[str, str]
    warnings: dict[WarningKind, str]
    warned: dict[str, str]
    give_aways: dict[GiveAwayKind, str]
    lists: dict[str, str]
    zones: dict[str, Label]
    approvals: dict[str, str]
    rules: dict[str, Label]

    def refusal(self, refused: TicketRefused, act: Act | None = None, state: State | None = None) -> str:
        """What a person is told; a field is named as the form names it."""
        text = self.whys[refused.why]
        return text.format(
            detail=self.fields.get(refused.detail, refused.detail),
            act=self.acts[act] if act else "这样做",
            state=self.states[state].text if state else "",
        )


@cache
def case_words() -> CaseWords:
    """The words of this installation."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    fields: dict[str, str] = raw["fields"]
    missing = {field.name for own in FIELDS.values() for field in own} - fields.keys()
    if missing:
        raise ValueError(f"{FILE} has no words for {sorted(missing)}")
    return CaseWords(
        states={it: Label(**raw["states"][it]) for it in State},
        acts={it: raw["acts"][it] for it in Act},
        fields=fields,
        whys={it: raw["whys"][it] for it in Why},
        choices=raw["choices"],
        warnings=warning_names(),
        warned=raw["warned"],
        give_aways={it: raw["give_aways"][it] for it in GiveAwayKind},
        lists=raw["lists"],
        zones={name: Label(**label) for name, label in raw["zones"].items()},
        approvals=raw["approvals"],
        rules={name: Label(**label) for name, label in raw["rules"].items()},
    )
