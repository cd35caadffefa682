"""What could not be delivered is shown first; who may sends it again, on record."""

from __future__ import annotations

import httpx

from config.hotline import load_hotline
from config.secrets import load_or_make_secrets
from tests.desk.people import PASSWORD, House, csrf_of, signed_in
from ticketing_bridge.desk import auth
from ticketing_bridge.doctor import Health, check_deliveries
from ticketing_bridge.house import House as Installation
from ticketing_bridge.store import Database
from ticketing_bridge.store.outbox_records import AttemptResult, DeliveryState, OutboxKind


async def a_dead_one(database: Database) -> int:
    async with database.unit_of_work() as uow:
        await uow.outbox.add(OutboxKind.TICKET, "GM1")
        (entry,) = await uow.outbox.of("GM1")
        number = await uow.deliveries.add(entry, "city")
        assert number is not None
        it = await uow.deliveries.get(number)
        assert it is not None
        attempt = await uow.deliveries.begin(number, it.created_at)
        await uow.deliveries.end(
            it, attempt, AttemptResult.REFUSED, DeliveryState.DEAD, reason="refused", detail="answered 422"
        )
    return number


async def test_a_dead_delivery_is_told_and_sent_again_by_who_may(
    house: House, visitor: httpx.AsyncClient, database_url: str
) -> None:
    number = await a_dead_one(house.database)
    settings = house.settings.model_copy(update={"database_url": database_url})
    found = await check_deliveries(
        Installation(settings, load_hotline(), load_or_make_secrets(settings.home))
    )
    assert (found.health, "city 1" in found.text, "resend" in found.fix) == (Health.WARNING, True, True)
    assert 'hotline_deliveries_dead{connector="city"} 1.0' in (await visitor.get("/metrics")).text
    async with house.database.unit_of_work() as uow:
        for login, role in (("zhao", "ops"), ("sun", "auditor")):
            await uow.users.add(login, auth.hash_password(PASSWORD), role)
    await signed_in(visitor, "sun")
    page = await visitor.get("/delivery")
    assert "未送达，待人工处理" in page.text
    assert "GM1" in page.text
    assert "重新发送" not in page.text.replace("重新发送前", "")
    one = await visitor.get(f"/delivery/{number}")
    assert "answered 422" in one.text
    refused = await visitor.post(f"/delivery/{number}/resend", data={"csrf": csrf_of(page)})
    assert refused.status_code == 403

    visitor.cookies.clear()
    await signed_in(visitor, "zhao")
    token = {"csrf": csrf_of(await visitor.get("/delivery"))}
    assert (await visitor.post(f"/delivery/{number}/resend", data=token)).status_code == 303
    assert (await visitor.post(f"/delivery/{number}/resend", data=token)).status_code == 404
    assert (await visitor.get(f"/delivery/{2**70}")).status_code == 404
    async with house.database.unit_of_work() as uow:
        again = await uow.deliveries.get(number)
        assert again
        assert (again.state, again.done_by, again.tries) == (DeliveryState.WAITING, "zhao", 0)
        assert (await uow.audit.list(subject="GM1"))[0].action == "delivery-sent-again"
    assert 'hotline_deliveries_dead{connector="city"} 0.0' in (await visitor.get("/metrics")).text
