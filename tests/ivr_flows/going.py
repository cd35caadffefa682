"""One caller through a flow that is written down in a line."""

from __future__ import annotations

from ivr_flows import Flow
from ivr_flows.loader import parse_flow
from ivr_flows.testing import HangUp, Journey, Press, ScriptedCaller, ScriptedServices, Speak, walk

Action = Press | Speak | HangUp


def flow_of(nodes: str, **fields: str) -> Flow:
    head = "".join(f"{name}: {value}, " for name, value in fields.items())
    return parse_flow(f"{{flow: f, start: a, {head}nodes: {nodes}}}", "f.yaml")


async def go(
    nodes: str,
    script: list[Action] | None = None,
    *,
    services: ScriptedServices | None = None,
    listens: bool = True,
    caller: ScriptedCaller | None = None,
    task: int | None = None,
    context: dict[str, str] | None = None,
    **fields: str,
) -> Journey:
    return await walk(
        flow_of(nodes, **fields),
        [],
        {"line.queue": "main", "line.id": "main", **(context or {})},
        services=services,
        caller=caller or ScriptedCaller(script or [], listens=listens),
        task=task,
    )
