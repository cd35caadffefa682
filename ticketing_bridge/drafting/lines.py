"""Calls as JSON Lines, drafts as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from config.catalogue import CityData
from facts.errors import HotlineError
from ticketing_bridge.drafting.draft import draft_call
from ticketing_bridge.drafting.model import AGENT, CITIZEN, DraftInput, Said


class CallLineInvalid(HotlineError):
    """A line is not a call."""

    error_id = "call-line-invalid"


def _wrong(number: int, what: str) -> CallLineInvalid:
    return CallLineInvalid(
        f"line {number}: {what}",
        fix='write {"id", "call_start", "caller_number", "turns": [{"speaker", "text", "start", "end"}]}',
    )


def read_call(line: str, number: int) -> DraftInput:
    """One line as a call; other keys are ignored.

    Raises:
        CallLineInvalid: naming the line and what is wrong in it.
    """
    return call_of(read_object(line, number), number)


def read_object(line: str, number: int) -> dict[str, Any]:
    """One line as a JSON object."""
    if any("\udc80" <= it <= "\udcff" for it in line):
        raise _wrong(number, "not UTF-8")
    try:
        row = json.loads(line.lstrip("\ufeff"))
    except (ValueError, RecursionError) as problem:
        raise _wrong(number, f"not JSON ({problem})") from None
    if not isinstance(row, dict):
        raise _wrong(number, "not an object")
    return row


def read_labelled(lines: Iterable[str], needed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Labelled calls, each a call with its ``gold``.

    Raises:
        CallLineInvalid: a line is not a call, has no gold, or its gold lacks one of the ``needed`` fields.
    """
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = read_object(line, number)
        call_of(row, number)
        gold = row.get("gold")
        if not isinstance(gold, dict):
            raise CallLineInvalid(f"line {number}: gold is missing", fix="label the call first")
        missing = [it for it in needed if not isinstance(gold.get(it), str)]
        if missing:
            raise CallLineInvalid(
                f"line {number}: gold has no {', '.join(missing)}", fix="label the call first"
            )
        rows.append(row)
    return rows


def call_of(row: dict[str, Any], number: int) -> DraftInput:
    """A JSON object as a call."""
    missing = [it for it in ("id", "call_start", "turns") if it not in row]
    if missing:
        raise _wrong(number, f"{', '.join(missing)} is missing")
    try:
        start = datetime.fromisoformat(row["call_start"])
    except (TypeError, ValueError, OverflowError):
        raise _wrong(number, f"call_start {row['call_start']!r} is not an ISO time") from None
    if start.utcoffset() is None:
        raise _wrong(number, "call_start has no zone, such as +08:00")
    caller = row.get("caller_number")
    if caller is not None and not isinstance(caller, str):
        raise _wrong(number, "caller_number is not text")
    if not isinstance(row["turns"], list):
        raise _wrong(number, "turns is not a list")
    turns = tuple(_turn(it, number, k) for k, it in enumerate(row["turns"], 1))
    line = row.get("line")
    if line is not None and not isinstance(line, str):
        raise _wrong(number, "line is not text")
    return DraftInput(str(row["id"]), start, caller, turns, line)


def _turn(turn: object, number: int, k: int) -> Said:
    if not isinstance(turn, dict) or not isinstance(turn.get("text"), str):
        raise _wrong(number, f"turn {k} has no text")
    if turn.get("speaker") not in {AGENT, CITIZEN}:
        raise _wrong(number, f"turn {k}: speaker is neither agent nor citizen")
    try:
        return Said(turn["speaker"], turn["text"], float(turn.get("start", 0)), float(turn.get("end", 0)))
    except (TypeError, ValueError):
        raise _wrong(number, f"turn {k}: start or end is not a number of seconds") from None


def draft_lines(lines: Iterable[str], data: CityData) -> Iterator[str]:
    """A draft a call, one JSON object a line, in order. Empty lines are passed over.

    Raises:
        CallLineInvalid: at the first line that is not a call.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield json.dumps(draft_call(read_call(line, number), data).plain(), ensure_ascii=False)


def draft_rows(lines: Iterable[str], data: CityData) -> Iterator[dict[str, Any]]:
    """A draft a call, and for a line that is no call its error in its place. Empty lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield draft_call(read_call(line, number), data).plain()
        except CallLineInvalid as wrong:
            yield {"line": number, "error": {"error_id": wrong.error_id, "message": str(wrong)}}
