"""The key of an event in a protocol that numbers nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from telephony.ami.events import event_digest


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """SHA-256 of the message's canonical bytes, and which of the identical ones it is (from 0)."""

    digest: str
    ordinal: int


class EventKeys:
    """Gives keys in the order of the stream; remembers the last ``remembered`` digests.

    Two leaders hearing the same PBX give the same keys, so an event stored twice is one
    row. Identical messages carry the same microsecond: far fewer than are remembered lie between them.
    """

    def __init__(self, remembered: int = 20_000) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._remembered = remembered

    def key(self, headers: Mapping[str, str]) -> EventKey:
        """The key of the next message of the stream."""
        digest = event_digest(headers)
        ordinal = self._seen.pop(digest, -1) + 1
        self._seen[digest] = ordinal
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return EventKey(digest, ordinal)
