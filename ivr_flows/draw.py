"""Draws a flow as Mermaid text, or as plain lines for a terminal."""

from __future__ import annotations

from ivr_flows.graph import END, targets_of, texts_of
from ivr_flows.nodes import HangUp, Part, Queue
from ivr_flows.schema import Flow


def _label(name: str, node: Part) -> str:
    said = node.queue if isinstance(node, Queue) else "".join(texts_of(node))
    short = said if len(said) <= 24 else said[:23] + "…"
    return f"{name}: {short}" if short else name


def draw_mermaid(flow: Flow) -> str:
    """A ``flowchart`` that any Mermaid renderer shows."""
    lines = ["flowchart TD", f"  begin(( )) --> {flow.start}"]
    ends_at_line = False
    for name, node in flow.nodes.items():
        label = _label(name, node).replace('"', "'")
        shape = ('(["', '"])') if isinstance(node, Queue | HangUp) else ('["', '"]')
        lines.append(f"  {name}{shape[0]}{label}{shape[1]}")
        for how, target in targets_of(node):
            ends_at_line |= target is None
            arrow = f'-- "{how}" -->' if how else "-->"
            lines.append(f"  {name} {arrow} {target or END}")
    if ends_at_line:
        lines.append(f'  {END}(["{END}"])')
    return "\n".join(lines) + "\n"


def draw_text(flow: Flow) -> str:
    """One line a node with its ways out."""
    lines = []
    for name, node in flow.nodes.items():
        ways = ", ".join(f"{how or 'then'} → {target or END}" for how, target in targets_of(node))
        start = "▶ " if name == flow.start else "  "
        lines.append(f"{start}{_label(name, node)}" + (f"  [{ways}]" if ways else ""))
    return "\n".join(lines) + "\n"
