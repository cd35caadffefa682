"""What waits for one lane of a recogniser process: the answers to open questions before the talks.

A talk that is heard late is heard all the same, and again in its recording. A flow that hears an answer late
has given up and asks again.
"""

from __future__ import annotations

import queue

from asr.wire import Kind, Message


class Inbox:
    """Messages in the order of their streams' urgency, and of one stream in the order in which they came.

    One thread puts, one takes.
    """

    def __init__(self) -> None:
        self._questions: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._talks: queue.SimpleQueue[Message] = queue.SimpleQueue()
        #: open streams that are questions; the putting thread's
        self._urgent: set[int] = set()
        #: a message is in one of the two: there is no waiting for either of two queues
        self._waiting: queue.SimpleQueue[None] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Add a message; never blocks."""
        if message.kind is Kind.OPEN and message.json()["question"]:
            self._urgent.add(message.stream)
        urgent = message.kind is not Kind.PING and message.stream in self._urgent
        if message.kind is Kind.CLOSE:
            self._urgent.discard(message.stream)
        (self._questions if urgent else self._talks).put(message)
        self._waiting.put(None)

    def get(self) -> Message:
        """The next message; waits for one."""
        self._waiting.get()
        try:
            return self._questions.get_nowait()
        except queue.Empty:
            return self._talks.get_nowait()
