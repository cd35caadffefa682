"""Reads flow files: a changed file counts from the next call on.

A broken one is refused in one log line, and the last good version goes on serving.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
import yaml
from pydantic import ValidationError

from config.strict_yaml import StrictLoader
from ivr_flows.check import FlowReport, check_flow
from ivr_flows.nodes import FlowRef, Goto
from ivr_flows.problems import FlowInvalid, FlowMissing, Problem
from ivr_flows.schema import Flow
from ivr_flows.surroundings import Limits, Surroundings

log = structlog.get_logger(__name__)

_FIXES = {
    "extra_forbidden": "remove it or correct its spelling",
    "missing": "add it",
    "node_kind": "write the node's kind once",
    "string_too_long": "shorten or divide it",
    "tuple_type": "write a text, or a list of texts",
}
_NODE_LINE = re.compile(r"^  ([a-z][a-z0-9_]{0,30}):", re.MULTILINE)
_WORDS = {
    "extra_forbidden": "unknown key",
    "string_too_long": "text too long",
    "tuple_type": "no text",
}


def parse_flow(text: str, file: str) -> Flow:
    """Read a flow from YAML.

    Raises:
        FlowInvalid: with every place that does not fit the schema.
    """
    lines: dict[str, int] = {}
    try:
        loader = StrictLoader(text)
        tree = loader.get_single_node()
        lines = _lines(tree, "nodes")
        content = loader.construct_document(tree) if tree else None
    except yaml.YAMLError as problem:
        raise FlowInvalid([_yaml_problem(problem, file, lines or _likely_lines(text))]) from None
    except (RecursionError, ValueError) as problem:
        raise FlowInvalid([Problem(file, "", f"not a flow: {problem}", "write plain YAML")]) from None
    if not isinstance(content, dict):
        raise FlowInvalid([Problem(file, "", "not a flow", "write flow, start and nodes")])
    try:
        flow = Flow.model_validate(content)
    except ValidationError as found:
        top = _lines(tree)
        raise FlowInvalid([_problem(file, dict(it), lines, top) for it in found.errors()]) from None
    if flow.flow != Path(file).stem:
        raise FlowInvalid([Problem(file, "", f"the flow calls itself {flow.flow}", "name it like its file")])
    return flow.with_lines(lines)


def _yaml_problem(problem: yaml.YAMLError, file: str, lines: dict[str, int]) -> Problem:
    mark = getattr(problem, "problem_mark", None)
    what = getattr(problem, "problem", None) or " ".join(str(problem).split())
    line = mark.line + 1 if mark else None
    before = [(at, name) for name, at in lines.items() if line and at <= line]
    return Problem(file, max(before)[1] if before else "", what, "correct the YAML", line)


def _likely_lines(text: str) -> dict[str, int]:
    """Line of each node in a file that is no YAML, as such files are mostly written."""
    begin = max(0, text.find("\nnodes:"))
    return {found[1]: text.count("\n", 0, found.start()) + 1 for found in _NODE_LINE.finditer(text, begin)}


def _lines(tree: yaml.Node | None, wanted: str = "") -> dict[str, int]:
    """Line of each key of the file, or of what stands below one of them, counted from 1."""
    below = _value(tree, wanted) if wanted else tree
    if not isinstance(below, yaml.MappingNode):
        return {}
    return {str(key.value): key.start_mark.line + 1 for key, _ in below.value}


def _value(tree: yaml.Node | None, wanted: str) -> yaml.Node | None:
    if not isinstance(tree, yaml.MappingNode):
        return None
    return next((value for key, value in tree.value if key.value == wanted), None)


def _problem(file: str, error: dict[str, Any], lines: dict[str, int], top: dict[str, int]) -> Problem:
    loc = [str(part) for part in error["loc"]]
    node = loc[1] if loc[:1] == ["nodes"] and len(loc) > 1 else ""
    # a node's location is ('nodes', name, kind, field, …); the kind says nothing to its author
    field = ".".join(loc[3:] if node else loc)
    what = _WORDS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    what = f"{field}: {what}" if field else what
    line = lines.get(node) if node else top.get(loc[0]) if loc else None
    return Problem(file, node, what, _FIXES.get(error["type"], "correct it"), line)


def load_flow(path: Path) -> Flow:
    """Read one flow file without checking where its paths lead.

    Raises:
        FlowMissing: there is no such file.
        FlowInvalid: it does not fit the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FlowMissing(
            f"there is no flow file {path}", fix="name an existing flow on the line or write the file"
        ) from None
    except UnicodeDecodeError:
        raise FlowInvalid([Problem(path.name, "", "not UTF-8", "save it as UTF-8")]) from None
    except OSError as problem:
        what = f"cannot be read: {problem.strerror}"
        raise FlowInvalid([Problem(path.name, "", what, "make it a file that we may read")]) from None
    return parse_flow(text, path.name)


@dataclass(slots=True)
class _Kept:
    seen: tuple[int, int, int]
    flow: Flow | None


class FlowStore:
    """The flows of a folder. ``get`` is asked once a call; it reads the file only when it changed."""

    def __init__(
        self,
        folder: Path,
        *,
        queues: Collection[str] | None = None,
        surroundings: Surroundings | None = None,
        check: Callable[..., FlowReport] = check_flow,
    ) -> None:
        self.folder = folder
        self._queues = queues
        self._surroundings = surroundings
        self._check = check
        self._kept: dict[str, _Kept] = {}

    def get(self, flow_id: str) -> Flow:
        """The newest good version of a flow.

        A changed file that is broken or gone is reported once in the log, and the
        last good version goes on serving.

        Raises:
            FlowMissing, FlowInvalid: only when there never was a good version.
        """
        path = self.folder / f"{flow_id}.yaml"
        kept = self._kept.get(flow_id)
        seen = _look(path)
        if kept and kept.flow and kept.seen == seen:
            return kept.flow
        last_good = kept.flow if kept else None
        try:
            flow = self._read(path)
        except (FlowInvalid, FlowMissing) as problem:
            if last_good is None:
                raise
            self._kept[flow_id] = _Kept(seen, last_good)
            log.error("flow_refused", flow=flow_id, why=str(problem), serving=last_good.version)
            return last_good
        self._kept[flow_id] = _Kept(seen, flow)
        if last_good and last_good.version != flow.version:
            log.info("flow_changed", flow=flow_id, version=flow.version)
        return flow

    def names(self) -> list[str]:
        """Ids of all flow files in the folder."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))

    def _read(self, path: Path) -> Flow:
        flow = load_flow(path)
        around = self._surroundings or Surroundings(limits=Limits(most_silent_ms=None))
        around = replace(around, flows=self._others(flow))
        report = self._check(flow, file=path.name, queues=self._queues, surroundings=around)
        if not report.ok:
            raise FlowInvalid(report.problems)
        return flow

    def _others(self, flow: Flow) -> dict[str, Flow]:
        """The flows that this one goes on in: those that serve, else as their files are."""
        found: dict[str, Flow] = {}
        todo = [flow]
        while todo:
            for other in other_flows(todo.pop()):
                kept = self._kept.get(other)
                path = self.folder / f"{other}.yaml"
                if other not in found and other != flow.flow and path.is_file():
                    found[other] = kept.flow if kept and kept.flow else load_flow(path)
                    todo.append(found[other])
        return found


def other_flows(flow: Flow) -> set[str]:
    """Ids of the flows that a flow goes on in."""
    gotos = (node.goto for node in flow.nodes.values() if isinstance(node, Goto))
    return {target.flow for target in gotos if isinstance(target, FlowRef)}


def _look(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
