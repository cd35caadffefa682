"""What docs/rates.md says stays true; the example dashboard asks for metrics that there are."""

from __future__ import annotations

import doctest
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from config.rates import built_in_rates
from telephony.ami.events import GapFilled, LinkLost, LinkUp
from tests.rate.example_day import DAY
from ticketing_bridge.call_ledger.backfill import event_record
from ticketing_bridge.desk.metrics import Metrics
from ticketing_bridge.desk.rates.metrics import RateMetrics
from ticketing_bridge.rate.definitions import measure, shipped
from ticketing_bridge.store import Database
from ticketing_bridge.store.journey_records import QueueState

DOCS = Path(__file__).parents[2] / "docs"


def test_the_worked_example_is_true() -> None:
    done = doctest.testfile(str(DOCS / "rates.md"), module_relative=False, encoding="utf-8")
    assert done.attempted >= 9
    assert done.failed == 0


def test_five_definitions_give_five_numbers() -> None:
    names = ("person", "strict", "person_without_short", "within_15s", "recovered")
    found = {name: measure(shipped()[name], [row.fact for row in DAY]).percent_text for name in names}
    assert len(set(found.values())) == 5, found


async def test_the_dashboard_asks_for_what_there_is(database: Database) -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"hotline_[a-z_]+", target["expr"])
    }
    registry = CollectorRegistry()
    await RateMetrics(registry).read(database, built_in_rates(), 98.0, datetime.now(UTC))
    known = set(re.findall(r"^# TYPE (hotline_\w+)", generate_latest(registry).decode(), re.M))
    known |= set(re.findall(r"^# TYPE (hotline_\w+)", Metrics().text().decode(), re.M))
    assert len(asked) > 10
    assert asked <= known
    assert {"hotline_deliveries_dead", "hotline_gaps_unfilled", "hotline_callbacks"} <= asked
    places = [(it["gridPos"]["y"], it["gridPos"]["x"], it["gridPos"]["h"]) for it in dashboard["panels"]]
    bottoms = {y: y + h for y, _, h in places}
    assert all(y in (0, *bottoms.values()) for y in bottoms), "no row of panels over another"
    assert "hotline_database_up 1.0" in generate_latest(registry).decode()


async def test_what_nobody_reports_any_more_is_no_figure(database: Database) -> None:
    registry = CollectorRegistry()
    metrics = RateMetrics(registry)
    async with database.unit_of_work() as uow:
        await uow.queues.put("city", [QueueState("main", 3, 1, 2, None, datetime.now(UTC))])
        now = datetime.now(UTC)
        marks = [
            LinkUp(at=now - timedelta(hours=3), pbx_id="city"),
            LinkLost(at=now - timedelta(hours=2), pbx_id="city"),
            LinkUp(at=now - timedelta(hours=1), pbx_id="city"),
        ]
        await uow.events.add_batch([event_record(event, None, now) for event in marks])
    await metrics.read(database, built_in_rates(), 98.0, now)
    text = generate_latest(registry).decode()
    assert 'hotline_queue_waiting{queue="main"} 3.0' in text
    assert 'hotline_gaps_unfilled{pbx="city"} 1.0' in text
    assert 'hotline_callbacks{state="wanted"} 0.0' in text
    async with database.unit_of_work() as uow:
        await uow.connection.exec_driver_sql("DELETE FROM queue_state")
        filled = GapFilled(at=marks[-1].at, pbx_id="city", begin=marks[1].at)
        await uow.events.add_batch([event_record(filled, None, now)])
    await metrics.read(database, built_in_rates(), 98.0, now)
    text = generate_latest(registry).decode()
    assert "hotline_queue_waiting{" not in text
    assert "hotline_gaps_unfilled{" not in text


async def test_a_database_that_is_away_is_a_metric_too() -> None:
    registry = CollectorRegistry()
    async with Database("postgresql://nobody@127.0.0.1:1/x") as away:
        await RateMetrics(registry).read(away, built_in_rates(), 98.0, datetime.now(UTC))
    assert "hotline_database_up 0.0" in generate_latest(registry).decode()
