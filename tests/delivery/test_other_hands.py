"""Each connector against systems that another hand wrote from public specifications (``delivery/cities``)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.delivery import Meaning
from facts.call import Call, Outcome
from facts.identity import CallKey
from tests.delivery.cities.base import Trouble
from tests.delivery.cities.open311 import Attribute, Open311City, Service
from tests.delivery.cities.webhook import WebhookCity, signed_headers
from tests.delivery.cities.zammad import ZammadCity
from tests.delivery.conftest import SECRETS, Desk, Post, a_ticket, post_for
from tests.delivery.test_connectors import open311, webhook, zammad
from ticketing_bridge.delivery.by_hand import resend
from ticketing_bridge.delivery.mapping.webhook import rightly_signed
from ticketing_bridge.store import Database
from ticketing_bridge.store.outbox_records import Delivery, DeliveryState, OutboxKind

NUMBER = "GM20261126001"
SERVICES = (Service("001", "道路破损"), Service("002", "其他诉求"))


class OurOpen311(Open311City):
    KEY = SECRETS["key"]


class OurZammad(ZammadCity):
    TOKEN = CTI_TOKEN = SECRETS["token"]


class OurWebhook(WebhookCity):
    SECRET = SECRETS["sign"]


@dataclass
class Town:
    """A city's system, and the setting of the connector to it."""

    city: Any
    setting: dict[str, Any]
    #: what a creation, a search and a reading back are called there
    steps: tuple[str, ...] = ("create", "search", "read")

    def ids(self, number: str) -> list[str]:
        """Under which ids the city has this ticket."""
        return [str(getattr(it, "number", None) or it.id) for it in self.city.holding(number)]


def a_town(kind: str) -> Town:
    if kind.startswith("open311"):
        form = kind.partition(" ")[2] or "json"
        city = OurOpen311(SERVICES, formats=("xml", form), created_status=201 if form == "xml" else 200)
        return Town(city, open311(f"{city.url}/v2", format=form), ("create", "requests", "request"))
    if kind == "webhook":
        receiver = OurWebhook()
        return Town(receiver, webhook(receiver.url), ("create", "search"))
    by_field = {"key_field": "hotline_key"} if "field" in kind else {}
    helpdesk = OurZammad(elastic="database" not in kind, attributes=[*by_field.values()])
    return Town(helpdesk, zammad(helpdesk.url, **by_field))


KINDS = ("open311", "zammad", "webhook")
OF_ZAMMAD = ("zammad", "zammad database", "zammad field", "zammad field database")
MORE_KINDS = ("open311 xml", *OF_ZAMMAD[1:])
#: what can go wrong where a step only reads; whether something was made makes no difference there
READING = (
    *(Trouble.BROKEN, Trouble.BUSY, Trouble.SILENT, Trouble.CUT_MADE, Trouble.GARBAGE_MADE),
    *(Trouble.OTHER_ID_MADE, Trouble.TWO_MADE, Trouble.TWICE_MADE),
)


async def tried(post: Post, city: Any, *, late: bool = False) -> None:
    """Until nothing waits; a city that is late is as late as it can be without being forgotten."""
    done = city.late
    for _ in range(30):
        if not await post.once():
            return
        if late:
            await asyncio.to_thread(city.wait_for_late, done + 1)
    raise AssertionError("deliveries go on for ever")


async def handed_in(post: Post, desk: Desk, number: str, **changes: Any) -> Delivery:
    desk.put(a_ticket(number, **changes))
    await post.hand_in(number)
    await post.until_done()
    return await post.only(number)


