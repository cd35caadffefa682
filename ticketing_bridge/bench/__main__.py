"""``python -m ticketing_bridge.bench NAME SIZE``: one measurement, its figures as JSON on stdout."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
from dataclasses import asdict

import structlog

from ticketing_bridge.bench.figures import Figure, Size


def main(name: str, size: str = Size.FULL.value, calls: str = "") -> None:
    """Measure and print. Uses the home that the environment names, which should be a new one.

    ``calls``: how many, for a benchmark that takes them.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.ERROR)
    module = importlib.import_module(f"ticketing_bridge.bench.{name.replace('-', '_')}")
    figures: list[Figure] = asyncio.run(module.measure(Size(size), *([int(calls)] if calls else [])))
    json.dump([asdict(figure) for figure in figures], sys.stdout)


main(*sys.argv[1:])
