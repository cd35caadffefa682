"""Lines of Asterisk's CEL as our configuration has them written: CSV, times in epoch with microseconds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from telephony.ami.parsing import pbx_time
from telephony.pbx.paths import CEL_FIELDS


@dataclass(frozen=True, slots=True)
class CelLine:
    """One line. ``kind`` is CEL's own event, or the name that our dialplan gave its own."""

    at: datetime
    kind: str
    uniqueid: str
    linkedid: str
    channel: str
    caller: str
    exten: str
    context: str
    app: str
    appdata: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, str]:
        """The fields of an event of our dialplan, as the manager interface would have given them."""
        return fields_of(str(self.extra.get("extra", "")))


def parse_cel(lines: Iterable[str]) -> list[CelLine]:
    """Whole lines, in the order of the file; what is none (cut off, another format) is left out."""
    found: list[CelLine] = []
    for cells in csv.reader(lines):
        if len(cells) != len(CEL_FIELDS):
            continue
        row = dict(zip(CEL_FIELDS, cells, strict=True))
        try:
            at = pbx_time(row["eventtime"])
            extra = json.loads(row["extra"]) if row["extra"] else {}
        except (ValueError, OverflowError, OSError):
            continue
        found.append(
            CelLine(
                at=at,
                kind=row["userdeftype"] or row["eventtype"],
                uniqueid=row["uniqueid"],
                linkedid=row["linkedid"],
                channel=row["channel"],
                caller=row["caller"],
                exten=row["exten"],
                context=row["context"],
                app=row["app"],
                appdata=row["appdata"],
                extra=extra if isinstance(extra, dict) else {},
            )
        )
    return found


def fields_of(text: str) -> dict[str, str]:
    r"""``Name: value`` parts between commas; a backslash takes its sign out of what splits.

    >>> fields_of(r"Node: a\, b,Key: 1")
    {'Node': 'a, b', 'Key': '1'}
    """
    parts, part, escaped = [], "", False
    for sign in text:
        if escaped or sign not in "\\,":
            part, escaped = part + sign, False
        elif sign == "\\":
            escaped = True
        else:
            parts.append(part)
            part = ""
    parts.append(part)
    split = (it.partition(":") for it in parts)
    return {name.strip(): value.removeprefix(" ") for name, colon, value in split if colon}
