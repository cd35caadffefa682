"""Who may go where: every route asks a permission, and every role gets what the table gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute

from tests.desk.people import PASSWORD, House, answered_call, browser_of, signed_in, stored
from tests.routes import every_route
from ticketing_bridge.access import PERMISSIONS, Permission, Role
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.visitor import Needs

#: for everybody, or for everybody who is signed in
OPEN = {"/login", "/healthz", "/metrics", "/", "/logout"}
UNIT = "市住房和城乡建设局"


def routes(app: FastAPI) -> list[tuple[APIRoute, list[frozenset[Permission]]]]:
    """Routes that are not for everybody, and what each asks of its visitor: one of each set."""
    return [
        (route, [frozenset(it.any_of) for it in called if isinstance(it, Needs)])
        for route, called in every_route(app)
        if route.path not in OPEN
    ]


def test_every_route_asks_a_permission(house: House) -> None:
    silent = [route.path for route, asked in routes(house.app) if not asked]
    assert not silent, f"anybody with an account may go to {silent}"


@pytest_asyncio.fixture
async def everybody(house: House) -> AsyncIterator[dict[Role, httpx.AsyncClient]]:
    """One signed-in person of each role."""
    clients = {}
    for role in Role:
        async with house.database.unit_of_work() as uow:
            unit = UNIT if role is Role.UNIT else None
            await uow.users.add(f"a-{role}", auth.hash_password(PASSWORD), role, unit)
        clients[role] = browser_of(house.app)
        assert (await signed_in(clients[role], f"a-{role}")).status_code == 303
    yield clients
    for client in clients.values():
        await client.aclose()


async def test_each_role_opens_what_the_table_gives_it(
    house: House, everybody: dict[Role, httpx.AsyncClient]
) -> None:
    """Role × route: refused with 403 exactly where the table says so; nothing is a fault of ours."""
    call = answered_call()
    await stored(house.database, call, with_words=True)
    for route, asked in routes(house.app):
        if route.path.startswith("/events/"):
            continue  # a stream does not end; it asks what its page asks
        path = route.path.replace("{key}", str(call.key)).replace("{form}", "json")
        path = path.replace("{name}", "main")
        path = path if "{" not in path else path[: path.index("{")] + "1" + path[path.index("}") + 1 :]
        method = min(route.methods - {"HEAD"})
        for role, client in everybody.items():
            answer = await client.request(method, path)
            allowed = all(PERMISSIONS[role] & wanted for wanted in asked)
            assert answer.status_code < 500, (role, path)
            if method == "GET":
                assert (answer.status_code == 403) is not allowed, (role, method, path, answer.status_code)
            elif not allowed:
                assert answer.status_code == 403, (role, method, path)


@pytest.mark.parametrize("role", list(Role))
async def test_the_menu_has_no_door_that_is_closed(
    role: Role, everybody: dict[Role, httpx.AsyncClient]
) -> None:
    page = await everybody[role].get("/", follow_redirects=True)
    for address in {it.split('"')[0] for it in page.text.split('<a href="')[1:]} - {"/", "#main"}:
        assert (await everybody[role].get(address)).status_code != 403, address


async def test_a_changed_role_ends_the_session(
    house: House, everybody: dict[Role, httpx.AsyncClient]
) -> None:
    client = everybody[Role.SHIFT_LEADER]
    async with house.database.unit_of_work() as uow:
        assert await uow.users.set_role("a-shift_leader", Role.UNIT, UNIT)
    assert (await client.get("/notice")).status_code == 303
