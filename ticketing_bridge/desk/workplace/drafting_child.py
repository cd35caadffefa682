"""The drafting process: ``python -m ticketing_bridge.desk.workplace.drafting_child HOME``.

It reads numbered calls from stdin and writes their drafts to stdout, one after the other, and keeps each
call's growing draft. It ends when stdin does: its parent is gone, or wants it so.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from config.catalogue import CityData
from config.catalogue_store import CatalogueStore
from ticketing_bridge.drafting import DraftInput, OngoingDraft, begin, hear_more
from ticketing_bridge.drafting.content import draft_content

#: words are shown first, then drafts are made
NICE: Final = 5
#: calls whose drafts are kept; the oldest go first and are made anew when wanted
KEPT: Final = 300
LENGTH: Final = struct.Struct("<I")


class GrowingDrafts:
    """The drafts of calls that are on, each grown by what was said since."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, OngoingDraft] = OrderedDict()

    def step(self, heard: DraftInput, city: CityData) -> dict[str, Any]:
        """The draft of all that was heard of this call by now, as it is shown."""
        ongoing = self._calls.get(heard.id)
        if ongoing is None or len(heard.turns) < len(ongoing.call.turns):
            ongoing = begin(heard, city)
        else:
            ongoing = hear_more(ongoing, heard, city)
        self._calls[heard.id] = ongoing
        self._calls.move_to_end(heard.id)
        while len(self._calls) > KEPT:
            self._calls.popitem(last=False)
        return draft_content(ongoing.draft)


def packed(content: object) -> bytes:
    """A frame: its length, then the pickled content. Both ends are ours, of one version, on one pipe."""
    body = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def _wishes(pipe: BinaryIO) -> Iterator[tuple[int, DraftInput]]:
    """Numbered wishes until the pipe ends."""
    while len(head := pipe.read(LENGTH.size)) == LENGTH.size:
        yield pickle.loads(pipe.read(LENGTH.unpack(head)[0]))


def main(home: Path) -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    os.nice(NICE)
    pipe_in, pipe_out = sys.stdin.buffer, sys.stdout.buffer
    store, drafts = CatalogueStore(home), GrowingDrafts()
    store.current()
    gc.freeze()  # the city's data stay: looking through them again and again would hold up a draft
    for number, heard in _wishes(pipe_in):
        answer: Mapping[str, Any] | str
        try:
            answer = drafts.step(heard, store.current())
        except Exception as problem:  # noqa: BLE001 - one call that cannot be drafted leaves the others alone
            answer = repr(problem)
        pipe_out.write(packed((number, answer)))
        pipe_out.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
