"""The table of states as a picture: the ways from state to state, and below them every pair. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import escape

from ticketing_bridge.desk.casework.wording import case_words
from ticketing_bridge.tickets.states import BACK, ENDINGS, TABLE, Act, State, follows, ways_back

#: column and row of each state in the drawing
PLACES: Final = {
    State.RECEIVED: (0, 1),
    State.DISPATCHED: (1, 1),
    State.HANDLING: (2, 1),
    State.REPLIED: (3, 1),
    State.FOLLOW_UP: (4, 1),
    State.CLOSED: (5, 1),
    State.RATED: (6, 1),
    State.OBJECTED: (1.5, 0),
    State.SUSPENDED: (2.5, 0),
    State.CONSULTING: (4, 0),
    State.REVIEWING: (5.3, 0),
    State.ANSWERED: (0, 2),
    State.MERGED: (1, 2),
    State.UNREASONABLE: (2, 2),
    State.WITHDRAWN: (3, 2),
    State.VOID: (4, 2),
}
#: states that many others lead to: said below them, by which act, instead of a knot of arrows
_SAID_BELOW: Final = {
    State.WITHDRAWN: Act.WITHDRAW,
    State.VOID: Act.VOID,
    State.MERGED: Act.MERGE,
    State.CONSULTING: Act.CONSULT,
    State.REVIEWING: Act.ASK_REVIEW,
    State.UNREASONABLE: Act.FIND_UNREASONABLE,
}
_NOT_DRAWN: Final = frozenset({*_SAID_BELOW.values(), Act.TAKE_BACK, Act.VERDICT, Act.FIND_REASONABLE})
_STEP_X, _STEP_Y, _LEFT, _TOP, _WIDE, _HIGH = 180, 150, 75, 45, 100, 40
_ROW, _HEAD_X, _COLUMN, _HEAD_Y = 20, 150, 62, 34
STYLE: Final = """
svg { font-family: "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", sans-serif; background: #fff; }
.state { fill: #e7effb; stroke: #1b5fc1; } .ending { fill: #edf0f5; stroke: #5b6778; }
text { fill: #18212f; font-size: 13px; text-anchor: middle; }
.way { fill: none; stroke: #5b6778; stroke-width: 1.3; marker-end: url(#tip); }
.label { font-size: 11px; fill: #5b6778; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
.start { text-anchor: start; } .small { font-size: 11px; }
.grid { stroke: #e8ecf2; } .stay { fill: #9aa7ba; } .move { fill: #14794a; font-size: 10px; }
"""


def draw_states() -> str:
    """An SVG of the whole table, by itself."""
    height = _TOP + 3 * _STEP_Y + 20
    acts = [act for act in Act if act is not Act.CREATE]
    whole = height + _HEAD_Y + len(acts) * _ROW + 40
    width = max(7 * _STEP_X, _HEAD_X + len(State) * _COLUMN + 20)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {whole}" role="img">',
        f"<title>工单状态</title><style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#5b6778"/></marker></defs>',
        *_ways(),
        *(_box(state) for state in State),
        *_matrix(acts, height),
        "</svg>",
    ]
    return "\n".join(parts)


def _centre(state: State) -> tuple[float, float]:
    x, y = PLACES[state]
    return _LEFT + x * _STEP_X, _TOP + y * _STEP_Y


def _box(state: State) -> str:
    x, y = _centre(state)
    kind = "ending" if state in ENDINGS else "state"
    more = ""
    if state in _SAID_BELOW:
        act = _SAID_BELOW[state]
        origins = [it for it in State if follows(it, act)]
        said = "、".join(case_words().states[it].text for it in origins)
        more = "".join(
            f'<text class="label" x="{x}" y="{y + _HIGH / 2 + 16 + 14 * line}">{escape(text)}</text>'
            for line, text in enumerate(_lines(f"由{said}", 15))
        )
    return (
        f'<rect class="{kind}" x="{x - _WIDE / 2}" y="{y - _HIGH / 2}" width="{_WIDE}" '
        f'height="{_HIGH}" rx="9"/>'
        f'<text x="{x}" y="{y + 5}">{escape(case_words().states[state].text)}</text>{more}'
    )


def _lines(text: str, length: int) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


def _ways() -> Iterable[str]:
    ways: dict[tuple[State, State], list[Act]] = {}
    for (origin, act), to in TABLE.items():
        if act in _NOT_DRAWN or to is origin:
            continue
        for target in ways_back(origin) if to == BACK else [State(to)]:
            if target is not origin:
                ways.setdefault((origin, target), []).append(act)
    for (origin, target), acts in ways.items():
        yield _way(origin, target, [case_words().acts[it] for it in acts], (target, origin) in ways)


def _way(origin: State, target: State, words: list[str], both: bool) -> str:
    x1, y1 = _centre(origin)
    x2, y2 = _centre(target)
    right = 1 if x2 >= x1 else -1
    if y1 == y2:
        far = abs(x2 - x1) > _STEP_X * 1.2
        bend = right * ((52.0 if far else 24.0) if both or far else 0.0)
        start, end = (x1 + right * _WIDE / 2, y1), (x2 - right * _WIDE / 2, y2)
        middle = ((x1 + x2) / 2, y1 - bend)
    else:
        down = 1 if y2 > y1 else -1
        shift = 14 * right if both else 0
        start, end = (x1 + shift, y1 + down * _HIGH / 2), (x2 + shift, y2 - down * _HIGH / 2)
        middle = ((start[0] + end[0]) / 2 + 16 * down, (start[1] + end[1]) / 2 - 16 * down)
    # two ways that meet above have their words at the same height: those from the right stand lower
    lower = 17 if right < 0 and y2 < y1 else 0
    labels = "".join(
        f'<text class="label" x="{middle[0]}" '
        f'y="{middle[1] + lower - 4 + 13 * line - 6.5 * (len(words) - 1)}">'
        f"{escape(text)}</text>"
        for line, text in enumerate(words)
    )
    curve = f"M{start[0]} {start[1]} Q{middle[0]} {2 * middle[1] - (y1 + y2) / 2} {end[0]} {end[1]}"
    return f'<path class="way" d="{curve}"/>{labels}'


def _matrix(acts: Sequence[Act], top: float) -> Iterable[str]:
    words = case_words()
    yield f'<text class="start" x="12" y="{top + 4}">每个状态下能做什么（空白处拒绝并说明理由）</text>'
    for column, state in enumerate(State):
        x = _HEAD_X + column * _COLUMN + _COLUMN / 2
        yield f'<text class="small" x="{x}" y="{top + _HEAD_Y - 6}">{escape(words.states[state].text)}</text>'
    for row, act in enumerate(acts):
        y = top + _HEAD_Y + row * _ROW
        yield f'<line class="grid" x1="12" x2="{_HEAD_X + len(State) * _COLUMN}" y1="{y}" y2="{y}"/>'
        yield f'<text class="start small" x="12" y="{y + 14}">{escape(words.acts[act])}</text>'
        for column, state in enumerate(State):
            x = _HEAD_X + column * _COLUMN + _COLUMN / 2
            to = follows(state, act)
            if to is state:
                yield f'<circle class="stay" cx="{x}" cy="{y + 10}" r="3"/>'
            elif to is not None:
                text = "原状态" if to == BACK else words.states[State(to)].text
                yield f'<text class="move" x="{x}" y="{y + 14}">→{escape(text)}</text>'
