"""Each connector against a server written from the public specification, whatever goes wrong on the way."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from config.delivery import Meaning, RetryPolicy
from tests.delivery.conftest import SECRETS, Desk, Outside, a_ticket, post_for
from ticketing_bridge.bench.outside.faults import Fault, Plan, in_turn
from ticketing_bridge.bench.outside.georeport import GeoReport
from ticketing_bridge.bench.outside.receiver import SmsGateway, WebhookReceiver
from ticketing_bridge.bench.outside.zammad import Zammad
from ticketing_bridge.delivery.by_hand import resend
from ticketing_bridge.delivery.mapping.remote import RemoteTicket
from ticketing_bridge.delivery.mapping.webhook import read_receipt
from ticketing_bridge.delivery.policy import after
from ticketing_bridge.store import Database
from ticketing_bridge.store.outbox_records import AttemptResult, DeliveryState, OutboxKind

NUMBER = "GM20261126001"


def open311(url: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "open311", "kind": "open311", "url": url, "api_key": "key", "service": "002",
        "services": {"城乡建设": "001"}, "address": "格尔木市", "jurisdiction": "city.example", **more,
    }  # fmt: skip


def zammad(url: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "zammad", "kind": "zammad", "url": url, "token": "token", "group": "12345",
        "customer": "12345@city.example", **more,
    }  # fmt: skip


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "city", "kind": "webhook", "url": f"{url}/hotline", "secret": "sign",
        "lookup": f"{url}/hotline", "reporter": True, **more,
    }  # fmt: skip


def the_system(kind: str) -> tuple[Any, Any]:
    """A system of this kind, and the setting of its connector."""
    if kind.startswith("open311"):
        form = "xml" if kind.endswith("xml") else "json"
        return GeoReport(SECRETS["key"]), lambda url: open311(url, format=form)
    if kind == "zammad":
        return Zammad(SECRETS["token"]), zammad
    if kind == "zammad field":
        made = Zammad(SECRETS["token"], attributes=frozenset({"hotline_key"}))
        return made, lambda url: zammad(url, key_field="hotline_key")
    return WebhookReceiver(SECRETS["sign"]), webhook


def kept(system: Any) -> list[dict[str, Any]]:
    if isinstance(system, GeoReport):
        return system.requests
    return system.tickets if isinstance(system, Zammad) else system.items


KINDS = ("open311", "zammad", "webhook")


@pytest.mark.parametrize("kind", [*KINDS, "open311 xml", "zammad field"])
async def test_a_ticket_arrives_once_and_its_state_comes_back(
    kind: str, database: Database, desk: Desk, outside: Outside
) -> None:
    system, setting = the_system(kind)
    desk.put(a_ticket(NUMBER))
    async with post_for(database, desk, setting(outside.serve(system.app()))) as post:
        await post.hand_in(NUMBER)
        await post.until_done()
        it = await post.only(NUMBER)
        assert (it.state, len(kept(system))) == (DeliveryState.DELIVERED, 1)
        if isinstance(system, GeoReport):
            system.close(str(it.remote_id), "已修复")
        elif isinstance(system, Zammad):
            system.set_state(int(str(it.remote_id)), "closed")
        else:
            system.items[0] |= {"status": "replied", "note": "已修复"}
        assert await post.service.ask(it.connector) == 1
        assert [(number, meaning) for number, meaning, _ in desk.said] == [(NUMBER, Meaning.REPLIED)]
        assert await post.service.ask(it.connector) == 0  # the last word has been heard
        heard = await post.only(NUMBER)
        assert heard.remote_meaning == "replied"


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_goes_wrong_at_whatever_step_it_is_there_once(
    kind: str, database: Database, desk: Desk, outside: Outside
) -> None:
    """Every fault at the handing over, then every fault at the look whether it is there."""
    system, setting = the_system(kind)
    planned: list[Plan] = [in_turn([], "POST")]

    def plan(method: str, path: str) -> Fault | None:
        return planned[0](method, path)

    connector = setting(outside.serve(system.app(), plan))
    async with post_for(database, desk, connector) as post:
        for at in ("POST", "GET"):
            for fault in Fault:
                number = f"{NUMBER}-{at}-{fault.name}".replace("_", "")
                desk.put(a_ticket(number))
                planned[0] = in_turn([fault] if at == "POST" else [fault, fault], at)
                await post.hand_in(number)
                await post.until_done()
                it = await post.only(number)
                assert it.state is DeliveryState.DELIVERED, (fault, at, it)
                there = [
                    row.get("service_request_id") or row["id"] for row in kept(system) if number in str(row)
                ]
                assert [str(own) for own in there] == [it.remote_id], (fault, at)


async def test_a_batch_service_gives_a_token_first(database: Database, desk: Desk, outside: Outside) -> None:
    system = GeoReport(SECRETS["key"], batch=frozenset({"001"}))
    desk.put(a_ticket(NUMBER))
    async with post_for(database, desk, open311(outside.serve(system.app()), poll_s=0)) as post:
        await post.hand_in(NUMBER)
        await post.until_done()
        assert str((await post.only(NUMBER)).remote_id).startswith("token:")
        await post.service.ask("open311")
        await post.service.ask("open311")
        it = await post.only(NUMBER)
        assert (it.remote_id, it.remote_status) == (system.requests[0]["service_request_id"], "open")


class Late(GeoReport):
    """Shows its requests only when somebody has read them."""

    read = False

    async def _query(self, request: Request) -> Response:
        kept, self.requests = self.requests, self.requests if self.read else []
        try:
            return await super()._query(request)
        finally:
            self.requests = kept


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.HANG_AFTER])
async def test_what_a_batch_service_may_have_taken_is_not_made_twice(
    fault: Fault, database: Database, desk: Desk, outside: Outside
) -> None:
    system = Late(SECRETS["key"], batch=frozenset({"001"}))
    desk.put(a_ticket(NUMBER))
    url = outside.serve(system.app(), in_turn([fault], "POST"))
    few = {"attempts": 4, "first_s": 0.001, "most_s": 0.002}
    async with post_for(database, desk, open311(url, retry=few)) as post:
        await post.hand_in(NUMBER)
        await post.until_done()
        it = await post.only(NUMBER)
        assert (it.state, it.reason, it.attempts, len(system.requests)) == (
            DeliveryState.DEAD,
            AttemptResult.UNCERTAIN.value,
            4,
            1,
        )
        # it has a number by now: a person sends it again, and it is found
        system.read = True
        async with database.unit_of_work() as uow:
            await resend(uow, it.id, "li")
        await post.until_done()
        it = await post.only(NUMBER)
        assert (it.state, len(system.requests)) == (DeliveryState.DELIVERED, 1)


async def test_who_called_goes_only_where_it_may(database: Database, desk: Desk, outside: Outside) -> None:
    """To a public endpoint nothing confidential at all; to others the matter without the person."""
    city, public, helpdesk = (
        WebhookReceiver(SECRETS["sign"]),
        GeoReport(SECRETS["key"]),
        Zammad(SECRETS["token"]),
    )
    desk.put(a_ticket("OPEN"))
    desk.put(a_ticket("SECRET", confidential=True))
    desk.put(a_ticket("REPORT", purpose="举报"))
    settings = (
        webhook(outside.serve(city.app())),
        open311(outside.serve(public.app())),
        zammad(outside.serve(helpdesk.app())),
    )
    async with post_for(database, desk, *settings) as post:
        for number in ("OPEN", "SECRET", "REPORT"):
            await post.hand_in(number)
        await post.until_done()
        states = {(it.connector, it.subject): it.state.value for it in await post.all()}
        assert {key for key, state in states.items() if state == "withheld"} == {
            ("open311", "SECRET"),
            ("open311", "REPORT"),
        }
        assert {it["ticket"]["number"]: it["ticket"].get("reporter") for it in city.items} == {
            "OPEN": {"name": "李先生", "phone": "13997361508"},
            "SECRET": None,
            "REPORT": {"name": "李先生", "phone": "13997361508"},
        }
        assert "13997361508" not in str(public.requests) + str(helpdesk.articles)
        assert "13997361508" not in str([it for it in city.items if it["ticket"]["number"] == "SECRET"])

        # it becomes confidential after it was published: people are told to have it taken down
        desk.put(a_ticket("OPEN", confidential=True, revision=2))
        await post.hand_in("OPEN", OutboxKind.UPDATE, revision=2)
        await post.until_done()
        dead = [it for it in await post.all("OPEN") if it.state is DeliveryState.DEAD]
        assert [(it.connector, it.reason) for it in dead] == [("open311", "already_public")]
        assert "保密" in helpdesk.articles[1][-1]["body"]
        assert city.updates[0]["ticket"]["confidential"] is True


async def test_changes_follow_their_ticket_and_only_the_last_one_goes(
    database: Database, desk: Desk, outside: Outside
) -> None:
    system = Zammad(SECRETS["token"])
    plan = in_turn([Fault.ERROR_BEFORE], "POST")
    desk.put(a_ticket(NUMBER))
    async with post_for(database, desk, zammad(outside.serve(system.app(), plan))) as post:
        await post.hand_in(NUMBER)
        await post.hand_in(NUMBER, OutboxKind.UPDATE, revision=2)
        await post.once()
        assert {it.state for it in await post.all(NUMBER)} == {DeliveryState.WAITING}
        await post.hand_in(NUMBER, OutboxKind.UPDATE, revision=3)
        await post.until_done()
        states = {(it.kind, it.revision): it.state for it in await post.all(NUMBER)}
        assert states[(OutboxKind.UPDATE, 2)] is DeliveryState.DROPPED
        assert states[(OutboxKind.UPDATE, 3)] is DeliveryState.DELIVERED
        assert len(system.articles[1]) == 2


async def test_a_message_in_doubt_is_not_sent_twice(database: Database, desk: Desk, outside: Outside) -> None:
    gateway = SmsGateway(SECRETS["sms"])
    plan = in_turn([Fault.HANG_AFTER, Fault.ERROR_BEFORE], "POST")
    setting = {
        # a message that is late for want of processor time is in doubt, too
        "id": "sms", "kind": "sms", "url": outside.serve(gateway.app(), plan) + "/send", "token": "sms",
        "timeout_s": 3.0,
        "fields": {"mobile": "{mobile}", "content": "{text}", "ref": "{key}"},
        "texts": {"receipt": "【{name}】您的诉求已受理，工单号{number}。", "warning": "工单{number}将超期"},
    }  # fmt: skip
    desk.put(a_ticket("A"))
    desk.put(a_ticket("B", confidential=True))
    desk.put(a_ticket("C", reporter=None))
    desk.put(a_ticket("D"))
    async with post_for(database, desk, setting) as post:
        for number in "ABCD":
            await post.hand_in(number, OutboxKind.RECEIPT)
            await post.once()
        await post.hand_in("E", OutboxKind.WARNING, payload={"mobile": "13900000001", "number": "E"})
        await post.until_done()
        states = {it.subject: (it.state.value, it.reason) for it in await post.all()}
        assert states == {
            "A": ("dead", "uncertain"),
            "B": ("withheld", "confidential"),
            "C": ("dropped", "no_mobile"),
            "D": ("dead", "uncertain"),
            "E": ("delivered", None),
        }
        assert gateway.messages[0] == {
            "mobile": "13997361508",
            "content": "【格尔木12345】您的诉求已受理，工单号A。",
            "ref": "receipt:A",
        }
        assert gateway.messages[1]["content"] == "工单E将超期"


async def test_what_is_refused_or_never_answered_ends_with_people(
    database: Database, desk: Desk, outside: Outside
) -> None:
    desk.put(a_ticket(NUMBER))
    system = GeoReport(SECRETS["key"])
    url = outside.serve(system.app())
    wrong = open311(url, id="wrong", services={}, service="999")
    nobody = zammad(
        "http://127.0.0.1:9", id="nobody", retry={"attempts": 3, "first_s": 0.001, "most_s": 0.001}
    )
    async with post_for(database, desk, wrong, nobody) as post:
        await post.hand_in(NUMBER)
        await post.until_done()
        ends = {it.connector: (it.state, it.reason, it.attempts) for it in await post.all()}
        assert ends == {
            "wrong": (DeliveryState.DEAD, "refused", 1),
            "nobody": (DeliveryState.DEAD, "failed", 3),
        }
        async with database.unit_of_work() as uow:
            dead = (await uow.deliveries.newest(connector="nobody"))[0]
            tries = [it.result for it in await uow.deliveries.attempts_of(dead.id)]
            assert tries == [AttemptResult.FAILED] * 3


def test_what_no_database_takes_is_left_out_and_who_puts_us_off_is_heard() -> None:
    told = read_receipt(rb'{"id": "a\u0000b\ud800", "status": "\u0000", "note": "\u597d"}', "key")
    assert told == RemoteTicket("ab", "key", None, "好")
    rule = RetryPolicy(first_s=1, most_s=60)
    waits = [after(AttemptResult.FAILED, 1, rule, 0.0, retry_after_s=it).pause_s for it in (None, 7200, 1e9)]
    assert waits == [1.0, 7200.0, 86_400.0]
