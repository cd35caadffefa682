"""Calls and events between what people speak of and what is kept: numbers out, tokens in, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from facts.call import Call
from ticketing_bridge.store import tables
from ticketing_bridge.store.mapping import call_from_row, call_to_row, own_values
from ticketing_bridge.store.number_repository import Numbers
from ticketing_bridge.store.numbers import (
    caller_numbers,
    each_text,
    new_token,
    numbers_in,
    numbers_of,
    text_with_numbers,
    text_with_tokens,
    texts_of,
    tokens_in,
    tokens_of,
    with_numbers,
    with_tokens,
)
from ticketing_bridge.store.records import EventRecord

Row = Mapping[Any, Any]
#: columns of a call within whose texts a number may stand
CALL_TEXTS = ("channel", "answers", "agent_legs")
_EVENT_COLUMNS = [column.name for column in tables.call_event.columns if column.name != "digest"]


class CallRows:
    """Calls and their rows."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    async def rows(self, calls: Sequence[Call], fold_version: int) -> list[dict[str, Any]]:
        """Columns of table ``call``, with tokens."""
        rows = [call_to_row(call, fold_version) for call in calls]
        await self.seal(rows)
        return rows

    async def seal(self, rows: Sequence[dict[str, Any]], day: date | None = None) -> None:
        """Put tokens into rows (the number and ``CALL_TEXTS``) that were written that day; None: today."""
        tokens = await self._numbers.tokens((it for row in rows for it in _in_row(row, numbers_in)), day)
        _put(rows, tokens, numbers_in, text_with_tokens)

    async def know(self, calls: Sequence[Call]) -> None:
        """Have the tokens of all numbers in these calls."""
        await self._numbers.tokens(it for call in calls for it in _in_row(_as_row(call), numbers_in))

    async def calls(self, rows: Iterable[Row]) -> list[Call]:
        """The calls of rows, with their numbers."""
        found = [dict(row) for row in rows]
        numbers = await self._numbers.opened(it for row in found for it in _in_row(row, tokens_in))
        _put(found, numbers, tokens_in, text_with_numbers)
        return [call_from_row(row) for row in found]


def _put(
    rows: Sequence[dict[str, Any]],
    others: Mapping[str, str],
    within: Callable[[str], Sequence[str]],
    text_with: Callable[[str, Mapping[str, str]], str],
) -> None:
    """Put the others (tokens for numbers, or numbers for tokens) into rows of calls."""
    for row in rows:
        if row["caller_number"] is not None:
            row["caller_number"] = others[row["caller_number"]]
        for name in CALL_TEXTS:
            if any(map(within, texts_of(row[name]))):
                row[name] = each_text(row[name], lambda it: text_with(it, others))


def _as_row(call: Call) -> Row:
    """What of a call's row may have numbers."""
    legs = [own_values(leg) for leg in call.agent_legs]
    return {name: getattr(call, name) for name in ("caller_number", *CALL_TEXTS)} | {"agent_legs": legs}


def _in_row(row: Row, within: Callable[[str], Sequence[str]]) -> Iterator[str]:
    if row["caller_number"] is not None:
        yield row["caller_number"]
    for name in CALL_TEXTS:
        for said in texts_of(row[name]):
            yield from within(said)


class EventRows:
    """Events and their rows."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        #: of these all numbers are known
        self._known: Sequence[EventRecord] = ()

    async def know(self, events: Sequence[EventRecord]) -> None:
        """Have the tokens of all numbers in these events."""
        await self._numbers.tokens(it for event in events for it in numbers_of(event.payload))
        self._known = events

    async def rows(self, events: Sequence[EventRecord]) -> list[dict[str, Any]]:
        """Values as ``_ADD_EVENTS`` takes them."""
        if events is not self._known:
            await self.know(events)
        tokens = await self._numbers.tokens(())
        return [
            {
                "pbx_id": event.pbx_id,
                "digest": self._numbers.keyed_digest(event.digest).hex(),
                "ordinal": event.ordinal,
                "at": event.at.isoformat(),
                "received_at": event.received_at.isoformat(),
                "kind": event.kind,
                "uniqueid": event.uniqueid,
                "linkedid": event.linkedid,
                "call": event.call,
                "payload": with_tokens(event.payload, tokens),
            }
            for event in events
        ]

    async def sealed(self, rows: Sequence[Row], day: date, forgotten: frozenset[str]) -> list[dict[str, Any]]:
        """Digest and payload of rows that lie in the clear, as they are to be kept.

        Args:
            rows: of table ``call_event``.
            day: when the last of them was said.
            forgotten: calls whose callers are erased: their numbers get tokens that are nobody's.
        """
        gone: dict[str, dict[str, str]] = {call: {} for call in forgotten}
        for row in rows:
            if row["call"] in gone:
                for number in caller_numbers(row["payload"]):
                    gone[row["call"]].setdefault(number, new_token())
        known = await self._numbers.tokens(
            (it for row in rows for it in numbers_of(row["payload"]) if it not in gone.get(row["call"], ())),
            day,
        )
        return [
            {
                "digest": self._numbers.keyed_digest(bytes(row["digest"])).hex(),
                "payload": with_tokens(
                    row["payload"], {**known, **gone[row["call"]]} if row["call"] in gone else known
                ),
            }
            for row in rows
        ]

    async def records(self, rows: Iterable[Row]) -> list[EventRecord]:
        """The records of rows, with their numbers."""
        found = [*rows]
        numbers = await self._numbers.opened(it for row in found for it in tokens_of(row["payload"]))
        return [
            EventRecord(
                **{name: row[name] for name in _EVENT_COLUMNS if name != "payload"},
                digest=bytes(row["digest"]),
                payload=with_numbers(row["payload"], numbers) if numbers else row["payload"],
            )
            for row in found
        ]
