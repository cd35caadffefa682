"""The API for other systems: tokens, scopes, limits; tickets of other channels; states told by webhook."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.connector_secrets import keep_connector_secret
from config.settings import Settings, load_settings
from tests.api.conftest import Clients
from tests.desk.people import NUMBER, answered_call, stored
from tests.tickets.city import HOUSING, NAME, PHONE, POLICE
from ticketing_bridge.api.clients import Scope
from ticketing_bridge.delivery.mapping.webhook import signed_headers
from ticketing_bridge.store import Database
from ticketing_bridge.store.outbox_records import AttemptResult, DeliveryState, OutboxKind

LETTER: dict[str, Any] = {
    "channel": "中国政府网",
    "reference": "GW-1",
    "purpose": "投诉",
    "appeal": "城乡建设",
    "title": "小区电梯故障",
    "content": f"我住六号楼，电梯坏了一个礼拜没人修，请回电{PHONE}。",
    "places": ["金桥丽景小区"],
    "citizen": {"name": NAME, "phone": PHONE},
}
REPORT = LETTER | {
    "reference": "GW-2",
    "purpose": "举报",
    "title": "举报派出所民警收钱",
    "content": "举报市公安局城东派出所民警收钱不办事。",
}


def problem(answer: httpx.Response, status: int, error_id: str) -> None:
    """It is a problem of ours, of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error_id"] == error_id


async def test_tokens_scopes_and_limits(clients: Clients) -> None:
    problem(await clients.at(None).get("/me"), 401, "token-missing")
    problem(await clients.at("hotline_wrong").get("/me"), 401, "token-unknown")
    problem(await clients.at("x y").get("/me"), 401, "token-unknown")
    old = await clients.of("old", "agent", lasts=timedelta(seconds=-1))
    problem(await old.get("/me"), 401, "token-expired")
    narrow = await clients.of("narrow", "agent", Scope.UNITS_READ)
    assert (await narrow.get("/me")).json()["scopes"] == ["units:read"]
    assert (await narrow.get("/units", params={"q": "电梯"})).json()["items"]
    problem(await narrow.get("/calls"), 403, "scope-missing")
    # a scope gives no more than its role may do
    unit = await clients.of("unit", "unit", unit=HOUSING)
    for path in ("/calls", "/deliveries", "/rates?from=2026-11-01&to=2026-11-02"):
        problem(await unit.get(path), 403, "scope-missing")
    async with clients.database.unit_of_work() as uow:
        assert await uow.api.revoke("narrow")
    problem(await narrow.get("/me"), 401, "token-unknown")
    hasty = await clients.of("hasty", "agent", per_minute=2)
    assert [(await hasty.get("/me")).status_code for _ in range(3)] == [200, 200, 429]
    assert int((await hasty.get("/me")).headers["retry-after"]) >= 1
    async with clients.database.unit_of_work() as uow:
        kept = [(it.name, it.used_at is not None) for it in await uow.api.clients()]
    assert ("hasty", True) in kept


async def test_whatever_is_wrong_is_a_problem(clients: Clients) -> None:
    agent = await clients.of("agent", "agent")
    problem(await agent.get("/nowhere"), 404, "not-found")
    problem(await agent.put("/tickets"), 405, "method-not-allowed")
    problem(await agent.get("/me", headers={"Host": "elsewhere.example"}), 400, "host-unknown")
    problem(await agent.get("/tickets/99999999999999"), 404, "ticket-unknown")
    problem(await agent.get("/calls/city:1.1"), 404, "call-unknown")
    problem(await agent.get("/calls", params={"cursor": "bm90IG91cnM"}), 400, "cursor-invalid")
    problem(await agent.get("/calls?line=%00"), 400, "request-unreadable")
    problem(await agent.get("/calls?from=0001-01-01T00:00:00Z"), 422, "request-invalid")
    problem(await agent.post("/tickets", content=b"x" * 10_000_000), 413, "body-too-long")

    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(40):
            sent += 1
            yield b"x" * 65_536

    # all of it is read: who still sends would see a broken line instead of the answer
    for more in ({}, {"Content-Length": str(40 * 65_536)}):
        sent = 0
        problem(await agent.post("/tickets", content=endless(), headers=more), 413, "body-too-long")
        assert sent == 40
    waits = {"Content-Length": str(40 * 65_536), "Expect": "100-continue"}
    sent = 0
    problem(await agent.post("/tickets", content=endless(), headers=waits), 413, "body-too-long")
    assert sent == 0
    problem(await agent.post("/tickets", content=b"{"), 422, "request-invalid")
    problem(await agent.post("/tickets", json=LETTER | {"title": "a\0b"}), 422, "request-invalid")
    raw = json.dumps(LETTER).replace("GW-1", "\\ud800").encode()
    problem(
        await agent.post("/tickets", content=raw, headers={"content-type": "application/json"}),
        422,
        "request-invalid",
    )
    problem(await agent.post("/tickets", json=LETTER | {"channel": "传真"}), 422, "channel-unknown")
    wrong = await agent.post("/tickets", json=LETTER | {"titel": "x"})
    problem(wrong, 422, "request-invalid")
    assert wrong.json()["errors"][0]["where"] == "body.titel"


