"""A confidential 举报 goes through the house, with refusals and faults: its log tells nobody who called."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import IntegrityError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from config.catalogue import load_catalogue
from config.delivery import DeliveryConfig
from tests.delivery.conftest import SECRETS
from tests.delivery.test_connectors import webhook
from tests.desk.people import PASSWORD, SPOKEN, House, answered_call, browser_of, csrf_of, signed_in, stored
from tests.tickets.city import HOUSING, LEADER, NAME, PHONE, REPORT, done, taken
from ticketing_bridge.bench.outside.serving import Outside
from ticketing_bridge.delivery.house_tickets import HouseTickets
from ticketing_bridge.delivery.service import open_delivery
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.desk import utc_now
from ticketing_bridge.logs import set_up_logs
from ticketing_bridge.store.outbox_records import DeliveryState
from ticketing_bridge.tickets import Act, TicketRefused, TicketService
from ticketing_bridge.words import CallWords

#: who called, and what would tell it
TELLS = (NAME, PHONE, SPOKEN, "盐湖集团", "三号楼")


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Where this process logs, as a role does, down to its details."""
    root = logging.getLogger()
    before, level = [*root.handlers], root.level
    path = tmp_path / "house.log"
    with path.open("w", encoding="utf-8") as stream:
        set_up_logs("house", logging.DEBUG, stream)
        try:
            yield path
        finally:
            root.handlers[:], root.level = before, level
            structlog.reset_defaults()


async def echo(request: Request) -> PlainTextResponse:
    """A system that refuses, and says again what it was sent."""
    return PlainTextResponse((await request.body()).decode(), 422)


async def test_the_log_of_a_report_tells_nobody_who_called(house: House, log_file: Path) -> None:
    call = replace(answered_call(), caller_number=PHONE)
    await stored(house.database, call, with_words=True)
    words = CallWords(house.settings, house.app.state.desk.hotline, load_catalogue(), house.database)
    await words.draft(call.key)
    service = TicketService(house.app.state.desk.office)
    report = replace(REPORT, call=str(call.key))
    ticket = await taken(house.database, service, report, utc_now())
    secret, sent = ((Act.DISPATCH, LEADER, {"main": unit}) for unit in ("公安局", HOUSING))
    with pytest.raises(TicketRefused):
        await done(house.database, service, ticket, secret, at=utc_now())
    await done(house.database, service, ticket, sent, at=utc_now())
    await refused_everywhere(house, service, ticket.number)
    await looked_at(house, ticket.number, str(call.key))
    with pytest.raises(IntegrityError) as fault:  # what was to be stored is in no error's text
        async with house.database.unit_of_work() as uow:
            await uow.connection.exec_driver_sql(
                "INSERT INTO draft (call, version, source) VALUES (%s, NULL, %s)", (NAME, PHONE)
            )
    logging.getLogger("worker").error("a job broke", exc_info=fault.value)
    told = await asyncio.to_thread(log_file.read_text, encoding="utf-8")
    assert "IntegrityError" in told
    assert "delivery_attempt" in told
    assert not [it for it in TELLS if it in told]


async def refused_everywhere(house: House, service: TicketService, number: str) -> None:
    """The report is handed to a system that refuses it and repeats it."""
    with Outside() as outside:
        url = outside.serve(Starlette(routes=[Route("/{any:path}", echo, methods=["GET", "POST"])]))
        setting = {"timeout_s": 1.0, **webhook(url)}
        config = DeliveryConfig.model_validate({"connectors": [setting]})
        tickets = HouseTickets(lambda: service, utc_now)
        async with open_delivery(house.database, config, SECRETS, tickets) as deliveries:
            async with house.database.unit_of_work() as uow:
                entries = [it for it in await uow.outbox.of(number) if it.routed_at is None]
            for entry in entries:
                await deliveries.route([entry.id])
            async with house.database.unit_of_work() as uow:
                due = await uow.deliveries.newest(states=(DeliveryState.WAITING,), limit=9)
            assert due
            for it in due:
                await deliveries.deliver(it.id)


async def looked_at(house: House, number: str, call: str) -> None:
    """The unit's page, another unit's try, searches for the caller, a revealed number, wrong forms."""
    async with house.database.unit_of_work() as uow:
        for login, role, unit in (("housing", "unit", HOUSING), ("li", "shift_leader", None)):
            await uow.users.add(login, auth.hash_password(PASSWORD), role, unit)
    for login in ("housing", "li", "wang"):
        async with browser_of(house.app) as client:
            await signed_in(client, login)
            for path in (
                "/unit",
                f"/tickets/{number}",
                f"/tickets?q={NAME}",
                f"/search?q={PHONE}",
                "/search?q=盐湖集团",
                f"/calls/{call}",
                f"/calls/{call}/transcript.json?kind=live",
                f"/tickets/{PHONE}",
                f"/api/v1/tickets/{PHONE}",
            ):
                await client.get(path)
            form = {"csrf": csrf_of(await client.get("/", follow_redirects=True)), "reason": "回电核实"}
            await client.post(f"/tickets/{number}/caller", data=form)
            await client.post(f"/calls/{call}/number", data=form)
            await client.post(f"/tickets/{number}/act", data={**form, "version": NAME, "act": PHONE})
