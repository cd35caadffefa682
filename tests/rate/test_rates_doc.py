"""What docs/rates.md says stays true; the example dashboard asks for metrics that there are."""

from __future__ import annotations

import doctest
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from config.rates import built_in_rates
from tests.rate.example_day import DAY
from ticketing_bridge.desk.metrics import Metrics
from ticketing_bridge.desk.rates.metrics import RateMetrics
from ticketing_bridge.rate.definitions import measure, shipped
from ticketing_bridge.store import Database

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
    assert "hotline_database_up 1.0" in generate_latest(registry).decode()


async def test_a_database_that_is_away_is_a_metric_too() -> None:
    registry = CollectorRegistry()
    async with Database("postgresql://nobody@127.0.0.1:1/x") as away:
        await RateMetrics(registry).read(away, built_in_rates(), 98.0, datetime.now(UTC))
    assert "hotline_database_up 0.0" in generate_latest(registry).decode()