async def test_letters_of_one_moment_are_taken_each_by_itself(clients: Clients) -> None:
    portal = await clients.of("portal", "agent")
    unit = await clients.of("unit", "unit", unit=HOUSING)
    first = (await portal.post("/tickets", json=LETTER)).json()["number"]
    many = [LETTER | {"reference": f"GW-{number}"} for number in range(3, 13)]
    sent = [portal.post("/tickets", json=it, headers={"Idempotency-Key": it["reference"]}) for it in many]
    sent += [portal.post("/tickets", json=LETTER), unit.post("/tickets", json=many[0]), portal.get("/me")]
    *answers, there, refused, me = await asyncio.gather(*sent)
    assert [it.status_code for it in answers] == [201] * 10
    problem(there, 409, "ticket-exists")
    assert first in there.json()["detail"]
    problem(refused, 403, "access-refused")
    assert me.status_code == 200
    numbers = {it.json()["number"] for it in answers}
    assert len(numbers | {first}) == 11
    async with clients.database.unit_of_work() as uow:
        for answer in answers:
            number = answer.json()["number"]
            lines = [it.action for it in await uow.audit.list(subject=number)]
            assert lines == ["ticket-viewed", "ticket-created"]
    for answer, it in zip(answers, many, strict=True):
        again = await portal.post("/tickets", json=it, headers={"Idempotency-Key": it["reference"]})
        assert again.json() == answer.json()


async def test_a_letter_becomes_one_ticket_however_often_it_is_sent(clients: Clients) -> None:
    portal = await clients.of("portal", "agent")
    key = {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(portal.post("/tickets", json=LETTER, headers=key) for _ in range(5)))
    assert {it.status_code for it in answers} == {201}
    (number,) = {it.json()["number"] for it in answers}
    problem(await portal.post("/tickets", json=LETTER), 409, "ticket-exists")
    problem(await portal.post("/tickets", json=REPORT, headers=key), 422, "idempotency-key-reused")
    shown = (await portal.get(f"/tickets/{number}")).json()
    assert (shown["state"], shown["caller_phone"]) == ("received", "139****1234")
    assert PHONE not in json.dumps([it.json() for it in answers]) + json.dumps(shown)
    for reference in "abc":
        await portal.post("/tickets", json=LETTER | {"reference": reference})
    first = (await portal.get("/tickets", params={"limit": 3})).json()
    rest = (await portal.get("/tickets", params={"limit": 3, "cursor": first["next"]})).json()
    numbers = [it["number"] for it in first["items"] + rest["items"]]
    assert (len(set(numbers)), len(numbers), rest.get("next")) == (4, 4, None)


async def test_a_unit_sees_its_tickets_and_never_who_called(clients: Clients) -> None:
    """Role × object: the unit that has it, the unit that is named in it, another one, the hotline."""
    agent = await clients.of("agent", "shift_leader")
    housing = await clients.of("housing", "unit", unit=HOUSING)
    police = await clients.of("police", "unit", unit=POLICE)
    open_ = (await agent.post("/tickets", json=LETTER)).json()
    secret = (await agent.post("/tickets", json=REPORT)).json()
    assert (secret["confidential"], secret["caller_phone"]) == (True, None)
    dispatch = {"act": "dispatch", "version": 1, "fields": {"main": HOUSING}}
    for ticket in (open_, secret):
        answer = await agent.post(f"/tickets/{ticket['number']}/acts", json=dispatch)
        assert answer.status_code == 200, answer.text
    named = {"act": "redispatch", "version": 2, "fields": {"main": POLICE, "reason": "改派"}}
    refused = await agent.post(f"/tickets/{secret['number']}/acts", json=named)
    problem(refused, 409, "ticket-refused-named-unit")
    stale = await agent.post(f"/tickets/{open_['number']}/acts", json=dispatch)
    problem(stale, 409, "ticket-changed")
    for ticket in (open_, secret):
        number = ticket["number"]
        for path in (f"/tickets/{number}", f"/tickets/{number}/status", f"/tickets/{number}/events"):
            problem(await police.get(path), 404, "ticket-unknown")
            seen = await housing.get(path)
            assert seen.status_code == 200
            assert NAME not in seen.text
            assert PHONE not in seen.text
        problem(
            await police.post(f"/tickets/{number}/acts", json={"act": "sign", "version": 2}),
            404,
            "ticket-unknown",
        )
    assert (await police.get("/tickets")).json()["items"] == []
    shown = {it["number"]: it for it in (await housing.get("/tickets")).json()["items"]}
    assert set(shown) == {open_["number"], secret["number"]}
    assert "caller_phone" not in {k: v for k, v in shown[secret["number"]].items() if v}
    signed = await housing.post(f"/tickets/{open_['number']}/acts", json={"act": "sign", "version": 2})
    assert signed.json()["state"] == "handling"
    close = {"act": "close", "version": 3}
    problem(await housing.post(f"/tickets/{open_['number']}/acts", json=close), 409, "ticket-refused-state")
    void = {"act": "void", "version": 3, "fields": {"reason": "无效"}}
    problem(await housing.post(f"/tickets/{open_['number']}/acts", json=void), 403, "access-refused")
    async with clients.database.unit_of_work() as uow:
        looks = {it.actor for it in await uow.audit.list(subject=secret["number"])}
    assert looks >= {"api:housing", "api:agent"}