async def test_a_ticket_is_handed_over_as_the_specification_wants_it(database: Database, desk: Desk) -> None:
    """Whatever it says; and when the city was away, and then cut its answer."""
    content = "<b>停水</b>三天 & 没人管\n" + "长" * 5000
    for place, kind in enumerate((*KINDS, *MORE_KINDS)):
        town, number, lost = a_town(kind), f"{NUMBER}{place}A", f"{NUMBER}{place}B"
        with town.city:
            own = {**town.setting, "id": kind.replace(" ", "-")}
            async with post_for(database, desk, own) as post:
                it = await handed_in(post, desk, number, content=content, title="停水" * 200, place=None)
                assert (it.state, town.ids(number)) == (DeliveryState.DELIVERED, [it.remote_id]), kind
                town.city.shut()
                desk.put(a_ticket(lost))
                await post.hand_in(lost)
                await post.once()
                assert (await post.only(lost)).state is DeliveryState.WAITING
                town.city.open_again()
                town.city.trouble("create", Trouble.GONE_MADE)
                await post.until_done()
                assert town.ids(lost) == [(await post.only(lost)).remote_id], kind
                assert town.city.complaints == [], kind


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_goes_wrong_at_whatever_step_it_is_there_once(
    kind: str, database: Database, desk: Desk
) -> None:
    town = a_town(kind)
    with town.city:
        async with post_for(database, desk, town.setting) as post:
            for place, step in enumerate(town.steps):
                await every_trouble(town, post, desk, place, step, READING if place else tuple(Trouble))
        assert town.city.asked("stray") == [], "a redirect was followed"


async def every_trouble(
    town: Town, post: Post, desk: Desk, place: int, step: str, troubles: Sequence[Trouble]
) -> None:
    for trouble in troubles:
        number = f"{NUMBER}-{place}-{trouble.name}".replace("_", "")
        desk.put(a_ticket(number))
        if place == 1:
            town.city.trouble("create", Trouble.GONE_MADE)
        town.city.trouble(step, trouble)
        await post.hand_in(number)
        await tried(post, town.city, late=trouble is Trouble.LATE)
        it = await post.only(number)
        assert it.state is DeliveryState.DELIVERED, (step, trouble, it)
        assert town.ids(number) == [it.remote_id], (step, trouble)


async def test_a_change_is_told_once_whatever_goes_wrong(database: Database, desk: Desk) -> None:
    with OurZammad() as city:
        async with post_for(database, desk, zammad(city.url)) as post:
            it = await handed_in(post, desk, NUMBER)
            for revision, trouble in enumerate(Trouble, start=2):
                city.trouble("update", trouble)
                await post.hand_in(NUMBER, OutboxKind.UPDATE, revision=revision)
                await tried(post, city, late=trouble is Trouble.LATE)
                assert len(city.of(int(str(it.remote_id)))) == revision, trouble
            assert city.complaints == []


async def test_what_elasticsearch_does_not_know_yet_is_not_made_twice(database: Database, desk: Desk) -> None:
    """It learns of a ticket a while after it was made; the database knows it at once."""
    with OurZammad() as city:
        city.lag = 9
        city.trouble("create", Trouble.GONE_MADE)
        async with post_for(database, desk, zammad(city.url)) as post:
            it = await handed_in(post, desk, NUMBER)
            assert (it.state, len(city.tickets)) == (DeliveryState.DELIVERED, 1)


async def test_what_was_taken_and_cannot_be_read_back_is_not_handed_over_again(
    database: Database, desk: Desk
) -> None:
    """An attribute that nobody made is dropped by Zammad; some cities show nothing that nobody has read."""
    with OurZammad() as helpdesk, OurOpen311(SERVICES) as city:
        city.hidden = True
        settings = (zammad(helpdesk.url, key_field="hotline_key"), open311(f"{city.url}/v2"))
        async with post_for(database, desk, *settings) as post:
            desk.put(a_ticket(NUMBER))
            await post.hand_in(NUMBER)
            await post.until_done()
            ends = {it.connector: (it.state, it.reason) for it in await post.all(NUMBER)}
            assert set(ends.values()) == {(DeliveryState.DEAD, "uncertain")}, ends
            assert (len(helpdesk.tickets), len(city.requests)) == (1, 1)

            # somebody has read it there, and a person here has it sent again: it is found
            city.hidden = False
            (dead,) = [it for it in await post.all(NUMBER) if it.connector == "open311"]
            async with database.unit_of_work() as uow:
                await resend(uow, dead.id, "8001")
            await post.until_done()
            (there,) = [it for it in await post.all(NUMBER) if it.connector == "open311"]
            assert (there.state, len(city.requests)) == (DeliveryState.DELIVERED, 1)


