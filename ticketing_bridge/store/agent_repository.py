"""Queries about agents at work, wishes of the desk, and what became of calls there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from facts.agents import AgentNow, AgentSpan, AgentState
from facts.call_control import DeskCall, Standing, Target, TargetKind
from facts.identity import CallKey
from ticketing_bridge.store.agent_tables import agent_now, agent_state, desk_move, desk_wish


@dataclass(frozen=True, slots=True)
class StateChange:
    """How an agent stands anew; ``by``: who wished it, empty when it came by itself."""

    now: AgentNow
    by: str = ""
    #: False: the state goes on, only what is beside it changed (signed in, the wrap-up's end)
    begins: bool = True


class AgentRepository:
    """States of agents: the history, which only grows, and how each stands."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, changes: Sequence[StateChange]) -> None:
        """Write state changes of one PBX, in their order."""
        if not changes:
            return
        await self.put_history(changes)
        await self.put_now([it.now for it in {it.now.agent: it for it in changes}.values()])

    async def put_history(self, changes: Sequence[StateChange]) -> None:
        """The begins of states alone, also of a time that is past; of one moment the later written counts."""
        rows = [
            {
                "pbx_id": it.now.pbx_id,
                "agent": it.now.agent,
                "at": it.now.since,
                "state": it.now.state.value,
                "reason": it.now.reason,
                "queue": it.now.queue,
                "call": it.now.call,
                "by": it.by,
            }
            for it in changes
            if it.begins
        ]
        if rows:
            await self._connection.execute(agent_state.insert(), rows)

    async def stood(self, pbx_id: str, moment: datetime) -> list[AgentNow]:
        """How the agents of a PBX stood just before this moment."""
        table = agent_state.c
        query = (
            select(agent_state)
            .where(table.pbx_id == pbx_id, table.at < moment)
            .ext(distinct_on(table.agent))
            .order_by(table.agent, table.at.desc(), table.id.desc())
        )
        rows = (await self._connection.execute(query)).mappings()
        return [
            AgentNow(
                row["agent"],
                pbx_id,
                AgentState(row["state"]),
                row["at"],
                row["reason"],
                row["queue"],
                row["call"],
            )
            for row in rows
        ]

    async def put_now(self, states: Sequence[AgentNow]) -> None:
        """How these stand, without a new state (a wrap-up that is kept, somebody who signed in)."""
        insertion = insert(agent_now)
        names = ("state", "since", "reason", "queue", "call", "signed_in_at", "until")
        statement = insertion.on_conflict_do_update(
            index_elements=["pbx_id", "agent"], set_={name: insertion.excluded[name] for name in names}
        )
        rows = [
            {"pbx_id": it.pbx_id, "agent": it.agent} | {name: getattr(it, name) for name in names}
            for it in states
        ]
        await self._connection.execute(statement, rows)

    async def now(self, pbx_id: str | None = None, agent: str | None = None) -> list[AgentNow]:
        """How agents stand, of one PBX or of all."""
        query = select(agent_now).order_by(agent_now.c.agent, agent_now.c.pbx_id)
        if pbx_id is not None:
            query = query.where(agent_now.c.pbx_id == pbx_id)
        if agent is not None:
            query = query.where(agent_now.c.agent == agent)
        rows = (await self._connection.execute(query)).mappings()
        return [AgentNow(**{**row, "state": AgentState(row["state"])}) for row in rows]

    async def spans(
        self, begin: datetime, end: datetime, *, agent: str | None = None, pbx_id: str | None = None
    ) -> list[AgentSpan]:
        """What agents did in ``[begin, end)``, cut at its edges, by agent and time.

        A span that is still so at ``end`` ends there; what was before the first row is not known.
        """
        table = agent_state.c
        in_time = (table.at, table.id)
        until = func.lead(table.at).over(partition_by=(table.pbx_id, table.agent), order_by=in_time)
        chosen = [table.at < end]
        if agent is not None:
            chosen.append(table.agent == agent)
        if pbx_id is not None:
            chosen.append(table.pbx_id == pbx_id)
        before = (
            select(table.id)
            .where(table.at < begin, *chosen[1:])
            .ext(distinct_on(table.pbx_id, table.agent))
            .order_by(table.pbx_id, table.agent, table.at.desc(), table.id.desc())
        )
        stretch = (
            select(agent_state, until.label("until"))
            .where(*chosen, (table.at >= begin) | table.id.in_(before))
            .subquery()
        )
        query = select(stretch).order_by(stretch.c.agent, stretch.c.at, stretch.c.id)
        found = []
        for row in (await self._connection.execute(query)).mappings():
            first, last = max(row["at"], begin), min(row["until"] or end, end)
            if last > first:
                state = AgentState(row["state"])
                found.append(
                    AgentSpan(row["agent"], state, first, last, row["reason"], row["queue"], row["call"])
                )
        return found


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody at a page asks of a PBX."""

    id: int
    at: datetime
    pbx_id: str
    actor: str
    wish: str
    agent: str | None
    call: str | None
    details: Mapping[str, Any] = field(default_factory=dict)
    state: str = "asked"
    refusal: str | None = None
    detail: str | None = None
    done_at: datetime | None = None


class WishRepository:
    """Wishes: asked by a page, taken once by the telephony role, answered."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def ask(
        self,
        pbx_id: str,
        actor: str,
        wish: str,
        *,
        agent: str | None = None,
        call: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> int:
        """Put a wish down; returns its id."""
        values = {"pbx_id": pbx_id, "actor": actor, "wish": wish, "agent": agent, "call": call}
        made = desk_wish.insert().values(**values, details=dict(details or {})).returning(desk_wish.c.id)
        found: int = (await self._connection.execute(made)).scalar_one()
        return found

    async def take(self, pbx_id: str, not_older_s: float) -> list[Wish]:
        """Those that nobody has taken; they are the taker's from now on. Older ones are too late."""
        table = desk_wish.c
        open_ = (table.pbx_id == pbx_id) & (table.state == "asked")
        late = func.extract("epoch", func.now() - table.at) > not_older_s
        await self._connection.execute(desk_wish.update().where(open_ & late).values(state="late"))
        taken = desk_wish.update().where(open_).values(state="taken").returning(*desk_wish.columns)
        rows = (await self._connection.execute(taken)).mappings()
        return sorted((Wish(**row) for row in rows), key=lambda it: it.id)

    async def withdraw(self, wish: int) -> bool:
        """Nobody took it in time: True when it will not be done any more."""
        chosen = (desk_wish.c.id == wish) & (desk_wish.c.state == "asked")
        gone = await self._connection.execute(desk_wish.update().where(chosen).values(state="late"))
        return gone.rowcount > 0

    async def answer(self, wish: int, refusal: str | None = None, detail: str | None = None) -> None:
        """What became of it."""
        state = "refused" if refusal else "done"
        await self._connection.execute(
            desk_wish.update()
            .where(desk_wish.c.id == wish)
            .values(state=state, refusal=refusal, detail=detail, done_at=func.now())
        )

    async def get(self, wish: int) -> Wish | None:
        """One wish."""
        row = (await self._connection.execute(select(desk_wish).where(desk_wish.c.id == wish))).mappings()
        found = row.first()
        return Wish(**found) if found else None

    async def of_call(self, call: str) -> list[Wish]:
        """What was asked about a call, in order."""
        query = select(desk_wish).where(desk_wish.c.call == call).order_by(desk_wish.c.id)
        return [Wish(**row) for row in (await self._connection.execute(query)).mappings()]


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a call at the desk, and whose its ticket is from then on."""

    call: str
    at: datetime
    standing: str
    owner: str
    target_kind: str | None = None
    target: str | None = None
    missed: str | None = None
    paused: bool = False


class MoveRepository:
    """What became of calls at the desk; append-only."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, moves: Sequence[Move]) -> None:
        """Write changes in their order."""
        if moves:
            names = ("call", "at", "standing", "owner", "target_kind", "target", "missed", "paused")
            rows = [{name: getattr(it, name) for name in names} for it in moves]
            await self._connection.execute(desk_move.insert(), rows)

    async def of_call(self, call: str) -> list[Move]:
        """A call's changes in order."""
        query = select(desk_move).where(desk_move.c.call == call).order_by(desk_move.c.at, desk_move.c.id)
        return [_move(row) for row in (await self._connection.execute(query)).mappings()]

    async def standing(self, call: str) -> DeskCall | None:
        """How a call stands by its newest change; None when it never came to an agent, or is over."""
        return next(iter((await self.standings([call])).values()), None)

    async def standings(self, calls: Sequence[str]) -> dict[CallKey, DeskCall]:
        """The same of many calls; those that never came to an agent, or are over, are left out."""
        newest = select(desk_move).ext(distinct_on(desk_move.c.call)).where(desk_move.c.call.in_(calls))
        in_time = (desk_move.c.call, desk_move.c.at.desc(), desk_move.c.id.desc())
        rows = await self._connection.execute(newest.order_by(*in_time))
        found = [_desk_call(_move(row)) for row in rows.mappings() if row["standing"] != "over"]
        return {it.call: it for it in found}

    async def owner(self, call: str) -> str | None:
        """Whose ticket the call's is: the last agent who had it, transfers followed; None: nobody had it."""
        moves = await self.of_call(call)
        return moves[-1].owner if moves else None


def _move(row: RowMapping) -> Move:
    return Move(
        **{name: value for name, value in row.items() if name != "id"} | {"paused": bool(row["paused"])}
    )


def _desk_call(last: Move) -> DeskCall:
    target = Target(TargetKind(last.target_kind), last.target or "") if last.target_kind else None
    return DeskCall(
        CallKey.parse(last.call), Standing(last.standing), last.at, last.owner, target, last.paused
    )
