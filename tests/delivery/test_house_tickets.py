"""Our own tickets on their way: what units may read leaves, never who called in secret; states come back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from config.delivery import DeliveryConfig, Sends
from config.tickets import Warnings
from tests.delivery.conftest import SECRETS, Outside, Post
from tests.delivery.test_connectors import open311, webhook, zammad
from tests.desk.people import NUMBER, answered_call, missed_call, waiting_call
from tests.tickets.city import (
    AGENT,
    HOUSING,
    HOUSING_CLERK,
    LABOUR,
    LEADER,
    LIFT,
    NAME,
    NOW,
    OFFICE,
    PHONE,
    POLICE,
    REPORT,
    done,
    taken,
)
from ticketing_bridge.bench.outside.faults import Fault, Plan, in_turn
from ticketing_bridge.bench.outside.georeport import GeoReport
from ticketing_bridge.bench.outside.receiver import SmsGateway, WebhookReceiver
from ticketing_bridge.bench.outside.zammad import Zammad
from ticketing_bridge.delivery.feed import CallFeed
from ticketing_bridge.delivery.house_tickets import HouseTickets
from ticketing_bridge.delivery.service import open_delivery
from ticketing_bridge.store import Database
from ticketing_bridge.store.outbox_records import DeliveryState, OutboxKind
from ticketing_bridge.tickets import Act, State, Ticket, TicketService
from ticketing_bridge.tickets.secrecy import TicketSecrecy
from ticketing_bridge.tickets.watching import watch

SERVICE = TicketService(OFFICE)


def the_service() -> TicketService:
    return SERVICE


async def routed(database: Database, post: Post) -> None:
    """Give everything in the outbox to the connectors, and attempt it all."""
    async with database.unit_of_work() as uow:
        subjects = {row.number for row in await uow.desk_tickets.find()}
        entries = [it for number in subjects for it in await uow.outbox.of(number) if it.routed_at is None]
    for entry in sorted(entries, key=lambda it: it.id):
        await post.service.route([entry.id])
    await post.until_done()


async def dispatched(database: Database, new: Any) -> Ticket:
    ticket = await taken(database, SERVICE, new)
    return await done(database, SERVICE, ticket, (Act.DISPATCH, AGENT, {"main": HOUSING}))


async def test_a_ticket_goes_out_and_its_unit_answers_from_its_own_system(
    database: Database, outside: Outside
) -> None:
    city, public, helpdesk = (
        WebhookReceiver(SECRETS["sign"]),
        GeoReport(SECRETS["key"]),
        Zammad(SECRETS["token"]),
    )
    config = DeliveryConfig.model_validate(
        {
            "connectors": [
                webhook(outside.serve(city.app())),
                open311(outside.serve(public.app())),
                zammad(outside.serve(helpdesk.app()), units=[HOUSING]),
            ]
        }
    )
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        post = Post(database, service)
        open_, secret = await dispatched(database, LIFT), await dispatched(database, REPORT)
        await routed(database, post)
        assert {it["ticket"]["number"]: it["ticket"].get("reporter") for it in city.items} == {
            open_.number: {"name": NAME, "phone": PHONE},
            secret.number: None,
        }
        assert (len(public.requests), len(helpdesk.tickets)) == (1, 2)
        told = json.dumps(
            [public.requests, helpdesk.articles, [it for it in city.items if it["ticket"]["confidential"]]],
            ensure_ascii=False,
        )
        for secret_of in (NAME, PHONE, "盐湖集团"):
            assert secret_of not in told
        # the unit works in its own system
        mine = next(it for it in helpdesk.tickets if open_.number in it["title"])
        helpdesk.set_state(mine["id"], "closed")
        await service.ask("zammad")
        async with database.unit_of_work() as uow:
            ticket = await SERVICE.get(uow, open_.number, LEADER)
            history = await uow.desk_tickets.history(open_.number)
        assert ticket.state is State.REPLIED
        assert [(it.act, it.by, it.unit) for it in history[-2:]] == [
            ("sign", "connector:zammad", HOUSING),
            ("reply", "connector:zammad", HOUSING),
        ]
        before = len(helpdesk.articles[mine["id"]])
        await routed(database, post)
        assert len(helpdesk.articles[mine["id"]]) == before, "what they said is not told back to them"
        assert city.updates[-1]["ticket"]["state"] == "replied"
        # and finds out that it is not done
        helpdesk.set_state(mine["id"], "open")
        await post.time_goes_by()
        await service.ask("zammad")
        async with database.unit_of_work() as uow:
            ticket = await SERVICE.get(uow, open_.number, LEADER)
        assert (ticket.state, ticket.replied_at, ticket.replies_returned) == (State.HANDLING, None, 0)
        # what the hotline has gone on with is not undone from there: people read of it
        acts = ((Act.REPLY, HOUSING_CLERK, {"answer": "已修复"}), (Act.ACCEPT_REPLY, AGENT, {}))
        await done(database, SERVICE, ticket, *acts)
        for state in ("closed", "open"):
            helpdesk.set_state(mine["id"], state)
            await post.time_goes_by()
            await service.ask("zammad")
        async with database.unit_of_work() as uow:
            ticket = await SERVICE.get(uow, open_.number, LEADER)
            history = await uow.desk_tickets.history(open_.number)
        assert (ticket.state, history[-1].act, history[-1].by) == (
            State.FOLLOW_UP,
            "note",
            "connector:zammad",
        )


async def test_a_ticket_that_changes_hands_goes_to_who_has_it_then(
    database: Database, outside: Outside
) -> None:
    ours, theirs = WebhookReceiver(SECRETS["sign"]), WebhookReceiver(SECRETS["sign"])
    settings = [
        webhook(outside.serve(ours.app()), id="housing", units=[HOUSING]),
        webhook(outside.serve(theirs.app()), id="labour", units=[LABOUR]),
    ]
    config = DeliveryConfig.model_validate({"connectors": settings})
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        post = Post(database, service)
        ticket = await dispatched(database, LIFT)
        await routed(database, post)
        assert (len(ours.items), len(theirs.items)) == (1, 0)
        moved = {"main": LABOUR, "reason": "改派"}
        await done(database, SERVICE, ticket, (Act.REDISPATCH, AGENT, moved))
        await routed(database, post)
        assert [it["ticket"]["unit"] for it in ours.updates] == [LABOUR]
        assert [it["ticket"]["unit"] for it in theirs.items] == [LABOUR]
        assert theirs.updates == []


async def test_what_went_to_others_before_it_was_delivered_is_not_delivered(
    database: Database, outside: Outside
) -> None:
    """Neither when its system was away, nor when it may have been there; it is when it comes back."""
    system = WebhookReceiver(SECRETS["sign"])
    planned: list[Plan] = [in_turn([], "POST")]

    def plan(method: str, path: str) -> Fault | None:
        return planned[0](method, path)

    setting = webhook(outside.serve(system.app(), plan), id="labour", units=[LABOUR], timeout_s=0.2)
    config = DeliveryConfig.model_validate({"connectors": [setting]})
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        post = Post(database, service)
        tickets = []
        for fault in (None, Fault.ERROR_BEFORE):
            planned[0] = in_turn([fault] if fault else [], "POST")
            ticket = await taken(database, SERVICE, LIFT)
            ticket = await done(database, SERVICE, ticket, (Act.DISPATCH, AGENT, {"main": LABOUR}))
            async with database.unit_of_work() as uow:
                entries = await uow.outbox.of(ticket.number)
            for entry in entries:
                await service.route([entry.id])
            if fault:
                await post.once()
            moved = {"main": HOUSING, "reason": "改派"}
            tickets.append(await done(database, SERVICE, ticket, (Act.REDISPATCH, AGENT, moved)))
        await routed(database, post)
        assert (system.items, system.updates) == ([], [])
        assert {it.reason for it in await post.all() if it.kind is OutboxKind.TICKET} == {"not_theirs"}
        back = {"main": LABOUR, "reason": "又改回"}
        for ticket in tickets:
            await done(database, SERVICE, ticket, (Act.REDISPATCH, AGENT, back))
        await routed(database, post)
        assert [it["ticket"]["unit"] for it in system.items] == [LABOUR, LABOUR]


async def test_a_system_speaks_of_its_own_units_part_alone(database: Database, outside: Outside) -> None:
    """A joint unit's answers for its part; that of a unit which has it no more for nothing."""
    system = WebhookReceiver(SECRETS["sign"])
    setting = webhook(outside.serve(system.app()), id="labour", units=[LABOUR])
    config = DeliveryConfig.model_validate({"connectors": [setting]})
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        post = Post(database, service)
        joint = await taken(database, SERVICE, LIFT)
        joint = await done(
            database, SERVICE, joint, (Act.DISPATCH, AGENT, {"main": HOUSING, "joint": [LABOUR]})
        )
        moved = await taken(database, SERVICE, LIFT)
        moved = await done(
            database, SERVICE, moved, (Act.DISPATCH, AGENT, {"main": LABOUR}),
            (Act.REDISPATCH, AGENT, {"main": HOUSING, "reason": "改派"}),
        )  # fmt: skip
        await routed(database, post)
        for status in ("signed", "replied", "returned"):
            for item in system.items:
                item |= {"status": status, "note": "已办"}
            await post.time_goes_by()
            await service.ask("labour")
        async with database.unit_of_work() as uow:
            acts = [(it.act, it.unit) for it in await uow.desk_tickets.history(joint.number)]
            assert (await SERVICE.get(uow, moved.number, LEADER)).version == moved.version
    assert acts[2:] == [("joint_sign", LABOUR), ("joint_reply", LABOUR)]


