"""All flows of a hotline proven together: each file, and what the configuration says of flows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.hotline import Hotline
from ivr_flows.announced import announced_keys
from ivr_flows.check import FlowReport, check_flow
from ivr_flows.loader import load_flow
from ivr_flows.problems import FlowInvalid, FlowMissing, Problem
from ivr_flows.prompts import prompt_path
from ivr_flows.schema import Flow, Purpose
from ivr_flows.speech_length import estimated_speech_ms, measured_speech_ms, wav_ms
from ivr_flows.surroundings import surroundings_of, uses_of
from voice.pinyin import tokens

#: the file that names flows
HOTLINE_FILE = "hotline.yaml"


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file: its flow, when it is well formed, and what was found."""

    file: str
    flow: Flow | None
    report: FlowReport


def prove(
    hotline: Hotline,
    folder: Path,
    paths: Sequence[Path] | None = None,
    *,
    speech_ms: Callable[[str], int] = estimated_speech_ms,
    has_recording: Callable[[str], bool] | None = None,
) -> list[FileReport]:
    """Check these flow files (default: all of the folder, and the configuration's use of them).

    Args:
        folder: where the other flows are that a flow goes on in.
        speech_ms: length of a text; see ``measured_in``.
        has_recording: whether there is a studio recording of a text.
    """
    loaded = {path: _load(path) for path in sorted({*folder.glob("*.yaml"), *(paths or ())})}
    flows = {path.stem: flow for path, flow in loaded.items() if isinstance(flow, Flow)}
    around = surroundings_of(
        hotline,
        flows,
        speech_ms=speech_ms,
        can_be_said=can_be_said,
        has_recording=has_recording,
    )
    reports = []
    for path in paths or loaded:
        flow = loaded[path]
        if isinstance(flow, Flow):
            report = check_flow(flow, file=path.name, surroundings=around)
            reports.append(FileReport(path.name, flow, report))
        else:
            reports.append(FileReport(path.name, None, FlowReport(flow)))
    if paths is None:
        for path in sorted(folder.glob("*.yml")):
            unread = Problem(path.name, "", "no flow is read from it", f"name it {path.stem}.yaml")
            reports.append(FileReport(path.name, None, FlowReport((unread,))))
        found = tuple(_configuration(hotline, flows, {path.stem for path in loaded}))
        reports.append(FileReport(HOTLINE_FILE, None, FlowReport(found)))
    return reports


#: longer than what is spelt on purpose (APP, ETC, app)
_FOREIGN_WORD = re.compile(r"[a-z]{4,}|[A-Za-z]{6,}")


@cache
def can_be_said(text: str) -> bool:
    """Whether the prompt voice has a syllable for it; a Latin word would be spelt, letter by letter."""
    return bool(tokens(text)) and not _FOREIGN_WORD.search(text)


def measured_in(sounds: Path) -> Callable[[str], int]:
    """Length of a text by its rendered prompt below the PBX's sounds folder, where there is one."""
    return measured_speech_ms(lambda text: wav_ms(prompt_path(text, sounds)))


def _load(path: Path) -> Flow | tuple[Problem, ...]:
    try:
        return load_flow(path)
    except FlowInvalid as invalid:
        return invalid.problems
    except FlowMissing as missing:
        return (Problem(path.name, "", "there is no such file", missing.fix or ""),)


def _configuration(hotline: Hotline, flows: dict[str, Flow], files: set[str]) -> list[Problem]:
    """Flows that the configuration names: there, and made for how callers come in; keys as announced."""
    problems = []
    for flow_id, places in uses_of(hotline).items():
        for place, purpose in places:
            flow = flows.get(flow_id)
            if flow_id not in files:
                fix = f"name one of {', '.join(sorted(files))}" if files else f"write {flow_id}.yaml"
                problems.append(Problem(HOTLINE_FILE, place, f"there is no flow {flow_id}", fix))
            elif flow is not None and not _is_for(flow, purpose):
                what = f"flow {flow_id} is not for callers of purpose {purpose}"
                fix = f"name another flow, or give {flow_id}.yaml entries: {{{purpose}: …}}"
                problems.append(Problem(HOTLINE_FILE, place, what, fix))
    for queue in hotline.queues:
        for text in hotline.waiting_texts(queue):
            for key in sorted(announced_keys(text) - set(queue.keys)):
                what = f"says key {key} while waiting, which is not there"
                fix = f"add key {key} to keys or change {text!r}"
                problems.append(Problem(HOTLINE_FILE, f"queue {queue.id}", what, fix))
    return problems


def _is_for(flow: Flow, purpose: Purpose) -> bool:
    return purpose is flow.purpose or purpose in flow.entries
