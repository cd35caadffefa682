"""What a caller hears and presses: flow files, their validation, the interpreter, prompts, drawings.

Knows no PBX, no speech recogniser and no database: a flow speaks to ``facts.caller_session`` only.
"""

from __future__ import annotations

from ivr_flows.check import FlowReport, check_flow
from ivr_flows.interpreter import FlowEnd, FlowEnding, Step, run_flow
from ivr_flows.loader import FlowStore, load_flow
from ivr_flows.problems import FlowInvalid, Problem
from ivr_flows.schema import Flow, Purpose, flow_json_schema
from ivr_flows.surroundings import Limits, Surroundings, surroundings_of
from ivr_flows.texts import line_context, prompt_texts
from ivr_flows.walk import PromptSource

__all__ = [
    "Flow",
    "FlowEnd",
    "FlowEnding",
    "FlowInvalid",
    "FlowReport",
    "FlowStore",
    "Limits",
    "Problem",
    "PromptSource",
    "Purpose",
    "Step",
    "Surroundings",
    "check_flow",
    "flow_json_schema",
    "line_context",
    "load_flow",
    "prompt_texts",
    "run_flow",
    "surroundings_of",
]