async def test_states_of_a_zammad_are_heard(database: Database, desk: Desk) -> None:
    """Also of a ticket that somebody there has given another title, and of one that was merged."""
    with OurZammad() as city:
        async with post_for(database, desk, zammad(city.url, poll_s=0.001)) as post:
            first, second = [await handed_in(post, desk, f"{NUMBER}{it}") for it in "AB"]
            own, other = int(str(first.remote_id)), int(str(second.remote_id))
            for state in ("open", "pending reminder", "closed"):
                city.set_state(own, state, note="已处理")
                city.retitle(own, "路灯（电力公司已派人）")
                await post.service.ask("zammad")
            heard = [meaning for number, meaning, _ in desk.said if number == f"{NUMBER}A"]
            assert heard == [Meaning.SIGNED, Meaning.WORKING, Meaning.REPLIED]
            city.merge(other, own)
            await post.service.ask("zammad")
            assert desk.said[-1][:2] == (f"{NUMBER}B", Meaning.ENDED)
            assert city.complaints == []


async def test_states_and_notes_of_open311_are_heard(database: Database, desk: Desk) -> None:
    for form in ("json", "xml"):
        town = a_town(f"open311 {form}")
        with town.city:
            async with post_for(database, desk, {**town.setting, "id": form, "poll_s": 0.001}) as post:
                first, second = [await handed_in(post, desk, f"{NUMBER}{form}{it}") for it in "AB"]
                town.city.reopen(int(str(first.remote_id)), "已派人")
                town.city.merge(int(str(second.remote_id)), int(str(first.remote_id)))
                await post.service.ask(form)
                town.city.close(int(str(first.remote_id)), "已修复")
                await post.service.ask(form)
                assert set(desk.said) >= {
                    (f"{NUMBER}{form}B", Meaning.REPLIED, f"Duplicate request of {first.remote_id}."),
                    (f"{NUMBER}{form}A", Meaning.REPLIED, "已修复"),
                }
                assert town.city.complaints == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_opened_again_there_is_heard(kind: str, database: Database, desk: Desk) -> None:
    town = a_town(kind)
    with town.city:
        meant = {**town.setting, "states": {"open": "signed", "closed": "replied"}}
        async with post_for(database, desk, meant) as post:
            it = await handed_in(post, desk, NUMBER)
            key: Any = NUMBER if kind == "webhook" else int(str(it.remote_id))
            for state in ("closed", "open", "closed"):
                match town.city:
                    case OurOpen311():
                        (town.city.close if state == "closed" else town.city.reopen)(key, "又坏了")
                    case city:
                        city.set_state(key, state, note="又坏了")
                await post.service.ask(it.connector)
                assert await post.service.ask(it.connector) == 0, "what was the last word is asked for seldom"
                await post.time_goes_by()
            said = [meaning for _, meaning, _ in desk.said]
            assert said == [Meaning.REPLIED, Meaning.REOPENED, Meaning.REPLIED]
            assert town.city.complaints == []


async def test_a_last_word_is_asked_about_ever_more_rarely(database: Database, desk: Desk) -> None:
    with OurZammad() as city:
        async with post_for(database, desk, zammad(city.url, poll_s=1.0)) as post:
            it = await handed_in(post, desk, NUMBER)
            city.set_state(int(str(it.remote_id)), "closed", note="已处理")
            assert await post.service.ask("zammad") == 1
            asked = 0
            for _ in range(100):
                await post.time_goes_by(1.0)
                asked += await post.service.ask("zammad")
            assert 10 < asked < 20
            assert (await post.only(NUMBER)).ask_at is None


