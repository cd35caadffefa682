"""Who is hearing which recording: a player asks for one in many pieces. Pure."""

from __future__ import annotations

from collections import OrderedDict

#: a player asks for one recording in many pieces: within this time they are one hearing (seconds)
ONE_HEARING_S = 600.0
_KEPT = 2000


class Hearings:
    """Who is hearing what: the first piece of a hearing goes on record, the further ones do not."""

    def __init__(self) -> None:
        self._began: OrderedDict[tuple[str, str], float] = OrderedDict()

    def is_new(self, token: str, call: str, now_s: float) -> bool:
        """Whether this session has not heard this call lately."""
        began = self._began.get((token, call))
        if began is not None and now_s - began < ONE_HEARING_S:
            return False
        self._began[token, call] = now_s
        self._began.move_to_end((token, call))
        while len(self._began) > _KEPT:
            self._began.popitem(last=False)
        return True
