"""The steps, oldest first by name."""

from __future__ import annotations

from pathlib import Path


def procrastinate_schema() -> str:
    """SQL of the task queue's tables as procrastinate 3.10.0 ships them.

    A copy and not the installed package's file, so that the chain gives the same schema
    with any later version; the package's own later migrations follow as steps of ours.
    """
    return (Path(__file__).parents[1] / "procrastinate_3_10_0.sql").read_text(encoding="utf-8")