async def test_what_was_deleted_there_is_shown_to_people(database: Database, desk: Desk) -> None:
    for kind in KINDS:
        town, number = a_town(kind), f"{NUMBER}{kind}"
        with town.city:
            meant = {**town.setting, "states": {"404": "ended"}}
            async with post_for(database, desk, meant) as post:
                it = await handed_in(post, desk, number)
                town.city.remove(number if kind == "webhook" else int(str(it.remote_id)))
                await post.service.ask(it.connector)
                assert (await post.only(number)).remote_status == "404"
                assert desk.said[-1][:2] == (number, Meaning.ENDED)


async def test_services_that_answer_with_a_token_or_with_nothing(database: Database, desk: Desk) -> None:
    services = (Service("001", "道路破损", "batch"), Service("002", "其他诉求", "blackbox"))
    with OurOpen311(services) as city:
        async with post_for(database, desk, open311(f"{city.url}/v2", poll_s=0.001)) as post:
            token = await handed_in(post, desk, f"{NUMBER}A")
            black = await handed_in(post, desk, f"{NUMBER}B", appeal="其他")
            assert (str(token.remote_id)[:6], black.remote_id) == ("token:", "638345")
            await post.service.ask("open311")
            waiting = await post.only(f"{NUMBER}A")
            assert (waiting.remote_id, waiting.remote_status) == (token.remote_id, None)
            city.give_numbers()
            await post.service.ask("open311")
            assert (await post.only(f"{NUMBER}A")).remote_id == "638344"
            assert len(city.requests) == 2


async def test_what_a_service_must_be_told_is_told(database: Database, desk: Desk) -> None:
    asked = (
        Attribute("URGENT", datatype="singlevaluelist", values={"1": "是", "0": "否"}),
        Attribute("WHERE", datatype="multivaluelist", values={"a": "路面", "b": "路灯"}),
    )
    with OurOpen311((Service("001", "道路破损", attributes=asked), SERVICES[1])) as city:
        setting = open311(f"{city.url}/v2", attributes={"001": {"URGENT": "0", "WHERE": ["a", "b"]}})
        async with post_for(database, desk, setting) as post:
            it = await handed_in(post, desk, NUMBER)
            assert (it.state, city.complaints) == (DeliveryState.DELIVERED, [])
            assert (await handed_in(post, desk, f"{NUMBER}B", appeal="其他")).state is DeliveryState.DELIVERED


async def test_in_a_city_with_many_requests_ours_is_found(database: Database, desk: Desk) -> None:
    with OurOpen311(SERVICES) as city:
        async with post_for(database, desk, open311(f"{city.url}/v2", timeout_s=2)) as post:
            city.trouble("create", Trouble.GONE_MADE)
            desk.put(a_ticket(NUMBER))
            await post.hand_in(NUMBER)
            await post.once()
            city.crowd(2_500)
            await post.until_done()
            it = await post.only(NUMBER)
            assert it.state is DeliveryState.DELIVERED
            assert [str(own.number) for own in city.holding(NUMBER)] == [it.remote_id]
            assert city.complaints == []
            assert not any(OurOpen311.KEY in seen.asked.query for seen in city.seen), "a key in an address"


async def test_a_busy_city_is_left_alone_as_long_as_it_says(database: Database, desk: Desk) -> None:
    """In seconds, or until a time."""
    with OurWebhook() as city:
        city.retry_after_s = 40
        patient = webhook(city.url, retry={"attempts": 5, "first_s": 0.001, "most_s": 3600})
        async with post_for(database, desk, patient) as post:
            for trouble in (Trouble.BUSY, Trouble.UNAVAILABLE):
                number = f"{NUMBER}{trouble.name}"
                desk.put(a_ticket(number))
                city.trouble("create", trouble)
                await post.hand_in(number)
                await post.service.deliver((await post.only(number)).id)
                it = await post.only(number)
                assert it.state is DeliveryState.WAITING
                assert it.due_at - datetime.now(UTC) > timedelta(seconds=30), trouble


