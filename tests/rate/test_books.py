"""What stands beside the rate: exclusions by two people, the carrier's counts, alerts and who is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.alerts import AlertRules, load_alerts
from config.rates import built_in_rates
from facts.call import CallState, Outcome
from tests.rate.test_rate import NOON, a_call
from ticketing_bridge.delivery.mapping.webhook import rightly_signed
from ticketing_bridge.delivery.rate_alerts import look, tell
from ticketing_bridge.delivery.wire import Wire
from ticketing_bridge.rate.alerts import AlertKind, AlertWatch, QueueStanding, Standing, wrong_now
from ticketing_bridge.rate.allowance import Allowance
from ticketing_bridge.rate.carrier import CarrierFileInvalid, import_carrier
from ticketing_bridge.rate.exclusions import ExclusionKind, ExclusionRefused, Refusal, ask, confirm, end
from ticketing_bridge.rate.service import today
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import QueueState


async def test_a_call_leaves_the_base_by_two_people_and_comes_back(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([a_call(1), a_call(2, Outcome.TIMEOUT), a_call(3, None)])

    async def rate() -> tuple[str, int, dict[str, int]]:
        async with database.unit_of_work() as uow:
            report = await today(uow, NOON)
        found = report.rate("person")
        return found.percent_text, found.excluded, dict(report.excluded_kinds)

    async with database.unit_of_work() as uow:
        asked = await ask(uow, "city:2", ExclusionKind.TEST, "开通测试", "wang")
        for call, reason, why in (
            ("city:9", "why", Refusal.NO_CALL),
            ("city:3", "why", Refusal.NO_CALL),
            ("x", "why", Refusal.NO_CALL),
            ("city:1", " ", Refusal.NO_REASON),
            ("city:2", "again", Refusal.ALREADY),
        ):
            with pytest.raises(ExclusionRefused) as refused:
                await ask(uow, call, ExclusionKind.PRANK, reason, "li")
            assert refused.value.kind is why
        with pytest.raises(ExclusionRefused, match="same_person"):
            await confirm(uow, asked.id, "wang")
    assert await rate() == ("50.00 %", 0, {})
    async with database.unit_of_work() as uow:
        await confirm(uow, asked.id, "li")
    assert await rate() == ("100.00 %", 1, {"test": 1})
    async with database.unit_of_work() as uow:
        # folded anew, the call stays out
        await uow.calls.upsert([a_call(2, Outcome.ABANDONED_QUEUE)])
        with pytest.raises(ExclusionRefused, match="already"):
            await confirm(uow, asked.id, "zhao")
    assert (await rate())[1] == 1
    async with database.unit_of_work() as uow:
        await end(uow, asked.id, "li")
        with pytest.raises(ExclusionRefused, match="gone"):
            await end(uow, asked.id, "li")
        deeds = [it.action for it in await uow.audit.list(subject="city:2")]
    assert deeds == ["rate-exclusion-ended", "rate-exclusion-confirmed", "rate-exclusion-asked"]
    assert await rate() == ("50.00 %", 0, {})


async def test_what_the_carrier_counted_is_said_beside_the_rate(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "carrier.csv"

    async def said() -> dict[str, object]:
        async with database.unit_of_work() as uow:
            found: dict[str, object] = (await today(uow, NOON)).to_json()["carrier"]
        return found

    assert "not visible" in str((await said())["note"])
    file.write_text(
        '日期,号码,呼入量,拒绝量\n2026-11-21,12345,120,3\n2026/11/21,8412301,"1,020",0\n', "gb18030"
    )
    assert (await import_carrier(database, file, "wang")).bad == ()
    assert await said() == {"days": 1, "offered": 1140, "refused": 3, "note": None}
    file.write_text("日期,号码,呼入量,拒绝量\n2026-11-21,12345,1,3\n2026-11-22,x,1,0\n2026-13-01,1,1,0\n")
    done = await import_carrier(database, file, "wang")
    assert [line for line, _ in done.bad] == [2, 3, 4]
    assert (await said())["offered"] == 1140
    file.write_text("day,number\n")
    with pytest.raises(CarrierFileInvalid, match="呼入量"):
        await import_carrier(database, file, "wang")


RULES = AlertRules(misses_left=2, hold_s=3, clear_s=30, staffed=("main",))
CALM = Standing(Allowance(9, 9, 100), 100, [3.0], [QueueStanding("main", 0, 2, 3)])


@pytest.mark.parametrize(
    ("standing", "kinds"),
    [
        (CALM, []),
        (replace(CALM, allowance=Allowance(-60, 2, 100)), [AlertKind.TARGET_NEAR]),
        (replace(CALM, allowance=Allowance(-60, -1, 100)), [AlertKind.TARGET_LOST]),
        # one miss in the first calls of a hotline without history says nothing about its day
        (replace(CALM, allowance=Allowance(-49, None, None), base=1), []),
        (replace(CALM, allowance=Allowance(1, None, None), base=60), [AlertKind.TARGET_NEAR]),
        (replace(CALM, waits_s=[15.0, 16.0]), [AlertKind.WAITING]),
        (replace(CALM, waits_s=[16.0], queues=None), []),
        (replace(CALM, queues=[QueueStanding("main", 1, 0, 3)]), [AlertKind.NOBODY_FREE]),
        (replace(CALM, queues=[QueueStanding("main", 0, 0, 3)]), []),
        (replace(CALM, queues=[QueueStanding("main", 0, 0, 0)]), [AlertKind.NOBODY_SIGNED_IN]),
        (replace(CALM, queues=[QueueStanding("business", 0, 0, 0)]), []),
    ],
)
def test_alerts_are_about_what_matters_at_this_volume(standing: Standing, kinds: list[AlertKind]) -> None:
    assert [*wrong_now(standing, RULES)] == kinds


def test_an_alert_neither_flickers_nor_is_cleared_blindly() -> None:
    watch = AlertWatch(RULES)
    wrong = replace(CALM, waits_s=[40.0])

    def after(
        seconds: float, standing: Standing, *raised: AlertKind
    ) -> tuple[list[AlertKind], list[AlertKind]]:
        stand, gone = watch.look(standing, raised, NOON + timedelta(seconds=seconds))
        return [*stand], gone

    it = AlertKind.WAITING
    assert after(0, wrong) == ([], [])
    assert after(3, wrong) == ([it], [])
    assert after(4, CALM, it) == ([], [])
    assert after(20, wrong, it) == ([it], [])
    assert after(21, CALM, it) == ([], [])
    assert after(51, CALM, it) == ([], [it])
    assert after(60, wrong) == ([], [])
    assert after(64, wrong) == ([it], [])
    unheard = replace(CALM, queues=None)
    assert after(65, unheard, it) == ([], [])
    assert after(200, unheard, it) == ([], [])


@given(st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=60))
def test_every_alert_that_was_raised_had_lasted(steps: list[tuple[float, bool]]) -> None:
    watch, raised, at = AlertWatch(RULES), False, 0.0
    wrong_since: float | None = None
    for pause, wrong in steps:
        at += pause
        wrong_since = (at if wrong_since is None else wrong_since) if wrong else None
        standing = replace(CALM, waits_s=[40.0 if wrong else 0.0])
        open_ = [AlertKind.WAITING] if raised else []
        stand, gone = watch.look(standing, open_, NOON + timedelta(seconds=at))
        if stand and not raised:
            assert wrong_since is not None
            assert at - wrong_since >= RULES.hold_s - 1e-3
        raised = (raised or bool(stand)) and not gone


async def test_whoever_is_to_know_is_told_once_signed(database: Database) -> None:
    heard: list[tuple[dict[str, str], bytes]] = []
    broken = asyncio.Event()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = dict(line.split(": ", 1) for line in head)
        body = await reader.readexactly(int({k.lower(): v for k, v in headers.items()}["content-length"]))
        if broken.is_set():
            heard.append(({k.lower(): v for k, v in headers.items()}, body))
        status = b"200 OK" if broken.is_set() else b"503 Away"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    waiting = replace(a_call(1, None), arrived_at=NOON - timedelta(seconds=40))
    watch = AlertWatch(replace_rules(hold_s=0))
    async with database.unit_of_work() as uow:
        await uow.calls.upsert([waiting])
        await uow.queues.put("city", [QueueState("main", 1, 0, 2, None, NOON)])
        new, _ = await look(uow, watch, NOON, 98.0, built_in_rates())
    assert sorted(new) == [AlertKind.NOBODY_FREE, AlertKind.WAITING]
    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alert"
        wire = Wire(5.0)
        assert await tell(database, wire, url, "secret") == 0
        assert await tell(database, wire, url, "secret") == 0
        broken.set()
        async with database.unit_of_work() as uow:
            await uow.connection.exec_driver_sql("UPDATE rate_alert SET next_try_at = now()")
        assert await tell(database, wire, url, "secret") == 2
        assert await tell(database, wire, url, "secret") == 0
        async with database.unit_of_work() as uow:
            await uow.calls.upsert([replace(waiting, outcome=Outcome.ANSWERED, state=CallState.ENDED)])
            await uow.queues.put("city", [QueueState("main", 0, 2, 2, None, NOON)])
            await look(uow, watch, NOON, 98.0, built_in_rates())
            _, gone = await look(uow, watch, NOON + timedelta(seconds=31), 98.0, built_in_rates())
        assert len(gone) == 2
        assert await tell(database, wire, url, "secret") == 2
        await wire.close()
    said = [json.loads(body) for _, body in heard]
    assert [(it["alert"], it["state"]) for it in said if it["alert"] == "waiting"] == [
        ("waiting", "raised"),
        ("waiting", "cleared"),
    ]
    assert said[0]["facts"]
    for headers, body in heard:
        stamp = headers["hotline-timestamp"]
        key, given = headers["idempotency-key"], headers["hotline-signature"]
        assert rightly_signed("secret", stamp, key, body, given, float(stamp))
        assert not rightly_signed("other", stamp, key, body, given, float(stamp))


def replace_rules(**changes: object) -> AlertRules:
    return AlertRules.model_validate(RULES.model_dump() | changes)


def test_the_shipped_rules_can_be_read() -> None:
    assert load_alerts().webhook is None
