"""Which of the keys that a PBX kept were pressed: it counts the end of a quick key twice now and then.

Asterisk puts the end of a key back into the channel's queue when the key before it is not over by its own
reckoning (``__ast_read`` in channel.c: 45 ms of pause, a key that it still sounds); what keeps keys
(StoreDTMF) sees the same end again when it comes out of the queue. A beginning is never put back. So AMI
tells the two apart: ``DTMFEnd`` with a ``DTMFBegin`` before it was pressed, one without is an earlier one
again. Both events are in one order, and it is the order in which the keys were kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

_log = structlog.get_logger(__name__)
#: events that a witness needs
WANTED = frozenset((b"DTMFBegin", b"DTMFEnd"))
#: how long an answer waits for events that are on their way (seconds)
PATIENCE_S = 0.3
#: a key can come a second time after so many others: more do not wait in a channel's queue
MOST_BEHIND = 8
#: keys of which it is not sure whether they were told just before or after keys began to be kept
_BEFORE = (0, 1, -1, 2, -2, 3)
#: channels whose keys are remembered
_MOST_CHANNELS = 2000


@dataclass(slots=True)
class Presses:
    """Pure: the keys of one channel, as the PBX told of them."""

    #: digit of every end, and whether it was pressed then
    ends: str = ""
    pressed: list[bool] = field(default_factory=list)
    _down: deque[str] = field(default_factory=deque)
    #: the last ends that had a beginning: digit and length
    _pressed: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_BEHIND))

    def begin(self, digit: str) -> None:
        """A key goes down."""
        self._down.append(digit)

    def end(self, digit: str, length_ms: str) -> None:
        """A key is up, or comes out of the queue again.

        A telephone that tells the ends only (SIP INFO) presses all of them; so does one whose
        beginning was lost on the way, unless just such an end was there before.
        """
        again = False
        if digit in self._down:
            while self._down.popleft() != digit:
                pass
            self._pressed.append((digit, length_ms))
        else:
            again = (digit, length_ms) in self._pressed
        self.ends += digit
        self.pressed.append(not again)

    def among(self, kept: str, new: int, before: int) -> str | None:
        """Of the last ``new`` keys of ``kept`` those that were pressed; None: it is not told yet.

        ``before``: how many ends had been told when keys began to be kept.
        """
        for more in _BEFORE:
            first = before + more
            if first >= 0 and self.ends.startswith(kept, first):
                last = first + len(kept)
                told = zip(self.ends[last - new : last], self.pressed[last - new : last], strict=True)
                return "".join(digit for digit, pressed in told if pressed)
        return None


class KeyWitness:
    """What one PBX tells of the keys of all its channels; ``take`` gets its AMI events."""

    def __init__(self) -> None:
        self._channels: OrderedDict[str, Presses] = OrderedDict()
        self._waiting: set[asyncio.Event] = set()

    def take(self, headers: Mapping[str, str]) -> None:
        """One event; those that are not about a caller's keys are passed over."""
        begins = headers.get("Event") == "DTMFBegin"
        if headers.get("Direction") != "Received" or not (begins or headers.get("Event") == "DTMFEnd"):
            return
        channel, digit = headers.get("Channel", ""), headers.get("Digit", "")
        presses = self._channels.setdefault(channel, Presses())
        self._channels.move_to_end(channel)
        if len(self._channels) > _MOST_CHANNELS:
            self._channels.popitem(last=False)
        if begins:
            presses.begin(digit)
            return
        presses.end(digit, headers.get("DurationMs", ""))
        for news in self._waiting:
            news.set()

    def told(self, channel: str) -> int:
        """How many keys of a channel have been told so far."""
        presses = self._channels.get(channel)
        return len(presses.ends) if presses else 0

    async def pressed(self, channel: str, kept: str, new: int, before: int) -> str:
        """Of the last ``new`` keys of ``kept`` those that were pressed; all of them, when nobody tells.

        ``before``: what ``told`` said when keys began to be kept.
        """
        if self._channels:  # else this PBX tells nothing of keys
            news = asyncio.Event()
            self._waiting.add(news)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        presses = self._channels.get(channel)
                        among = presses.among(kept, new, before) if presses else None
                        if among is not None:
                            return among
                        news.clear()
                        await news.wait()
            except TimeoutError:
                _log.warning("agi.keys_not_told", channel=channel)
            finally:
                self._waiting.discard(news)
        return kept[len(kept) - new :]
