"""What other systems say of a ticket, in our words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ticketing_bridge.delivery.problems import InDoubt

#: of what another system writes; more is cut
MOST_NOTE = 4000
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RemoteTicket:
    """A ticket as the other side shows it; ``key`` is ours, read from it."""

    id: str
    key: str | None
    status: str | None = None
    note: str | None = None


def read_json(body: bytes) -> Any:
    """A JSON answer. Raises ``InDoubt`` when it is none: what was asked for may have been done."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InDoubt("the answer is not JSON") from None


def text_of(value: object) -> str | None:
    """An id or a text as other systems write them: a number or a string; None when it is neither or empty.

    What no text of ours has, and no database takes, is left out of it: NUL and lone surrogates.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return _NO_TEXT.sub("", str(value)).strip()[:MOST_NOTE] or None


def the_one(found: Sequence[RemoteTicket], key: str) -> list[str]:
    """The ids under which our key is there, in order, each once."""
    return [*dict.fromkeys(it.id for it in found if it.key == key)]
