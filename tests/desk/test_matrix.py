"""Role × route × object: who opens what of an ordinary matter and of a secret one; pages and API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from facts.identity import CallKey
from facts.transcript import Leg, Transcript, Turn
from tests.desk.people import (
    DRAFT,
    KEY,
    PASSWORD,
    House,
    answered_call,
    browser_of,
    csrf_of,
    signed_in,
    stored,
)
from tests.desk.test_lookup import FUND
from tests.journeys.people import CITIZEN, a_ticket, new_callback
from tests.telephony.test_recordings import write
from tests.tickets.city import HOUSING, LEADER, LIFT, NAME, PHONE, POLICE, REPORT, done, taken
from ticketing_bridge.api.clients import Scope, new_token
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.desk import utc_now
from ticketing_bridge.journeys.follow_ups import make_tasks
from ticketing_bridge.knowledge.entries import entry_vector
from ticketing_bridge.store.journey_records import CallbackKind
from ticketing_bridge.store.outbox_records import OutboxKind
from ticketing_bridge.tickets import Act, NewTicket, Ticket, TicketService
from ticketing_bridge.transcripts.search import make_findable, search_words

#: who comes, by letter: the agent who took the report, another one, a leader, ops, two units, auditor, admin
PEOPLE = {
    "w": ("wang", "agent", None),
    "c": ("chen", "agent", None),
    "l": ("li", "shift_leader", None),
    "o": ("ops", "ops", None),
    "h": ("housing", "unit", HOUSING),
    "p": ("police", "unit", POLICE),
    "a": ("sun", "auditor", None),
    "d": ("root", "admin", None),
}
#: what tells who called in the report
TELLS = (NAME, PHONE, "盐湖集团", "三号楼")
SECRET = CallKey("city", "city-1763683201.9")
SAID = Transcript((Turn(Leg.CALLER, "我在盐湖集团上班住三号楼要举报派出所民警", 9.0, 14.0),), "demo-zh")

#: route → whom it opens for; everybody else gets 403, a unit 403 or 404
PAGES = {
    "/calls/{open}": "wclod",
    "/calls/{secret}": "wld",
    "/desk/calls/{open}": "wcld",
    "/desk/calls/{secret}": "wld",
    "/calls/{open}/recording": "wcld",
    "/calls/{secret}/recording": "wld",
    "/calls/{open}/transcript.text?kind=live": "wcld",
    "/calls/{secret}/transcript.text?kind=live": "wld",
    "/tickets/{lift}": "wcladh",
    "/tickets/{report}": "wcladh",
    "/callbacks/{owed}": "wclod",
    "/callbacks/{owed_secret}": "wld",
    "/followup/{task}": "wcld",
    "/knowledge/{entry}": "wclod",
    "/knowledge/{entry}/edit": "lod",
    "/delivery/{delivery}": "load",
    "/search?q=盐湖集团": "wcld",
    "/search?q=民警": "wcld",
    "/drafts": "wclod",
    "/drafts/ledger": "wcld",
    "/callbacks": "wclod",
    "/followup": "wcld",
    "/casework/follow-up": "wcld",
    "/casework/decisions": "ld",
    "/casework/figures": "wcload",
    "/casework/actions": "ld",
    "/knowledge": "wclod",
    "/phonebook": "wclod",
    "/phonebook/dead": "wclod",
    "/tickets": "wclad",
    "/tickets?q=盐湖": "wclad",
    "/tickets.csv": "ld",
    "/unit": "hp",
    "/unit/tickets.csv": "hp",
    "/audit": "ad",
    "/rate": "wcload",
    "/rate/misses": "wcload",
    "/rate/missed": "wcload",
    "/rate/exclusions": "wcload",
    "/rate/definitions": "wcload",
    "/rate/staffing": "wcload",
    "/wall": "wcload",
    "/agents": "wclod",
    "/agents/rows": "wclod",
    "/delivery": "load",
    "/catalogue": "od",
    "/flows": "wclod",
    "/notice": "wclod",
    "/register": "wcld",
    "/desk": "wcld",
    "/": "wcloadhp",
}
#: the same of forms that show or change something
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "/calls/{open}/number": ("wcld", {"reason": "回电核实"}),
    "/calls/{secret}/number": ("wld", {"reason": "回电核实"}),
    "/callbacks/{owed}/number": ("wcld", {"reason": "回电核实"}),
    "/callbacks/{owed_secret}/number": ("wld", {"reason": "回电核实"}),
    "/followup/{task}/number": ("ld", {"reason": "回电核实"}),
    "/tickets/{report}/caller": ("ld", {"reason": "回电核实"}),
    "/callbacks/{owed_secret}/done": ("wld", {}),
}
API = {
    "/calls/{open}": "wlod",
    "/calls/{open}/drafts": "wlod",
    "/tickets/{lift}": "wladh",
    "/tickets/{report}": "wladh",
    "/tickets/{report}/events": "wladh",
    "/tickets/{report}/status": "wladh",
    "/tickets": "wladhp",
    "/deliveries": "load",
}


@dataclass(frozen=True, slots=True)
class Matters:
    """What there is to be opened, by the names that routes give it, and who comes."""

    names: dict[str, str]
    people: dict[str, httpx.AsyncClient]
    clients: dict[str, httpx.AsyncClient]

    def path(self, route: str) -> str:
        return route.format(**self.names)


class Maker:
    """Makes the ordinary matter and the secret one."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.service = TicketService(house.app.state.desk.office)

    async def dispatched(self, new: NewTicket) -> Ticket:
        made = await taken(self.house.database, self.service, new, utc_now())
        dispatch = (Act.DISPATCH, LEADER, {"main": HOUSING})
        return await done(self.house.database, self.service, made, dispatch, at=utc_now())

    async def names(self) -> dict[str, str]:
        database = self.house.database
        await stored(database, answered_call(), with_words=True)
        await stored(database, replace(answered_call(SECRET), caller_number=PHONE))
        folder = self.house.settings.recordings
        folder.mkdir(parents=True, exist_ok=True)
        for key in (KEY, SECRET):
            for side in ("", "-rx", "-tx"):
                write(folder / f"{key.uniqueid}{side}.wav", 1)
        lift = await self.dispatched(replace(LIFT, call=str(KEY)))
        report = await self.dispatched(replace(REPORT, call=str(SECRET)))
        async with database.unit_of_work() as uow:
            await uow.transcripts.put(SECRET, "live", SAID)
            content = {**DRAFT, "title": {"value": "盐湖集团职工举报民警"}, "content": {"value": SAID.text()}}
            await uow.drafts.put(SECRET, 1, "live", content)
            call = await uow.calls.get(SECRET)
            assert call is not None
            await make_findable(uow, call, "live", search_words(SAID))
            owed = await uow.callbacks.add(new_callback(call=str(KEY)))
            owed_secret = await uow.callbacks.add(
                new_callback(number=PHONE, kind=CallbackKind.QUEUE, call=str(SECRET))
            )
            assert owed is not None
            assert owed_secret is not None
            now = datetime.now(UTC)
            await uow.tickets.upsert(
                [a_ticket(confidential=True, matter="某人受贿", closed_at=now, updated_at=now)]
            )
            await uow.tickets.put_contacts([("GEM20260001", CITIZEN)])
            await make_tasks(
                uow, self.house.app.state.desk.hotline, "city", now - timedelta(days=1), None, 9, now
            )
            (task,) = await uow.follow_ups.newest()
            entry = await uow.knowledge.add(FUND, entry_vector(FUND), "li")
            await uow.outbox.add(OutboxKind.TICKET, report.number)
            outbox = await uow.outbox.get(1)
            assert outbox is not None
            delivery = await uow.deliveries.add(outbox, "city")
        return {
            "open": str(KEY),
            "secret": str(SECRET),
            "lift": lift.number,
            "report": report.number,
            "owed": str(owed.id),
            "owed_secret": str(owed_secret.id),
            "task": str(task.id),
            "entry": str(entry),
            "delivery": str(delivery),
        }


