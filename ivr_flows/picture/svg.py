"""The drawing as SVG: light and dark, with the callers' numbers when they are known."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import sqrt

from ivr_flows.nodes import CallbackOffer, HangUp, Queue, Record, Transfer
from ivr_flows.picture.layout import BOX_WIDTH, GAP, HEAD, LINE, PADDING, Box, Picture, Way, arrange
from ivr_flows.picture.names import Names
from ivr_flows.picture.traffic import NodeTraffic, Traffic, into
from ivr_flows.picture.words import LEGEND, LEGEND_OF_TRAFFIC
from ivr_flows.schema import Flow

#: widest line of traffic, height of the legend, narrowest drawing (the legend fits), in pixels
_WIDEST, _LEGEND, _LEAST_WIDTH = 7.0, 34, 760
#: longest label, in characters
_LABEL = 13
#: how the drawing looks; a page that shows it without ``style`` brings this
STYLE = """
.flow { font: 14px "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif; }
.flow { --ink: #1d2733; --soft: #5c6b7a; --line: #9aa8b6; --paper: #ffffff; --box: #f3f6f9; --edge: #c3ced9; }
.flow { --person: #e3f4e8; --person-edge: #3c9a5f; --away: #fdeceb; --away-edge: #c9483d; }
.flow { --kept: #fff5dd; --kept-edge: #c08a1e; --end: #e9ebee; --end-edge: #8a95a1; --way: #17507e; }
@media (prefers-color-scheme: dark) {
  .flow { --ink: #e8edf2; --soft: #a3b1bf; --line: #5f6f7f; --paper: #12181f; }
  .flow { --box: #1d2732; --edge: #3a4957; }
  .flow { --person: #16352250; --person-edge: #4fb277; --away: #43201e; --away-edge: #e0736a; }
  .flow { --kept: #3a2f14; --kept-edge: #d6a646; --end: #262d35; --end-edge: #7d8a97; --way: #86bdea; }
}
.flow .paper { fill: var(--paper); }
.flow text { fill: var(--ink); font-size: 14px; }
.flow rect.box { fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }
.flow .person rect.box { fill: var(--person); stroke: var(--person-edge); }
.flow .away rect.box { fill: var(--away); stroke: var(--away-edge); }
.flow .kept rect.box { fill: var(--kept); stroke: var(--kept-edge); }
.flow .end rect.box { fill: var(--end); stroke: var(--end-edge); }
.flow .kind { font-weight: 600; font-size: 13px; }
.flow .name, .flow .count { fill: var(--soft); font-size: 11px; }
.flow path { fill: none; stroke: var(--line); } .flow path.nobody { stroke-dasharray: 3 4; }
.flow .way { fill: var(--way); font-size: 13px; font-weight: 600; }
.flow .reference { fill: var(--soft); font-size: 13px; } .flow .title { font-size: 18px; font-weight: 700; }
"""


def draw_svg(
    flow: Flow,
    names: Names | None = None,
    traffic: Traffic | None = None,
    *,
    style: bool = True,
) -> str:
    """An SVG document of the flow; with ``traffic`` every way says how many callers went there.

    ``names`` are queues, flows and the like as people read them; see ``names_of``.
    """
    picture = arrange(flow, names or Names())
    most = traffic.most if traffic else 0
    top = 44
    width, height = max(_LEAST_WIDTH, round(picture.width)), round(picture.height + top + _LEGEND)
    title = escape(flow.title or flow.flow)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="流程图：{title}" lang="zh-CN">',
        *([f"<style>{STYLE}</style>"] if style else []),
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text class="title" x="24" y="30">{title}{_callers(traffic)}</text>',
        f'<g transform="translate(0 {top})">',
    ]
    parts += _roots(picture)
    for box in picture.boxes:
        here = (traffic.nodes.get(box.name) or NodeTraffic()) if traffic else None
        parts += _ways(box, here, most)
        parts += _box(box, here)
    parts += _legend(picture, traffic is not None)
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def _legend(picture: Picture, traffic: bool) -> Iterator[str]:
    """What colours and lines mean, of those that are there."""
    x, y = 24.0, picture.height + 4
    for look, words in LEGEND.items():
        if any(_look(box) == look for box in picture.boxes):
            place = f'x="{x:.0f}" y="{y:.0f}"'
            yield f'<g class="{look}"><rect class="box" {place} width="16" height="16" rx="4"/>'
            yield f'<text class="reference" x="{x + 22:.0f}" y="{y + 13:.0f}">{words}</text></g>'
            x += 44 + 13 * len(words)
    if traffic:
        yield f'<text class="reference" x="{x:.0f}" y="{y + 13:.0f}">{LEGEND_OF_TRAFFIC}</text>'


def _callers(traffic: Traffic | None) -> str:
    return f" · {traffic.calls} 个电话" if traffic else ""


def _roots(picture: Picture) -> Iterator[str]:
    """Arrows from what brings callers here."""
    for number, (label, box) in enumerate(picture.roots):
        y = box.y + 16 + 22 * sum(other is box for _, other in picture.roots[:number])
        yield f'<text class="way" x="24" y="{y + 5:.0f}">{label}</text>'
        yield f'<path d="M {24 + 14 * len(label)} {y:.0f} H {box.x - 4:.0f}" stroke-width="1.5"/>'
        yield _head(box.x, y)


def _box(box: Box, here: NodeTraffic | None) -> Iterator[str]:
    yield f'<g class="{_look(box)}"><title>{escape(f"{box.name}：{box.text}")}</title>'
    yield (
        f'<rect class="box" x="{box.x:.0f}" y="{box.y:.0f}" width="{BOX_WIDTH}" '
        f'height="{box.height:.0f}" rx="8"/>'
    )
    yield f'<text class="kind" x="{box.x + PADDING:.0f}" y="{box.y + 18:.0f}">{box.number} {box.kind}</text>'
    aside = f"{here.visits} 次" if here is not None else box.name
    yield (
        f'<text class="name" text-anchor="end" x="{box.x + BOX_WIDTH - PADDING:.0f}" '
        f'y="{box.y + 18:.0f}">{escape(aside)}</text>'
    )
    for number, line in enumerate([*box.lines, *(key.label for key in box.keys)]):
        yield f'<text x="{box.x + PADDING:.0f}" y="{_line(box, number):.0f}">{escape(line)}</text>'
    for number, key in enumerate(box.keys, start=len(box.lines)):
        if here is not None and key.flow:
            yield (
                f'<text class="count" text-anchor="end" x="{box.x + BOX_WIDTH - PADDING:.0f}" '
                f'y="{_line(box, number):.0f}">{here.next.get(into(key.flow), 0)} 次</text>'
            )
    yield "</g>"


def _line(box: Box, number: int) -> float:
    """Where a line of a box stands."""
    return box.y + HEAD + LINE * number + 13


def _look(box: Box) -> str:
    match box.node:
        case Queue():
            return "person"
        case Transfer():
            return "away"
        case CallbackOffer() | Record():
            return "kept"
        case HangUp():
            return "end"
    return "node"


def _ways(box: Box, here: NodeTraffic | None, most: int) -> Iterator[str]:
    """The lines to the right: from the box's edge along a stem, to what is written there."""
    start, stem = box.x + BOX_WIDTH, box.x + BOX_WIDTH + 18
    for way in box.ways:
        y = way.y + 16
        count = _count(way, here)
        thick = 1.5 if count is None else 1.0 + (_WIDEST - 1.0) * sqrt(count / max(most, 1))
        leave = min(max(y, box.y + 16), box.y + box.height - 10)
        end = (way.box.x if way.box else start + GAP - 14) - 4
        bend = f"M {start:.0f} {leave:.0f} H {stem:.0f} V {y:.0f} H {end:.0f}"
        look = ' class="nobody"' if count == 0 else ""
        yield f'<path{look} d="{bend}" stroke-width="{thick:.1f}"/>'
        yield _head(end + 4, y)
        for number, label in enumerate(_labels(way, count)):
            # the first stands above the line, the others below it
            below = y - 4 - thick / 2 if number == 0 else y + 16 * number
            yield f'<text class="way" x="{stem + 8:.0f}" y="{below:.0f}">{escape(_short(label))}</text>'
        if way.box is None:
            yield f'<text class="reference" x="{end + 8:.0f}" y="{y + 5:.0f}">{escape(way.reference)}</text>'


def _short(label: str) -> str:
    """A label that ends before the next box."""
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"


def _labels(way: Way, count: int | None) -> list[str]:
    return way.labels if count is None else [*way.labels, f"{count} 次"]


def _count(way: Way, here: NodeTraffic | None) -> int | None:
    return here.next.get(way.target, 0) if here is not None and way.target else None


def _head(x: float, y: float) -> str:
    """The point of an arrow that ends at ``x``."""
    points = f"M {x - 9:.0f} {y - 4:.0f} L {x - 2:.0f} {y:.0f} L {x - 9:.0f} {y + 4:.0f}"
    return f'<path d="{points}" stroke-width="1.5"/>'