async def test_calls_and_drafts_are_masked(clients: Clients) -> None:
    await stored(clients.database, answered_call(), with_words=True)
    agent = await clients.of("agent", "agent")
    listed = await agent.get("/calls")
    key = listed.json()["items"][0]["key"]
    draft = await agent.get(f"/calls/{key}/drafts")
    rates = await agent.get(
        "/rates", params={"from": "2026-01-01", "to": "2026-03-01", "definition": "person"}
    )
    one = await agent.get(f"/calls/{key}")
    assert draft.json()["items"][0]["version"] == 1
    assert rates.status_code == 200, rates.text
    for answer in (listed, draft, one):
        assert answer.status_code == 200
        assert NUMBER not in answer.text
    problem(await agent.get("/rates?from=2026-01-01&to=2027-01-01"), 422, "range-invalid")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with a connector whose states come by webhook."""
    folder = tmp_path / "city"
    folder.mkdir()
    for name in ("hotline.yaml",):
        (folder / name).write_bytes((Path("config/defaults") / name).read_bytes())
    (folder / "delivery.yaml").write_text(
        "connectors:\n- {id: city, kind: webhook, url: 'http://127.0.0.1:9', secret: sign}\n"
        "inbound: [中国政府网]\n",
        encoding="utf-8",
    )
    made = load_settings(home=tmp_path / "h", hotline_config=folder)
    made.make_folders()
    keep_connector_secret(made.home, "sign", "a-shared-secret")
    return made


async def delivered(database: Database, number: str) -> None:
    async with database.unit_of_work() as uow:
        (entry,) = [it for it in await uow.outbox.of(number) if it.kind is OutboxKind.TICKET]
        made = await uow.deliveries.add(entry, "city")
        assert made is not None
        it = await uow.deliveries.get(made)
        assert it is not None
        attempt = await uow.deliveries.begin(made, it.created_at)
        await uow.deliveries.end(
            it, attempt, AttemptResult.ACCEPTED, DeliveryState.DELIVERED, remote_id="c-1"
        )


async def test_a_signed_message_brings_a_ticket_further_once(clients: Clients) -> None:
    agent = await clients.of("agent", "shift_leader")
    number = (await agent.post("/tickets", json=LETTER)).json()["number"]
    dispatch = {"act": "dispatch", "version": 1, "fields": {"main": HOUSING}}
    await agent.post(f"/tickets/{number}/acts", json=dispatch)
    await delivered(clients.database, number)
    body = json.dumps({"ticket": number, "status": "replied", "note": "电梯已修好"}).encode()
    nobody = clients.at(None)

    async def send(
        stamp: float, message: str, secret: str = "a-shared-secret", at: str = "city"
    ) -> httpx.Response:
        headers = signed_headers(secret, int(stamp), message, body)
        return await nobody.post(f"/webhooks/{at}", content=body, headers=headers)

    now = time.time()
    problem(await send(now, "m1", "another-secret"), 401, "signature-wrong")
    problem(await send(now - 1000, "m1"), 401, "signature-wrong")
    problem(await send(now, "m1", at="nobody"), 401, "signature-wrong")
    assert (await send(now, "m1")).json() == {"taken": "applied"}
    assert (await send(now, "m1")).json() == {"taken": "again"}
    shown = (await agent.get(f"/tickets/{number}")).json()
    assert (shown["state"], shown["answer"]) == ("replied", "电梯已修好")
    events = (await agent.get(f"/tickets/{number}/events")).json()["items"]
    assert [(it["act"], it["by"]) for it in events[-2:]] == [
        ("sign", "connector:city"),
        ("reply", "connector:city"),
    ]
    ops = await clients.of("ops", "ops")
    (shown_delivery,) = (await ops.get("/deliveries", params={"ticket": number})).json()["items"]
    assert (shown_delivery["remote_meaning"], shown_delivery["state"]) == ("replied", "delivered")
    again = await ops.post(f"/deliveries/{shown_delivery['id']}/resend")
    problem(again, 409, "delivery-in-other-state")
