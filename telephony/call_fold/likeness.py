"""Whether two rows tell of one call alike, when they were learnt in two ways."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import datetime

from facts.call import Call, CallFlag


def differing(one: Call, other: Call, near_s: float) -> list[str]:
    """Names of fields that differ; times may be ``near_s`` apart, and how it was learnt does not count."""
    one, other = (replace(it, flags=it.flags - {CallFlag.BACKFILLED}) for it in (one, other))
    return [
        field.name
        for field in fields(Call)
        if not _alike(getattr(one, field.name), getattr(other, field.name), near_s)
    ]


def _alike(one: object, other: object, near_s: float) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs((one - other).total_seconds()) <= near_s
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_alike(*pair, near_s) for pair in zip(one, other, strict=True))
    if is_dataclass(one) and type(one) is type(other):
        return all(_alike(getattr(one, it.name), getattr(other, it.name), near_s) for it in fields(one))
    return one == other
