"""What is wrong with a flow file: file, node, line, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facts.errors import HotlineError


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a flow file. ``node`` is empty when the file as a whole is meant."""

    file: str
    node: str
    what: str
    fix: str
    #: of the node in the file, when it is known
    line: int | None = None

    def __str__(self) -> str:
        if self.node:
            line = f" (line {self.line})" if self.line else ""
            return f"{self.file}:{self.node}: {self.what} — {self.fix}{line}"
        line = f"line {self.line}: " if self.line else ""
        return f"{self.file}: {line}{self.what} — {self.fix}"


class FlowInvalid(HotlineError):
    """A flow file is wrong."""

    error_id = "flow-invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class FlowMissing(HotlineError):
    """There is no such flow file."""

    error_id = "flow-missing"
