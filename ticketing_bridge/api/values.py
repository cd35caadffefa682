"""What clients send and get: limits that keep every value within what the database and people can take."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ticketing_bridge.api.problems import ApiProblem
from ticketing_bridge.call_ledger.listing import LOCAL

Item = TypeVar("Item")

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)
MOST_PAGE = 200


def _sane(moment: datetime) -> datetime:
    """With a zone (the city's when none is given), in a century of ours."""
    if not 1971 <= moment.year <= 2198:
        raise ValueError("a time from 1971 to 2198 is wanted")
    moved = moment if moment.tzinfo else moment.replace(tzinfo=LOCAL)
    return min(max(moved.astimezone(UTC), _EARLIEST), _LATEST)


Moment = Annotated[datetime, AfterValidator(_sane)]
RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=MOST_PAGE, description="How many on a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]


def _printable(value: Any) -> Any:
    """Refuse NUL and lone surrogates anywhere in a body: no text of ours has them."""
    if isinstance(value, str):
        if "\0" in value or any(0xD800 <= ord(it) <= 0xDFFF for it in value):
            raise ValueError("a text has a character that no text has")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _printable(name)
            _printable(inner)
    elif isinstance(value, list):
        for inner in value:
            _printable(inner)
    return value


class Given(BaseModel):
    """Base of what clients send: unknown fields are an error, not a silent nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return _printable(value)


class Page(BaseModel, Generic[Item]):
    """Some of many; ``next`` is the cursor of what follows, absent on the last page."""

    items: list[Item]
    next: str | None = None


def cursor_of(*parts: str | int) -> str:
    """Where the next page begins, as an opaque text."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The parts of a cursor of ours; None without one. Raises ``ApiProblem`` (400) for any other."""
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True))
    except (ValueError, RecursionError):
        parts = None
    fits = isinstance(parts, list) and len(parts) == len(kinds)
    if not fits or not all(type(part) is kind for part, kind in zip(parts, kinds, strict=True)):
        raise ApiProblem(400, "cursor-invalid", "take `next` of the page before as it is")
    for part in parts:
        if isinstance(part, int) and not 0 < part < 2**63:
            raise ApiProblem(400, "cursor-invalid")
        if isinstance(part, str) and ("\0" in part or not part.isprintable()):
            raise ApiProblem(400, "cursor-invalid")
    return tuple(parts)


def cursor_moment(text: str) -> datetime:
    """A moment within a cursor. Raises ``ApiProblem`` (400) when it is none of ours."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1971 <= moment.year <= 2198:
        raise ApiProblem(400, "cursor-invalid")
    return moment
