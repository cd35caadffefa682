"""Reading a scenario file, and settling what it leaves open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from config.hotline import Hotline
from facts.errors import HotlineError
from telephony.simulation.scenario import ANY_NUMBER, PlannedCall, ScenarioCall

#: seconds between two calls for which the file gives no time
SPACING_S = 4.0
MOST_CALLS = 5000
#: numbers dealt out to callers without one: a mobile prefix of the region and the call's place in the list
_DEALT_PREFIX = "139970"


class ScenarioInvalid(HotlineError):
    """The scenario file is wrong."""

    error_id = "scenario-invalid"


def load_scenario(path: Path) -> list[ScenarioCall]:
    """Read a scenario file (YAML or JSON).

    Raises:
        ScenarioInvalid: every problem on its own line: file, entry, line, field, what to do.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioInvalid(f"{path} is missing", fix="give --scenario a file that exists") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ScenarioInvalid(f"{path} cannot be read: {problem}", fix="save it as UTF-8 text") from None
    return parse_scenario(text, str(path))


def parse_scenario(text: str, name: str = "scenario") -> list[ScenarioCall]:
    """Read a scenario from text; ``name`` stands for the file in messages."""
    entries, lines = _entries(text, name)
    calls: list[ScenarioCall] = []
    problems: list[str] = []
    for number, (entry, line) in enumerate(zip(entries, lines, strict=True), 1):
        where = f"{name}: entry {number}" + (f" (line {line})" if line else "")
        if isinstance(entry, str):
            entry = {"says": entry}  # noqa: PLW2901 - the short form of an entry
        if not isinstance(entry, dict):
            problems.append(
                f"{where}: an entry is a text or a mapping with `says`, not {type(entry).__name__}"
            )
            continue
        try:
            calls.append(ScenarioCall.model_validate(_without_blanks(entry)))
        except ValidationError as found:
            problems += [f"{where}: {_problem(it)}" for it in found.errors()]
    if problems:
        raise ScenarioInvalid("\n".join(problems))
    return calls


def plan(calls: Sequence[ScenarioCall], hotline: Hotline) -> list[PlannedCall]:
    """Settle numbers, lines and start times.

    Raises:
        ScenarioInvalid: when a line or an agent does not exist in the hotline's configuration.
    """
    problems: list[str] = []
    planned: list[PlannedCall] = []
    agents = {agent.id for agent in hotline.agents}
    for index, call in enumerate(calls, 1):
        place = _place(call.line, hotline)
        if place is None:
            known = ", ".join(f"{line.id} ({'/'.join(line.numbers)})" for line in hotline.lines)
            problems.append(f"entry {index}: line: there is no line {call.line!r}; choose one of {known}")
            continue
        problems += [
            f"entry {index}: agents.logged_off: there is no agent {agent!r}; known: {_listed(agents)}"
            for agent in call.agents.logged_off
            if agent not in agents
        ]
        number = f"{_DEALT_PREFIX}{index:05d}" if call.number == ANY_NUMBER else call.number
        at_s = (index - 1) * SPACING_S if call.at_s is None else call.at_s
        planned.append(PlannedCall(index, call, number, *place, at_s))
    if problems:
        raise ScenarioInvalid("\n".join(problems))
    return planned


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _without_blanks(entry: dict[str, Any]) -> dict[str, Any]:
    """An empty field is a field left out; an empty number is a withheld number, empty words are silence."""
    blank = (None, "", "null", "~")
    return {key: value for key, value in entry.items() if key in ("number", "says") or value not in blank}


def _place(line: str, hotline: Hotline) -> tuple[str, str] | None:
    """Dialled number and line id for a line's id or number."""
    for known in hotline.lines:
        if line == known.id:
            return known.numbers[0], known.id
        if line in known.numbers:
            return line, known.id
    return None


def _entries(text: str, name: str) -> tuple[list[Any], list[int]]:
    """The list's entries, and the line on which each begins (0: unknown)."""
    try:
        if text.lstrip().startswith(("[", "{")):
            data, starts = json.loads(text, parse_int=str, parse_float=str), {}
        else:
            # BaseLoader: every scalar stays the text that was written (a number keeps its leading zero)
            data, starts = yaml.load(text, yaml.BaseLoader), _starts(text)
    except json.JSONDecodeError as problem:
        return _flow_yaml(text, name, problem)
    except yaml.YAMLError as problem:
        raise ScenarioInvalid(
            f"{name} is not YAML: {' '.join(str(problem).split())}",
            fix="check indentation and quotes near that line",
        ) from None
    return _as_list(data, starts, name)


def _flow_yaml(text: str, name: str, problem: json.JSONDecodeError) -> tuple[list[Any], list[int]]:
    """YAML may begin with a bracket too; only when it is neither, the JSON error is shown."""
    try:
        data = yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError:
        raise ScenarioInvalid(
            f"{name} is not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}",
            fix="correct that place",
        ) from None
    return _as_list(data, {}, name)


def _as_list(data: Any, starts: dict[int, int], name: str) -> tuple[list[Any], list[int]]:
    entries = data.get("calls") if isinstance(data, dict) else data
    if not isinstance(entries, list) or not entries:
        raise ScenarioInvalid(
            f"{name} has no list of calls",
            fix="write one entry a call, for example `- says: 我要反映路灯不亮`",
        )
    if len(entries) > MOST_CALLS:
        raise ScenarioInvalid(
            f"{name} has {len(entries)} calls", fix=f"{MOST_CALLS} are the most in one file"
        )
    return entries, [starts.get(index, 0) for index in range(len(entries))]


def _starts(text: str) -> dict[int, int]:
    root = yaml.compose(text, yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode):
        root = next((value for key, value in root.value if key.value == "calls"), None)
    if not isinstance(root, yaml.SequenceNode):
        return {}
    return {index: node.start_mark.line + 1 for index, node in enumerate(root.value)}


_FIXES = {
    "missing": "add it",
    "extra_forbidden": "there is no such field; take it out or correct its name",
    "enum": "write one of the names listed",
    "string_type": "write a text",
    "float_parsing": "write a number of seconds",
    "int_parsing": "write a whole number",
    "bool_parsing": "write true or false",
    "string_too_short": "write at least one character",
}
_FIELD_FIXES = {
    "number": "digits only (3 to 20, + in front allowed), or null for a withheld number",
    "digits": "keys are 0-9 * # A-D",
    "when": "one of dial, notice, greeting, queue, answer, talk, survey, never",
}


def _problem(found: Any) -> str:
    steps = [
        step
        for step in found["loc"]
        if not (isinstance(step, str) and step.startswith(("function-", "constrained-")))
    ]
    path = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    fix = _FIELD_FIXES.get(str(steps[-1]) if steps else "") or _FIXES.get(found["type"], "")
    if found["type"] == "missing":
        fix = "add it"
    told = found["msg"].removeprefix("Value error, ")
    shown = f" (found {str(found['input'])[:60]!r})" if isinstance(found["input"], str) else ""
    return f"{path or 'entry'}: {told}{shown}" + (f" — {fix}" if fix else "")
