"""Every benchmark runs and gives figures; how good they are is not a test's matter."""

from __future__ import annotations

import importlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from facts.call import Call, CallState, JourneyStep
from facts.identity import CallKey
from ticketing_bridge.bench import run as bench_run
from ticketing_bridge.bench.figures import BenchReport, Figure, Size, never
from ticketing_bridge.bench.menus import WAYS, failures
from ticketing_bridge.bench.run import ALONE, BENCHES, BenchFailed, BenchUnknown, run_benches
from ticketing_bridge.cli import bench as command

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: one figure that each must have
EXPECTED = {
    "ami": "events_per_s",
    "intake": "raw_per_s",
    "ledger": "events_per_s",
    "drafting": "warm_p50_ms",
    "speech": "dense_live_ratio",
    "web": "words2_p95_ms",
    "search": "search_p50_ms",
    "flows": "key_to_prompt_p99_ms",
    "desks": "word50_p95_ms",
    "start": "help_ms",
    "rate": "by_hour_p95_ms",
    "tickets": "save_p95_ms",
}


@pytest.fixture
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("HOTLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOTLINE_HOME", str(tmp_path / "h"))


@pytest.mark.usefixtures("home_of_its_own")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(it, marks=pytest.mark.speech if it == "speech" else ())
        for it in BENCHES
        if it not in ALONE
    ],
)
async def test_it_gives_figures(name: str) -> None:
    found: list[Figure] = await importlib.import_module(f"ticketing_bridge.bench.{name}").measure(Size.TINY)
    figures = {figure.name: figure.value for figure in found}
    assert len(figures) == len(found)
    assert figures[EXPECTED[name]] > 0
    assert all(value >= 0 for value in figures.values())


def test_a_measurement_has_a_process_of_its_own() -> None:
    (report,) = run_benches(["ami"], size=Size.TINY)
    assert report.as_json()["figures"]["ratio"]["median"] > 0


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(BenchUnknown, match="ledger"):
        run_benches(["legder"])


def test_one_that_breaks_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench_run.BENCHES, "nothing", "")  # type: ignore[arg-type]
    with pytest.raises(BenchFailed, match="No module named"):
        run_benches(["nothing"], size=Size.TINY)


def test_repeats_become_medians_and_ends() -> None:
    runs = tuple((Figure("a_ms", value, "ms", "a"),) for value in (3.0, 1.0, 20.0))
    (summary,) = BenchReport("x", runs, 0.5, 1.5).summaries
    assert (summary.least, summary.median, summary.most) == (1.0, 3.0, 20.0)


def test_the_command_prints_for_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    report = BenchReport("ami", ((Figure("ratio", 1.5, "×", "us to them"),),), 0.5, 1.5)
    monkeypatch.setattr(bench_run, "run_benches", lambda names, **_: [report])
    app = typer.Typer()
    command.add_to(app)
    printed = json.loads(CliRunner().invoke(app, ["ami", "--json"]).stdout)
    assert printed["benches"]["ami"]["figures"]["ratio"]["median"] == 1.5
    assert printed["machine"]["cores"] >= 1
    assert "hotline demo" in CliRunner().invoke(app, ["path"]).stdout


def test_what_must_not_be_is_named_and_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Call(
        CallKey("city", "1"), "", "", None, "12345", "main", NOON, CallState.ENDED,
        steps=(JourneyStep(NOON, "main", "hour"),),
    )  # fmt: skip
    failed = failures(WAYS[:2], [row, None])
    assert failed == [
        f"caller 1 of 2: 'main.hour', not {WAYS[0].path!r}",
        f"caller 2 of 2: 'no row', not {WAYS[1].path!r}",
    ]
    figures = (never("failed", 2, "callers", failed), never("lost", 3, "saves"), never("twice", 0, "there"))
    report = BenchReport("menus", (figures,), 0.5, 1.5)
    monkeypatch.setattr(bench_run, "run_benches", lambda names, **_: [report])
    app = typer.Typer()
    command.add_to(app)
    found = CliRunner().invoke(app, ["menus", "--json"])
    said = [line for line in found.stderr.splitlines() if line]
    assert (found.exit_code, said) == (1, [*(f"✗ menus: {it}" for it in failed), "✗ menus: 3 saves"])
    assert json.loads(found.stdout)["benches"]["menus"]["wrong"] == [*failed, "3 saves"]
    assert CliRunner().invoke(app, ["menus"]).exit_code == 1