async def test_who_has_it_no_more_hears_that_and_nothing_of_what_becomes_of_it(
    database: Database, outside: Outside
) -> None:
    system = WebhookReceiver(SECRETS["sign"])
    setting = webhook(outside.serve(system.app()), id="police", units=[POLICE])
    config = DeliveryConfig.model_validate({"connectors": [setting]})
    names = replace(LIFT, texts=replace(LIFT.texts, content="张警官收钱", party=POLICE))
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        post = Post(database, service)
        ticket = await taken(database, SERVICE, names)
        ticket = await done(database, SERVICE, ticket, (Act.DISPATCH, AGENT, {"main": POLICE}))
        await routed(database, post)
        ticket = await done(database, SERVICE, ticket, (Act.HIDE, AGENT, {"reason": "市民要求保密"}))
        await routed(database, post)
        await done(
            database, SERVICE, ticket, (Act.DISPATCH, AGENT, {"main": HOUSING}), (Act.SIGN, HOUSING_CLERK),
            (Act.REPLY, HOUSING_CLERK, {"answer": "已查实"}),
        )  # fmt: skip
        await routed(database, post)
    told = json.dumps(system.updates, ensure_ascii=False)
    assert system.updates[0]["ticket"]["withdrawn"] is True
    assert system.updates[0]["ticket"]["number"] == ticket.number
    for unsaid in ("张警官", "查实", HOUSING, "signed", "handling"):
        assert unsaid not in told


