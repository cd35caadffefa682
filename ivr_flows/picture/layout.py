"""Where everything of the picture stands: a tree from left to right, every node once.

A way to a node that stands elsewhere ends in a small reference to its number, so that no line crosses
another. Lengths are in pixels of the drawing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ivr_flows.graph import edges_of
from ivr_flows.nodes import Part, Queue
from ivr_flows.picture.names import Names, WaitingKey
from ivr_flows.picture.traffic import into
from ivr_flows.picture.words import WHILE_WAITING, kind_of, said_by, way_of
from ivr_flows.schema import Flow, Purpose

BOX_WIDTH = 236
GAP = 190
COLUMN = BOX_WIDTH + GAP
LINE = 19
HEAD = 26
PADDING = 10
ROW_GAP = 14
REFERENCE_HEIGHT, REFERENCE_CHARACTER = 26, 13.5
MARGIN = 24
#: hanzi in one line of a box, and lines of a box
CHARACTERS, MOST_LINES = 15, 5

ENTRIES: Mapping[Purpose, str] = {
    Purpose.ARRIVAL: "来电",
    Purpose.WAITING: "等候中按键",
    Purpose.AFTER: "通话之后",
    Purpose.OUTBOUND: "我们打给市民",
    Purpose.NO_AGENT: "没有话务员",
}


@dataclass(slots=True)
class Way:
    """A line to the right: what the caller does, and where it leads."""

    labels: list[str]
    #: the node, ``into`` another flow, or "" for the queue that a flow without an end leads to
    target: str
    #: the node itself when it hangs from here; else ``reference`` says where it is
    box: Box | None = None
    reference: str = ""
    y: float = 0.0


@dataclass(slots=True)
class Box:
    """One node of the flow."""

    name: str
    node: Part
    number: int
    kind: str
    lines: list[str]
    text: str
    #: below the lines: what each key does while somebody waits here
    keys: Sequence[WaitingKey] = ()
    ways: list[Way] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def height(self) -> float:
        return HEAD + LINE * (len(self.lines) + len(self.keys)) + PADDING


@dataclass(slots=True)
class Picture:
    """The whole drawing."""

    flow: Flow
    boxes: list[Box]
    #: (what brings a caller here, box)
    roots: list[tuple[str, Box]]
    width: float = 0.0
    height: float = 0.0


def wrapped(text: str, characters: int = CHARACTERS, most: int = MOST_LINES) -> list[str]:
    """Lines of a text, each within so many hanzi (Latin letters are half); what does not fit is cut off.

    >>> wrapped("请问什么污染？空气、水", 7)
    ['请问什么污染？', '空气、水']
    """
    lines: list[str] = [""]
    used = 0.0
    for character in text:
        width = 0.55 if character.isascii() else 1.0
        mark = character in "，。；：、！？”）"
        if used + width > characters and not mark:
            lines.append("")
            used = 0.0
        lines[-1] += character
        used += width
    lines = [line for line in lines if line.strip()]
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: characters - 1] + "…"]
    return lines


def arrange(flow: Flow, names: Names) -> Picture:
    """Give every node its place. ``names`` shows queues, opening hours, emergency numbers and flows."""
    starts = {flow.purpose: flow.start, **flow.entries}
    homes = _homes(flow, list(dict.fromkeys(starts.values())))
    boxes = {name: _box(name, node, names) for name, node in flow.nodes.items() if name in homes}
    for name, box in boxes.items():
        box.ways = _ways(name, box.node, boxes, homes, names.of)
    roots = [(ENTRIES[purpose], boxes[start]) for purpose, start in starts.items() if start in boxes]
    picture = Picture(flow, list(boxes.values()), roots)
    y = float(MARGIN)
    placed: set[str] = set()
    for _, root in roots:
        if root.name not in placed and homes[root.name] is None:
            y = _place(root, MARGIN + 84, y, placed) + 2 * ROW_GAP
    _number(picture, placed, boxes)
    picture.width = max(map(_right_end, picture.boxes), default=0.0) + MARGIN
    picture.height = y + MARGIN
    return picture


def _box(name: str, node: Part, names: Names) -> Box:
    """What a box says; where somebody waits, what each key does meanwhile."""
    text = said_by(node, names.of)
    keys = names.keys.get(node.queue, ()) if isinstance(node, Queue) else ()
    lines = [*wrapped(text), *([WHILE_WAITING] if keys else ())]
    return Box(name, node, 0, kind_of(node), lines, text, keys)


def _homes(flow: Flow, starts: list[str]) -> dict[str, str | None]:
    """From which node each node hangs: the first that leads there, going level by level."""
    homes: dict[str, str | None] = {start: None for start in starts if start in flow.nodes}
    todo = deque(homes)
    while todo:
        name = todo.popleft()
        for edge in edges_of(flow.nodes[name]):
            if edge.target in flow.nodes and edge.target not in homes:
                homes[edge.target] = name
                todo.append(edge.target)
    return homes


def _ways(
    name: str, node: Part, boxes: Mapping[str, Box], homes: Mapping[str, str | None], names: Mapping[str, str]
) -> list[Way]:
    """The ways out of a node; those that lead to the same place share a line."""
    ways: dict[str, Way] = {}
    for edge in edges_of(node):
        node_name = edge.target if edge.target and edge.target in boxes else ""
        target = into(edge.flow) if edge.flow else node_name
        way = ways.setdefault(target, Way([], target))
        label = way_of(node, edge)
        if label and label not in way.labels:
            way.labels.append(label)
        if edge.flow:
            way.reference = f"转到“{names.get(edge.flow, edge.flow)}”"
        elif not target:
            way.reference = "进入队列，等话务员"
        elif homes[target] == name:
            way.box = boxes[target]
    return list(ways.values())


def _right_end(box: Box) -> float:
    """Where a box and the references beside it end."""
    words = max((len(way.reference) for way in box.ways if way.box is None), default=0)
    return box.x + BOX_WIDTH + (GAP + REFERENCE_CHARACTER * words if words else 0)


def _label_height(way: Way) -> float:
    return max(REFERENCE_HEIGHT, 16.0 * len(way.labels) + 14)


def _place(box: Box, x: float, y: float, placed: set[str]) -> float:
    """Place a box and all that hangs from it, from ``y`` down; returns where that ends."""
    placed.add(box.name)
    box.x, box.y = x, y
    below = y
    for way in box.ways:
        way.y = below
        if way.box is not None:
            below = max(_place(way.box, x + COLUMN, below, placed), below + _label_height(way) + 4) + ROW_GAP
        else:
            below += _label_height(way) + ROW_GAP
    return max(y + box.height, below - ROW_GAP)


def _number(picture: Picture, placed: set[str], boxes: Mapping[str, Box]) -> None:
    """Numbers from left to right and down, as a reader goes; references speak of them."""
    for number, box in enumerate(sorted(boxes.values(), key=lambda it: (it.x, it.y)), start=1):
        box.number = number
    picture.boxes = sorted((it for it in boxes.values() if it.name in placed), key=lambda it: it.number)
    for box in picture.boxes:
        for way in box.ways:
            if way.box is None and not way.reference:
                to = boxes[way.target]
                end = f"进入队列：{to.text}" if isinstance(to.node, Queue) else f"见 {to.number} {to.kind}"
                way.reference = end
