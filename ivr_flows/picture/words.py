"""What the picture says of nodes and ways, in the words of those who run the hotline."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from ivr_flows.graph import Edge, question_of
from ivr_flows.nodes import (
    Answer,
    Ask,
    CallbackOffer,
    FlowRef,
    Goto,
    Hours,
    Menu,
    Part,
    Queue,
    Set,
    Survey,
    Transfer,
)

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "Say": "播放",
        "Menu": "请按键",
        "Collect": "请输入",
        "Ask": "请回答",
        "Record": "留言",
        "Queue": "进入队列，等话务员",
        "Transfer": "转接",
        "CallbackOffer": "预约回电",
        "Lookup": "查询进度",
        "Survey": "满意度",
        "Hours": "看时间",
        "Set": "设置",
        "Answer": "记下",
        "Goto": "转到",
        "HangUp": "挂机",
    }
)
#: what a way out of a node means, where the kind of node alone does not say it
_WAYS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("Say", "empty"): "没有这句话时",
        ("Menu", "otherwise"): "不按或按错",
        ("Collect", "digits"): "输入完",
        ("Collect", "otherwise"): "没有输入",
        ("Ask", "said"): "说完",
        ("Ask", "otherwise"): "不答或听不清",
        ("Record", "recorded"): "留完言",
        ("Record", "otherwise"): "没有留言",
        ("CallbackOffer", "withheld"): "没有来电号码",
        ("CallbackOffer", "refused"): "不能回电",
        ("CallbackOffer", "otherwise"): "不按或按错",
        ("Lookup", "found"): "查到",
        ("Lookup", "unknown"): "查不到，或是保密件",
        ("Lookup", "locked"): "次数太多",
        ("Lookup", "unavailable"): "查不了",
        ("Survey", "scored"): "打了分",
        ("Survey", "otherwise"): "不打分",
        ("Hours", "open"): "上班时间",
        ("Hours", "closed"): "非上班时间",
        ("Transfer", "otherwise"): "接不通",
    }
)
#: what the colours of boxes mean, by how a box looks
LEGEND: Mapping[str, str] = MappingProxyType(
    {"person": "话务员接听", "away": "转接外线", "kept": "留言或预约回电", "end": "通话结束"}
)
LEGEND_OF_TRAFFIC = "线越粗，走的人越多；虚线：没有人走过"
#: after the emergency service's name
AGENT_TOO = "，话务员同时接入"
#: keys while waiting, above them
WHILE_WAITING = "等候时："
_PRIORITIES = {"urgent": "排在最前", "raised": "排在前面"}
#: templates as people read them
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "{line.greeting}": "（本线路的问候语）",
        "{hour.notice}": "（班长发布的通知，如停水停电）",
        "{lookup.text}": "（工单进度）",
        "{follow_up.matter}": "（工单事项）",
        "{heard}": "（听到的话）",
        "{caller.number}": "（来电号码）",
        "{outlook.waiting}": "（等候人数）",
        "{outlook.minutes}": "（预计分钟）",
    }
)

_COLLECTED = re.compile(r"\{collected\.[^}]*\}")


def kind_of(node: Part) -> str:
    """The kind of a node in Chinese."""
    return KINDS[type(node).__name__]


def said_by(node: Part, names: Mapping[str, str]) -> str:
    """What a box shows: the words that are heard, or what the node does. ``names``: queues, hours, flows…"""
    shown = _done_by(node, names)
    if shown is None:
        shown = " ".join(question_of(node))
        for name, words in _NAMES.items():
            shown = shown.replace(name, words)
        shown = _COLLECTED.sub("（刚才的回答）", shown)
    return shown


def _done_by(node: Part, names: Mapping[str, str]) -> str | None:
    """What a node does that says nothing; None for one that speaks."""
    match node:
        case Queue():
            place = {"{queue.id}": "原来的队列", "{line.queue}": "本线路的队列"}.get(node.queue, "")
            urgency = _PRIORITIES.get(str(node.priority), "")
            return "，".join(filter(None, (place or names.get(node.queue, node.queue), urgency)))
        case Transfer() | Hours():
            place = node.transfer if isinstance(node, Transfer) else node.hours
            too = AGENT_TOO if isinstance(node, Transfer) and node.agent_too else ""
            return names.get(place, place) + too
        case Set():
            return "，".join(f"{name}={value}" for name, value in node.set.items())
        case Answer():
            return f"{node.answer}：{node.value}"
        case Goto():
            place = node.goto.flow if isinstance(node.goto, FlowRef) else node.goto
            return names.get(place, place)
    return None


def way_of(node: Part, edge: Edge) -> str:
    """What the caller does, or what happens, on this way."""
    kind = type(node).__name__
    known = _WAYS.get((kind, edge.how))
    if known is not None:
        return known
    match node:
        case Menu() | CallbackOffer() if edge.how:
            choice = node.keys.get(edge.how)
            value = getattr(choice, "value", "") or ("要回电" if isinstance(node, CallbackOffer) else "")
            return f"按 {edge.how} {value if choice is None or hasattr(choice, 'value') else ''}".rstrip()
        case Ask() if edge.how in node.choices:
            key = node.choices[edge.how].key
            return f"说“{edge.how}”" + (f"或按 {key}" if key else "")
        case Survey():
            return "按键打分"
    return edge.how
