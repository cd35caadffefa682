"""What the PBX said, kept; calls folded from it, one row each; work handed out when a call ends."""

from ticketing_bridge.call_ledger.rebuild import rebuild
from ticketing_bridge.call_ledger.service import LedgerWriter
from ticketing_bridge.call_ledger.spool import EventSpool

__all__ = ["EventSpool", "LedgerWriter", "rebuild"]
