"""A call's stored events as evidence for a test: nothing of a person stays in them. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from telephony.ami.events import PbxEvent, event_from_json
from telephony.call_fold import FoldRules

#: the first line of a file: what the fold must know of the hotline
RULES: Final = "Rules"
#: fields of events in which people's own words or choices are
_LEFT_OUT = frozenset({"value"})
_TOLD = re.compile(r"(Value|Number)=[^&;]*")
#: runs of digits that may be a telephone's; Uniqueids are seconds and a serial, after the PBX's name
_NUMBER = re.compile(r"(?<![0-9A-Za-z.-])\+?[0-9]{5,15}(?![0-9.])")
#: numbers of the hotline itself are no secret, and the fold needs them
_OURS = frozenset({"did", "exten"})


class Numbers:
    """Made-up numbers for real ones, of the same length, and always the same one for the same."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def of(self, number: str) -> str:
        """The made-up one."""
        digest = hashlib.blake2b(number.encode(), key=self._salt[:64], digest_size=16).digest()
        digits = str(int.from_bytes(digest, "big"))[: len(number.lstrip("+"))]
        return ("+" if number.startswith("+") else "") + digits


def masked(payload: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    """One event without numbers and words of people; its times, channels and kinds as they were."""
    found: dict[str, Any] = {}
    for name, value in payload.items():
        if name in _LEFT_OUT:
            continue
        if name == "results":
            found[name] = _TOLD.sub(r"\1=", str(value))
        elif isinstance(value, str) and name not in _OURS:
            found[name] = _NUMBER.sub(lambda it: numbers.of(it[0]), value)
        else:
            found[name] = value
    return found


def evidence(payloads: Iterable[Mapping[str, Any]], salt: bytes, rules: FoldRules) -> list[dict[str, Any]]:
    """What the fold must know, then a call's events, each masked.

    ``salt`` is thrown away afterwards: nothing can be traced back. Of the agents those are named that occur.
    """
    numbers = Numbers(salt)
    events = [masked(payload, numbers) for payload in payloads]
    said = json.dumps(events, ensure_ascii=False)
    names = {agent: masked({"agent": f"PJSIP/{agent}"}, numbers)["agent"][6:] for agent in rules.agents}
    agents = sorted(shown for shown in names.values() if shown in said)
    return [{"kind": RULES, "agents": agents, "t_short_s": rules.t_short_s}, *events]


def read_evidence(lines: Iterable[str]) -> tuple[FoldRules, list[PbxEvent]]:
    """The rules and the events of a file that ``hotline calls evidence`` wrote.

    Raises:
        ValueError: a line is none of ours.
    """
    rules, events = FoldRules(), []
    for line in lines:
        stored = json.loads(line)
        if stored.get("kind") == RULES:
            rules = FoldRules(frozenset(stored["agents"]), t_short_s=stored["t_short_s"])
        else:
            events.append(event_from_json(stored))
    return rules, events
