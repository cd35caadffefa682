"""A call's stored events as evidence for a test: nothing of a person stays in them. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

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


def evidence(payloads: Iterable[Mapping[str, Any]], salt: bytes) -> list[dict[str, Any]]:
    """A call's events, each masked; ``salt`` is thrown away afterwards: nothing can be traced back."""
    numbers = Numbers(salt)
    return [masked(payload, numbers) for payload in payloads]