@pytest_asyncio.fixture
async def matters(house: House) -> AsyncIterator[Matters]:
    names = await Maker(house).names()
    transport = httpx.ASGITransport(house.app, client=("127.0.0.1", 50000))
    people, clients = {}, {}
    async with house.database.unit_of_work() as uow:
        for letter, (login, role, unit) in PEOPLE.items():
            if login != "wang":
                await uow.users.add(login, auth.hash_password(PASSWORD), role, unit)
            token = new_token()
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            given: dict[str, Any] = {"role": role, "unit": unit, "scopes": [*Scope]}
            await uow.api.add(
                f"client-{letter}", token, **given, per_minute=6000, expires_at=tomorrow, by="tests"
            )
            clients[letter] = httpx.AsyncClient(
                transport=transport,
                base_url="http://127.0.0.1/api/v1",
                headers={"Authorization": f"Bearer {token}"},
            )
    for letter, (login, _, _) in PEOPLE.items():
        people[letter] = browser_of(house.app)
        assert (await signed_in(people[letter], login)).status_code == 303
    yield Matters(names, people, clients)
    for client in (*people.values(), *clients.values()):
        await client.aclose()


def opened(answer: httpx.Response) -> bool:
    """Whether it was shown or done; nothing else than a refusal counts as none."""
    assert answer.status_code in {200, 206, 303, 403, 404}, (answer.request.url, answer.status_code)
    return answer.status_code not in {403, 404}


