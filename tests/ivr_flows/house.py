"""The hotline that ships, its flows, and a follow-up task."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from config.hotline import Hotline, load_hotline
from config.settings import Settings
from facts.caller_session import FollowUpTask
from ivr_flows import Flow, FlowReport, Surroundings, check_flow, load_flow, surroundings_of

FOLDER = Settings(_env_file=None).flow_folder  # type: ignore[call-arg]
TASK = FollowUpTask(1, "路灯不亮的问题", datetime(2026, 11, 20, tzinfo=UTC))
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def hotline() -> Hotline:
    return load_hotline()


@cache
def flows() -> dict[str, Flow]:
    return {name: load_flow(FOLDER / f"{name}.yaml") for name in SHIPPED}


def surroundings(folder: Path | None = None) -> Surroundings:
    """Of the hotline that ships; with the flows of another folder, if one is given."""
    found = flows() if folder is None else {path.stem: load_flow(path) for path in folder.glob("*.yaml")}
    return surroundings_of(hotline(), found)


def context(line: str) -> dict[str, str]:
    """What templates say on a line."""
    return next(dict(it) for it in surroundings().contexts if it["line.id"] == line)


@cache
def report(name: str) -> FlowReport:
    """What the check says of a flow that ships."""
    return check_flow(flows()[name], surroundings=surroundings())
