"""``hotline flows draw``: what happens on which key, as a picture."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from config.hotline import load_hotline
from config.settings import load_settings
from ivr_flows import FlowStore, load_flow
from ivr_flows.draw import draw_mermaid, draw_text
from ivr_flows.picture import draw_svg, names_of
from ivr_flows.schema import Flow
from ticketing_bridge.cli.output import console


class DrawingForm(StrEnum):
    """How a flow is drawn."""

    SVG = "svg"
    MERMAID = "mermaid"
    TEXT = "text"


def flow_path(name: str) -> Path:
    """A flow by its id or by its file."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    return load_settings().flow_folder / f"{name}.yaml"


def draw(
    names: Annotated[list[str] | None, typer.Argument(help="Flow ids or files; default: all.")] = None,
    form: Annotated[DrawingForm, typer.Option("--form", help="svg, mermaid or text.")] = DrawingForm.SVG,
    out: Annotated[Path, typer.Option(help="Folder for the drawings; - prints them.")] = Path(),
) -> None:
    """Draw flows, one picture each: what is said, what each key does, where it ends."""
    store = FlowStore(load_settings().flow_folder)
    flows = [load_flow(flow_path(name)) for name in names] if names else [*map(store.get, store.names())]
    for flow in flows:
        drawing = _drawn(flow, form, store)
        if str(out) == "-":
            sys.stdout.write(drawing)
            continue
        out.mkdir(parents=True, exist_ok=True)
        suffix = {DrawingForm.SVG: "svg", DrawingForm.MERMAID: "mmd", DrawingForm.TEXT: "txt"}[form]
        path = out / f"{flow.flow}.{suffix}"
        path.write_text(drawing, encoding="utf-8")
        console.print(f"✓ {path}", highlight=False, markup=False)


def _drawn(flow: Flow, form: DrawingForm, store: FlowStore) -> str:
    if form is DrawingForm.MERMAID:
        return draw_mermaid(flow)
    if form is DrawingForm.TEXT:
        return draw_text(flow)
    hotline = load_hotline(load_settings().hotline_config)
    return draw_svg(flow, names_of(hotline, map(store.get, store.names()), flow))
