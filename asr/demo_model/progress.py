"""The builder's progress as bars on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from asr.demo_model import corpus


@contextmanager
def bars(console: Console | None = None) -> Iterator[corpus.Progress]:
    """A callback for ``builder.build`` that draws one bar for each stage (speech, training, language)."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as drawn:
        stages: dict[str, int] = {}

        def tell(doing: str, done: int, total: int) -> None:
            stage = doing.partition(",")[0]
            if stage not in stages:
                stages[stage] = int(drawn.add_task(doing, total=total))
            for task in drawn.tasks:
                if task.id == stages[stage]:
                    drawn.update(task.id, description=doing, completed=done, total=total)

        yield tell