async def test_what_becomes_secret_before_it_is_sent_stays(database: Database, outside: Outside) -> None:
    public = GeoReport(SECRETS["key"])
    config = DeliveryConfig.model_validate({"connectors": [open311(outside.serve(public.app()))]})
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        ticket = await dispatched(database, LIFT)
        async with database.unit_of_work() as uow:
            await TicketSecrecy(SERVICE).hide(
                uow, ticket.number, ticket.version, LEADER, NOW, "来电人要求保密"
            )
        post = Post(database, service)
        await routed(database, post)
        assert public.requests == []
        assert (await post.only(ticket.number)).state is DeliveryState.WITHHELD


async def test_a_warning_reaches_the_unit_and_the_shift_leader_and_says_nothing_of_the_caller(
    database: Database, outside: Outside
) -> None:
    unit, other = WebhookReceiver(SECRETS["sign"]), WebhookReceiver(SECRETS["sign"])
    gateway = SmsGateway(SECRETS["sms"])
    on_duty = {"mobiles": {HOUSING: ["13900000001"]}, "shift_mobiles": ["13900000002"]}
    rules = OFFICE.rules.model_copy(update={"warnings": Warnings.model_validate(on_duty)})
    office = replace(OFFICE, rules=rules)
    settings = [
        webhook(outside.serve(unit.app()), id="unit", units=[HOUSING], sends=["warning"]),
        webhook(outside.serve(other.app()), id="other", units=[LABOUR], sends=["warning"]),
        {
            "id": "sms", "kind": "sms", "url": outside.serve(gateway.app()) + "/send", "token": "sms",
            "fields": {"mobile": "{mobile}", "content": "{text}"},
            "texts": {"warning": "{unit}工单{number}{warning}"},
        },
    ]  # fmt: skip
    config = DeliveryConfig.model_validate({"connectors": settings})
    async with open_delivery(database, config, SECRETS, HouseTickets(the_service, lambda: NOW)) as service:
        secret = await dispatched(database, REPORT)
        for _ in range(2):  # the second look gives nothing again
            async with database.unit_of_work() as uow:
                await watch(uow, office, NOW + timedelta(days=400))
        await routed(database, Post(database, service))
    overdue = f"{HOUSING}工单{secret.number}超期未办"
    assert sorted((it["mobile"], it["content"]) for it in gateway.messages if "超期" in it["content"]) == [
        ("13900000001", overdue), ("13900000002", overdue),
    ]  # fmt: skip
    assert [it["warning"]["unit"] for it in unit.others] == [HOUSING] * 2
    assert other.others == []
    told = json.dumps([unit.others, gateway.messages], ensure_ascii=False)
    for secret_of in (NAME, PHONE, "盐湖集团", "民警"):
        assert secret_of not in told
    assert not any("mobile" in it["warning"] for it in unit.others)


