"""Calls folded from what the PBX said: pure, no clock, no sockets.

``CallTracker`` gives events to calls; ``fold_call`` makes one call of its events.
"""

from telephony.call_fold.fold import FOLD_VERSION, fold_call
from telephony.call_fold.rules import FoldRules
from telephony.call_fold.tracker import CallTracker

__all__ = ["FOLD_VERSION", "CallTracker", "FoldRules", "fold_call"]
