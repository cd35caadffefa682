"""200 agents press F9: the web role as it is served takes each sheet to a dispatched ticket.

Each agent is signed in through the form and has the sheet's page open; a save is the page's own request, with
every field, its versions and its token, measured from the key to the answer. Three times: all of them within
five seconds; all in one moment (a second matter of each call); and two pages of one sheet at once. Afterwards
the database is asked what it holds of every save that was answered.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from config.settings import load_settings
from facts.transcript import Leg, LiveText
from ticketing_bridge.bench.desks import SENTENCES, Floor, call_path, open_floor, said_at
from ticketing_bridge.bench.figures import Figure, Size, never, spread_ms
from ticketing_bridge.bench.processes import family_cpu_s
from ticketing_bridge.bench.seats import Answered, Seat, SheetForm
from ticketing_bridge.demo.likeness import percentile
from ticketing_bridge.desk.auth import hash_password
from ticketing_bridge.store import Database
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.workplace_records import SheetState
from ticketing_bridge.tickets.sealed import Sealer

AGENTS = 200
#: all of them save within so many seconds
WITHIN_S = 5.0
#: saves before anything is measured: a process is slow at first
WARM = 10
#: sheets that two pages save in one moment
SHARED = 20
#: who signs in and opens pages at the same time
AT_ONCE = 4
_TYPED = {
    "purpose": "投诉",
    "appeal": "城乡建设",
    "places": "八一中路金桥丽景小区六号楼、二单元",
    "content": "市民反映八一中路金桥丽景小区六号楼二单元电梯上周四晚上停运，至今没有人修。" * 2,
    "demand": "尽快修好电梯",
    "unit": "市住房和城乡建设局",
}


@dataclass(frozen=True, slots=True)
class _Saved:
    """One answered save."""

    seat: Seat
    matter: int
    answer: Answered


async def measure(size: Size) -> list[Figure]:
    """Within some seconds, in one moment, and two on one sheet; every answered save must be there."""
    agents, warm, shared = size.of(AGENTS, 4), size.of(WARM, 1), size.of(SHARED, 2)
    within_s = size.of(WITHIN_S, 0.2)
    durable = size is Size.FULL
    async with open_floor(warm + agents, furnished=size.of(1.0, 0.02), durable=durable) as up:
        _said(up)
        seats = await _seated(up)
        clock = _Clock(up)
        await clock.of(seats[:warm], 1, lambda: 0.0)
        seats = seats[warm:]
        dice = Random(12345)
        paced, paced_cost = await clock.of(seats, 1, lambda: dice.uniform(0, within_s))
        burst, burst_cost = await clock.of(seats, 2, lambda: 0.0)
        pairs = await _pairs(seats[:shared], 3)
        for seat in seats:
            seat.leave()
        lost = await _lost(up.database, [*paced, *burst, *pairs])
    return [
        *_spread("save", paced, f"{agents} agents save within {within_s:.0f} s"),
        *_spread("burst", burst, f"{agents} agents save in one moment"),
        *_costs("save", paced_cost, f"within {within_s:.0f} s"),
        *_costs("burst", burst_cost, "in one moment"),
        Figure("saved", len(paced) + len(burst), "", "saves that were answered"),
        Figure(
            "told", sum(it.answer.status != 200 for it in pairs), "", f"{shared} sheets saved twice: told"
        ),
        never("lost", lost, "answered saves that the database does not hold, once and whole"),
    ]


def _spread(name: str, saved: Sequence[_Saved], about: str) -> list[Figure]:
    took = [it.answer.took_s for it in saved]
    most = percentile(took, 99) or 0.0
    return [
        *spread_ms(name, took, about),
        Figure(f"{name}_p99_ms", most * 1000, "ms", f"{about}, p99"),
    ]


def _costs(name: str, cost: tuple[float, float], about: str) -> list[Figure]:
    web, database = cost
    return [
        Figure(f"{name}_web_cpu_ms", web * 1000, "ms", f"processor time of the web role a save, {about}"),
        Figure(f"{name}_pg_cpu_ms", database * 1000, "ms", f"of PostgreSQL a save, {about}"),
    ]


def _said(up: Floor) -> None:
    """What has been said at every desk by now."""
    for call in up.calls:
        for number, text in enumerate(SENTENCES):
            up.broadcast.send(
                LiveText(str(call.key), Leg.CALLER, number, True, text, *said_at(number), stream="bench")
            )


async def _seated(up: Floor) -> list[Seat]:
    """An agent for each call, signed in."""
    password = secrets.token_urlsafe(12)
    seats = [
        Seat(
            up.port, f"desk{number}", str(call.key), f"/desk/calls/{call_path(call)}", f"电梯停运第{number}件"
        )
        for number, call in enumerate(up.calls)
    ]
    kept = hash_password(password)  # the same for all: making one takes longer than all else here
    async with up.database.unit_of_work() as uow:
        for seat in seats:
            await uow.users.add(seat.login, kept, "agent")
    await _few_at_once(seats, lambda seat: seat.sign_in(password))
    return seats


async def _few_at_once(seats: Sequence[Seat], do: Callable[[Seat], Awaitable[object]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(seat: Seat) -> None:
        async with gate:
            await do(seat)

    await asyncio.gather(*map(one, seats))


async def _opened(seats: Sequence[Seat], matter: int) -> dict[str, SheetForm]:
    forms: dict[str, SheetForm] = {}

    async def one(seat: Seat) -> None:
        forms[seat.login] = await seat.open(matter)

    await _few_at_once(seats, one)
    return forms


async def _pressed(
    seats: Sequence[Seat], matter: int, forms: dict[str, SheetForm], waits_s: Callable[[], float]
) -> list[_Saved]:
    async def one(seat: Seat, wait_s: float) -> _Saved:
        await asyncio.sleep(wait_s)
        return _Saved(seat, matter, await seat.save(matter, forms[seat.login], _TYPED))

    return await asyncio.gather(*(one(seat, waits_s()) for seat in seats))


async def _pairs(seats: Sequence[Seat], matter: int) -> list[_Saved]:
    """Two pages of each sheet are saved in one moment: one is taken, the other is told of it."""
    forms = await _opened(seats, matter)
    both = await asyncio.gather(*(_pressed(seats, matter, forms, lambda: 0.0) for _ in range(2)))
    return [it for saved in both for it in saved]


class _Clock:
    """What saves cost: the web role's processor time, and PostgreSQL's apart from it."""

    def __init__(self, up: Floor) -> None:
        self._web = up.pid
        self._postgres = EmbeddedPostgres(load_settings().home).pid()

    async def of(
        self, seats: Sequence[Seat], matter: int, waits_s: Callable[[], float]
    ) -> tuple[list[_Saved], tuple[float, float]]:
        """The saves, and processor seconds of each kind a save."""
        forms = await _opened(seats, matter)
        web, database = self._used()
        saved = await _pressed(seats, matter, forms, waits_s)
        now = self._used()
        return saved, ((now[0] - web) / len(saved), (now[1] - database) / len(saved))

    def _used(self) -> tuple[float, float]:
        return family_cpu_s(self._web), family_cpu_s(self._postgres) if self._postgres else 0.0


async def _lost(database: Database, saved: Sequence[_Saved]) -> int:
    """Answered saves of which the database has not exactly what was typed, once, with history and sheet."""
    lost = 0
    assert database.vault is not None
    async with database.unit_of_work() as uow:
        sealer = Sealer(uow, database.vault)
        for it in saved:
            row = await uow.desk_tickets.get(it.answer.ticket or "")
            sheet = await uow.sheets.get(it.seat.call, it.matter)
            if row is None or sheet is None:
                lost += 1
                continue
            history = await uow.desk_tickets.history(row.number)
            ticket = await sealer.ticket(row)
            whole = (
                [entry.act for entry in history] == ["create", "dispatch"]
                and (row.version, row.main_unit, row.call) == (2, _TYPED["unit"], it.seat.call)
                and (ticket.texts.title, ticket.texts.content) == (it.seat.title, _TYPED["content"])
                and (sheet.state, sheet.ticket) == (SheetState.SAVED, row.number)
            )
            lost += not whole
        made = await uow.desk_tickets.numbers_of_calls([it.seat.call for it in saved])
    return lost + len(made - {it.answer.ticket for it in saved})
