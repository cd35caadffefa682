"""Who is told of what: mailboxes that hold topics, not messages, so that a slow page never piles up work.

A page always shows a newest state. So what it must know is only *that* something
changed; it reads the state when it wakes, and skips what it was too slow to see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

#: the topic of every page: whether what it shows can be believed has changed
HEALTH = "health"


class Mailbox:
    """One page's mailbox: the topics that changed since it looked last (bounded by the number of topics)."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._news = asyncio.Event()

    def poke(self, topic: str) -> None:
        """Something about ``topic`` changed."""
        self._topics.add(topic)
        self._news.set()

    async def news(self, timeout_s: float) -> frozenset[str]:
        """Wait for news and take them; empty when none came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return frozenset()
        topics = frozenset(self._topics)
        self._topics.clear()
        self._news.clear()
        return topics


class Switchboard:
    """Mailboxes by the subject (a call's key, or the board) that their pages show."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, set[Mailbox]] = {}

    @contextmanager
    def plugged_in(self, subject: str, mailbox: Mailbox) -> Iterator[Mailbox]:
        """Have ``mailbox`` told about ``subject`` for as long as the block lasts."""
        self._mailboxes.setdefault(subject, set()).add(mailbox)
        try:
            yield mailbox
        finally:
            self._mailboxes[subject].discard(mailbox)
            if not self._mailboxes[subject]:
                del self._mailboxes[subject]

    def poke(self, subject: str, topic: str) -> None:
        """Tell everybody who looks at ``subject``."""
        for mailbox in self._mailboxes.get(subject, ()):
            mailbox.poke(topic)

    def poke_all(self, topic: str) -> None:
        """Tell everybody."""
        for mailboxes in self._mailboxes.values():
            for mailbox in mailboxes:
                mailbox.poke(topic)

    def count(self, subject: str) -> int:
        """How many look at ``subject``."""
        return len(self._mailboxes.get(subject, ()))