async def test_a_screen_is_told_of_calls(database: Database, outside: Outside) -> None:
    helpdesk = Zammad(SECRETS["token"], cti_token=SECRETS["token"])
    config = DeliveryConfig.model_validate(
        {
            "connectors": [
                {"id": "cti", "kind": "zammad_cti", "url": outside.serve(helpdesk.app()), "token": "token"}
            ]
        }
    )
    feed = CallFeed(database, frozenset({Sends.CALL, Sends.MISSED_CALL}))
    async with open_delivery(
        database, config, SECRETS, HouseTickets(the_service, lambda: NOW), agents={"agent101": "王话务员"}
    ) as service:
        post = Post(database, service)
        for call in (waiting_call(), answered_call()):
            async with database.unit_of_work() as uow:
                await uow.calls.upsert([call])
            await feed.take(call.key)
        assert await feed.take(call.key) == 0
        await feed.take(call.key)
        async with database.unit_of_work() as uow:
            entries = await uow.outbox.of(str(call.key))
        for entry in entries:
            await service.route([entry.id])
        await post.until_done()
    assert [it["event"] for it in helpdesk.calls] == ["newCall", "answer", "hangup"]
    assert {(it["from"], it["to"], it["callId"]) for it in helpdesk.calls} == {
        (NUMBER, "12345", str(call.key))
    }
    assert (helpdesk.calls[1]["user"], helpdesk.calls[2]["cause"]) == ("王话务员", "normalClearing")
    lost = missed_call(replace(call.key, uniqueid="city-9.9"))
    old = replace(
        lost,
        key=replace(call.key, uniqueid="city-8.8"),
        arrived_at=lost.arrived_at - timedelta(days=1),
        ended_at=lost.arrived_at - timedelta(days=1),
    )
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([lost, old])
    assert await feed.take(old.key) == 0
    await feed.take(lost.key)
    async with database.unit_of_work() as uow:
        kinds = [it.kind for it in await uow.outbox.of(str(lost.key))]
    assert OutboxKind.MISSED_CALL in kinds