async def test_nothing_confidential_is_ever_at_a_public_endpoint(database: Database, desk: Desk) -> None:
    """Not in a request, an address or a search; also when it becomes so while an attempt is in doubt."""
    hidden: dict[str, dict[str, Any]] = {
        "SECRET1": {"confidential": True},
        "SECRET2": {"purpose": "举报"},
        "SECRET3": {"confidential": True, "anonymous": True},
    }
    with OurOpen311(SERVICES) as city:
        async with post_for(database, desk, open311(f"{city.url}/v2")) as post:
            for number, changes in hidden.items():
                assert (await handed_in(post, desk, number, **changes)).state is DeliveryState.WITHHELD
            assert city.seen == []
            desk.put(a_ticket("LATER"))
            city.trouble("create", Trouble.BROKEN)
            await post.hand_in("LATER")
            await post.once()
            desk.put(a_ticket("LATER", confidential=True))
            before = len(city.seen)
            await post.until_done()
            assert (len(city.seen), city.requests) == (before, {})
            assert "13997361508" not in "".join(it.asked.body.decode() for it in city.seen)


async def test_events_of_a_call_stand_in_the_caller_log_once(database: Database, desk: Desk) -> None:
    at = datetime.now(UTC)
    call = Call(CallKey("city", "1.7"), "1.7", "PJSIP/trunk-1", "13997361508", "12345", "main", at)
    ended = {"answered_at": at, "ended_at": at, "outcome": Outcome.ANSWERED}
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([replace(call, **ended)])
    with OurZammad() as city:
        setting = {"id": "cti", "kind": "zammad_cti", "url": city.url, "token": "token"}
        async with post_for(database, desk, setting) as post:
            city.trouble("call", Trouble.GONE_MADE, Trouble.BROKEN, Trouble.SILENT_MADE, Trouble.REDIRECT)
            for event in ("newCall", "answer", "hangup"):
                await post.hand_in(str(call.key), OutboxKind.CALL, detail=event, payload={"event": event})
                await post.until_done()
            assert {it.state for it in await post.all()} == {DeliveryState.DELIVERED}
        told = [it["event"] for it in city.calls]
        assert (told.count("newCall"), [*dict.fromkeys(told)]) == (1, ["newCall", "answer", "hangup"])


async def test_changes_and_warnings_are_signed_as_the_receiver_was_told(
    database: Database, desk: Desk
) -> None:
    with OurWebhook() as city:
        sends = ["ticket", "update", "warning"]
        async with post_for(database, desk, webhook(city.url, sends=sends)) as post:
            it = await handed_in(post, desk, NUMBER)
            await post.hand_in(NUMBER, OutboxKind.UPDATE, revision=2)
            warning = {"unit": "市住房和城乡建设局", "warning": "进度滞后"}
            await post.hand_in(NUMBER, OutboxKind.WARNING, payload=warning)
            city.trouble("create", Trouble.GONE_MADE, Trouble.TWICE_MADE)
            await post.until_done()
            assert [len(city.of_kind(kind)) for kind in sends] == [1, 1, 1]
            assert city.of_kind("update")[0].document["id"] == it.remote_id
            assert city.complaints == []


def test_what_a_city_signs_by_the_document_is_taken() -> None:
    headers = signed_headers("geheim", "msg-00000001", b'{"ticket": "GM1"}')
    given = headers["Hotline-Timestamp"], "msg-00000001", b'{"ticket": "GM1"}', headers["Hotline-Signature"]
    assert rightly_signed("geheim", *given, time.time())
    assert not rightly_signed("geheim", *given, time.time() + 301)
    assert not rightly_signed("anders", *given, time.time())
