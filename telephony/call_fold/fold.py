"""One citizen call from its events: what was said by the PBX, nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from facts.call import Call
from facts.identity import CallKey
from telephony.ami.events import PbxEvent
from telephony.call_fold.order import in_order
from telephony.call_fold.row import row_of
from telephony.call_fold.rules import FoldRules
from telephony.call_fold.seen import Seen

#: raised whenever the same events may give another call
FOLD_VERSION = 4


def fold_call(key: CallKey, events: Iterable[PbxEvent], rules: FoldRules) -> Call | None:
    """The call as its events show it; None when they do not show that it arrived.

    The order in which events are given does not matter, nor does one given twice. A
    ``SnapshotEnd`` among them says that a complete snapshot did not hold the caller's
    channel; ``LinkLost`` and ``LinkUp`` say that events are missing.
    """
    seen = Seen(key, rules)
    for event in in_order(events):
        seen.take(event)
    return row_of(seen)
