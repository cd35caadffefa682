"""What agents did and what became of calls at the desk while the PBX was not heard.

The same states and moves as the running role would have written, from the PBX's own records; a state that is
not written down there (a telephone that went away, a call that no queue gave) stays as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from config.hotline import Hotline
from facts.agents import AgentNow, AgentState
from facts.call import Call
from facts.call_control import Target
from facts.identity import CallKey
from telephony.ami.events import (
    AgentConnected,
    DeskMove,
    GapFilled,
    LinkLost,
    LinkUp,
    PbxEvent,
    SnapshotBegin,
    SnapshotChannel,
    SnapshotEnd,
)
from telephony.pbx_logs.matching import EDGE, SAME
from ticketing_bridge.agents.call_moves import CallMoves
from ticketing_bridge.agents.roster import Roster
from ticketing_bridge.agents.wishes import units_of
from ticketing_bridge.call_ledger.backfill import Found
from ticketing_bridge.store.agent_repository import Move, StateChange
from ticketing_bridge.store.database import UnitOfWork

#: what says something of our hearing, not of agents
_OF_THE_LINK = (LinkLost, LinkUp, GapFilled, SnapshotBegin, SnapshotChannel, SnapshotEnd)
#: how the running role saw agents after the link's return is written by then
_SEEN = timedelta(seconds=3)


class LiveDesk(Protocol):
    """The running role's memory of agents and of calls at the desk."""

    async def adopt(self, calls: Sequence[Call], keys: Sequence[CallKey], at: datetime) -> None:
        """Calls that were filled in, and those that may stand differently at the desk since."""


class DeskKeeper:
    """A ``Keeper`` of a backfill: agents' states and moves of calls of the gap."""

    def __init__(self, hotline: Hotline, pbx_id: str, live: LiveDesk | None = None) -> None:
        self._hotline = hotline
        self._pbx_id = pbx_id
        self._live = live

    async def fill(self, uow: UnitOfWork, found: Found) -> None:
        """Write them."""
        await self._fill_states(uow, found)
        await self._fill_moves(uow, found)

    async def filled(self, found: Found) -> None:
        """The running role takes them up."""
        if self._live is not None:
            await self._live.adopt(found.calls, touched(self._pbx_id, found.missing), found.gap.end)

    async def _fill_states(self, uow: UnitOfWork, found: Found) -> None:
        earlier = await uow.agents.stood(self._pbx_id, found.begin)
        later = await uow.agents.stood(self._pbx_id, found.gap.end + _SEEN)
        await uow.agents.put_history(missed_states(self._hotline, self._pbx_id, earlier, later, found))

    async def _fill_moves(self, uow: UnitOfWork, found: Found) -> None:
        units: dict[str, Target] = {}
        for key in touched(self._pbx_id, found.missing):
            units |= units_of(await uow.wishes.of_call(str(key)))
        for call, moves in moves_by_call(self._pbx_id, found.events, units).items():
            if any(_in_gap(move.at, found) for move in moves):
                await uow.moves.add(missed_moves(moves, await uow.moves.of_call(call), found))


def touched(pbx_id: str, events: Iterable[PbxEvent]) -> list[CallKey]:
    """Calls that came to an agent, or were moved by the desk, in these events."""
    found: dict[str, None] = {}
    for event in events:
        match event:
            case DeskMove():
                found[event.call] = None
            case AgentConnected():
                found[event.uniqueid] = None
    return [CallKey(pbx_id, uniqueid) for uniqueid in found]


# -- agents


def missed_states(
    hotline: Hotline, pbx_id: str, earlier: Sequence[AgentNow], later: Sequence[AgentNow], found: Found
) -> list[StateChange]:
    """How agents stood when the gap began, every change in it, and how they were found at its end.

    ``earlier``: just before the gap; ``later``: as the running role saw them after the gap.
    Whoever's state was not known before is left out.
    """
    known = {now.agent for now in earlier if now.state is not AgentState.UNKNOWN}
    changes = [it for it in _gone_through(hotline, pbx_id, earlier, found) if it.now.agent in known]
    last = {it.now.agent: it.now for it in changes}
    for now in later:
        missed = last.get(now.agent)
        seen_before = now.since < found.gap.end and now.state is not AgentState.UNKNOWN
        if missed and seen_before and (now.state, now.reason) != (missed.state, missed.reason):
            # it stood so before and was found so again: no row of its own says that
            changes.append(StateChange(replace(now, since=found.gap.end)))
    return changes


def _gone_through(
    hotline: Hotline, pbx_id: str, earlier: Sequence[AgentNow], found: Found
) -> Iterator[StateChange]:
    """What came before says who rings and talks. Nobody wraps up in a gap: the role begins that."""
    agents = {agent.id: agent.queues for agent in hotline.agents}
    roster = Roster(pbx_id, agents, {}, by_telephone=hotline.work.sign_in == "phone")
    events = [
        event for event in found.events if not isinstance(event, _OF_THE_LINK) and event.at < found.gap.end
    ]
    for event in events:
        if event.at < found.begin:
            roster.take(event)
    roster.stood(earlier, agents)
    roster.changes()
    yield from (StateChange(replace(now, since=found.begin)) for now in roster.everyone())
    for event in events:
        if event.at >= found.begin:
            roster.take(event)
    yield from roster.changes()


# -- calls at the desk


def moves_by_call(
    pbx_id: str, events: Iterable[PbxEvent], units: Mapping[str, Target]
) -> dict[str, list[Move]]:
    """Every move that these events show."""
    moves = CallMoves(pbx_id)
    for name, target in units.items():
        moves.unit(name, target)
    for event in events:
        moves.take(event)
    found: dict[str, list[Move]] = defaultdict(list)
    for move in moves.moves():
        found[move.call].append(move)
    return found


def missed_moves(moves: Sequence[Move], stored: Sequence[Move], found: Found) -> list[Move]:
    """Of one call: what is not stored, and once more how it stands when the last row says otherwise."""
    new = [
        _rests(move, stored)
        for move in moves
        if _in_gap(move.at, found)
        and not any(_alike(move, it) and abs(move.at - it.at) <= SAME for it in stored)
    ]
    ordered = sorted([*stored, *new], key=lambda move: move.at)
    if ordered and not _alike(moves[-1], ordered[-1]):
        new.append(replace(_rests(moves[-1], stored), at=max(ordered[-1].at, moves[-1].at)))
    return new


def _in_gap(at: datetime, found: Found) -> bool:
    return found.begin - EDGE <= at <= found.gap.end + EDGE


def _alike(one: Move, other: Move) -> bool:
    return replace(one, at=other.at, paused=other.paused) == other


def _rests(move: Move, stored: Sequence[Move]) -> Move:
    """Whether the recording rested is nothing that the PBX says."""
    before = [it.paused for it in stored if it.at <= move.at]
    return replace(move, paused=bool(before and before[-1]))