async def test_every_cell_of_role_route_and_object(matters: Matters, house: House) -> None:
    """One town for all three tables: making it takes as long as asking."""
    assert await pages_that_differ(matters) == ([], [])
    assert await resources_that_differ(matters) == ([], [])
    async with house.database.unit_of_work() as uow:
        lines = {(it.actor, it.action) for it in await uow.audit.list(subject=str(SECRET))}
    assert {(f"api:client-{letter}", "call-refused") for letter in "wld"} <= lines
    assert await forms_that_differ(matters) == []


async def pages_that_differ(matters: Matters) -> tuple[list[Any], list[Any]]:
    """Cells that are not as the table says, and what was read that nobody may read."""
    wrong, told = [], []
    for route, letters in PAGES.items():
        # that others are refused whole pages is proved route by route in test_access
        asked = PEOPLE if "{" in route else letters
        for letter in asked:
            answer = await matters.people[letter].get(matters.path(route), follow_redirects=route == "/")
            if opened(answer) is not (letter in letters):
                wrong.append((route, letter, answer.status_code))
            sound = "audio" in answer.headers["content-type"]
            words = "" if sound else answer.text.partition("<datalist")[0]
            mine = letter in "wld" and ("{" in route or route.startswith(("/search", "/drafts")))
            # the audit log has what somebody looked for
            unsaid = TELLS[:2] if mine or route == "/audit" else TELLS
            told += [(route, letter, it) for it in unsaid if it in words and f'value="{it}' not in words]
    return wrong, told


async def forms_that_differ(matters: Matters) -> list[Any]:
    """Cells of forms that are not as the table says, or show a number all the same."""
    wrong = []
    tokens = {
        letter: csrf_of(await client.get("/", follow_redirects=True))
        for letter, client in matters.people.items()
    }
    for route, (letters, fields) in FORMS.items():
        for letter, client in matters.people.items():
            answer = await client.post(matters.path(route), data={"csrf": tokens[letter], **fields})
            shown = PHONE in answer.text or CITIZEN in answer.text
            if opened(answer) is not (letter in letters) or (shown and letter not in letters):
                wrong.append((route, letter, answer.status_code, shown))
    return wrong


async def resources_that_differ(matters: Matters) -> tuple[list[Any], list[Any]]:
    """The same of the API."""
    wrong, told = [], []
    for route, letters in API.items():
        for letter, client in matters.clients.items():
            if letter == "c":
                continue  # no client took a ticket: one agent's is like another's
            answer = await client.get(matters.path(route))
            if opened(answer) is not (letter in letters):
                wrong.append((route, letter, answer.status_code))
            # the words of the report are for who may know, as on the page; who called is for no client
            unsaid = TELLS[:2] if letter in "ld" else TELLS
            told += [(route, letter, it) for it in unsaid if it in answer.text]
    for letter in "wld":
        drafts = await matters.clients[letter].get(matters.path("/calls/{secret}/drafts"))
        if drafts.json()["items"]:
            told.append(("drafts", letter, "words"))
    return wrong, told
