"""Where a call is, and what moves it: one table, checked for completeness at import."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from facts.call import CallState


class Signal(StrEnum):
    """What moves a call from state to state; several kinds of event give the same signal."""

    #: the notice was played, or could not be
    NOTICE = "notice"
    #: the flow has the caller
    FLOW = "flow"
    #: the caller is sent to, or waits in, a queue
    QUEUE = "queue"
    #: an agent and the caller are connected
    AGENT = "agent"
    #: the caller's channel is gone
    END = "end"


_A, _N, _F, _Q, _T, _E = CallState

#: state → signal → state; a flow may have the caller again while waiting and after an agent
TRANSITIONS: Final[Mapping[CallState, Mapping[Signal, CallState]]] = {
    _A: dict(zip(Signal, (_N, _F, _Q, _T, _E), strict=True)),
    _N: dict(zip(Signal, (_N, _F, _Q, _T, _E), strict=True)),
    _F: dict(zip(Signal, (_F, _F, _Q, _T, _E), strict=True)),
    _Q: dict(zip(Signal, (_Q, _F, _Q, _T, _E), strict=True)),
    _T: dict(zip(Signal, (_T, _F, _Q, _T, _E), strict=True)),
    _E: dict(zip(Signal, (_E, _E, _E, _E, _E), strict=True)),
}


def check(table: Mapping[CallState, Mapping[Signal, CallState]]) -> None:
    """Every state has an answer to every signal, every state can be reached and can end.

    Raises:
        ValueError: naming what is missing.
    """
    missing = [f"{state}/{signal}" for state in CallState for signal in Signal if signal not in table[state]]
    reached = {CallState.ARRIVED}
    for _ in CallState:
        reached |= {after for state in reached for after in table[state].values()}
    missing += [f"way to {state}" for state in CallState if state not in reached]
    missing += [f"end of {state}" for state in CallState if table[state].get(Signal.END) is not _E]
    if missing:
        raise ValueError(f"the call's transition table lacks {', '.join(missing)}")


check(TRANSITIONS)
