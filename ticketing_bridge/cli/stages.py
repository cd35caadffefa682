"""How a start looks to a person: one line a stage, a bar on what takes long, downloads shown apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class ConsoleStage:
    """One stage on a console."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self.text = ""
        self.bytes = 0
        self.network_s = 0.0

    def progress(self, done: float, total: float | None = None) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def note(self, text: str) -> None:
        self.text = text

    def download(self, size_bytes: int, seconds: float) -> None:
        self.bytes += size_bytes
        self.network_s += seconds


class Stages:
    """Shows stages on a console (stderr when stdout carries JSON) and adds up our own time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.own_s = 0.0
        self.network_s = 0.0
        self.bytes = 0

    @contextmanager
    def show(self, name: str) -> Iterator[ConsoleStage]:
        began = time.monotonic()
        columns = (TextColumn("[cyan]…[/] {task.description:<12}"), BarColumn(), TimeElapsedColumn())
        with Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        ) as progress:
            stage = ConsoleStage(progress, progress.add_task(name, total=None))
            yield stage
        took_s = time.monotonic() - began
        own_s = max(0.0, took_s - stage.network_s)
        self.own_s += own_s
        self.network_s += stage.network_s
        self.bytes += stage.bytes
        network = f"  + download {stage.bytes / 1e6:.1f} MB in {stage.network_s:.1f} s" if stage.bytes else ""
        self.console.print(f"[green]✓[/] {name:<12} {own_s:6.1f} s  {stage.text}{network}", highlight=False)

    def summary(self) -> str:
        """Our own seconds beside the network's."""
        network = f"; downloads: {self.bytes / 1e6:.1f} MB in {self.network_s:.1f} s" if self.bytes else ""
        return f"ready: {self.own_s:.1f} s of our own work{network}"
