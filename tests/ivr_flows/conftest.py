"""Flows and contexts for the tests of the flow room."""

from __future__ import annotations

import pytest

from ivr_flows.loader import parse_flow
from ivr_flows.schema import Flow

RICH = """
flow: rich
start: notice
nodes:
  notice: {say: 欢迎致电。, barge_in: false, next: choose}
  choose:
    menu: 环保请按一，查进度请按二，重听请按九。
    keys: {1: environment, 2: number, 9: choose}
    wrong: 没有这个选项。
    silence: 没有听到您的选择。
    otherwise: person
  environment: {set: {HOTLINE_TOPIC: "{line.id}"}, next: to_environment}
  to_environment: {queue: environment}
  number:
    collect: 请输入工单编号，按井号键结束。
    variable: ticket
    min_digits: 4
    max_digits: 6
    next: repeat
  repeat: {say: "您输入的是{collected.ticket}。", report: self_service, next: bye}
  bye: {hang_up: 再见。}
  person: {queue: "{line.queue}"}
"""

CONTEXT = {
    "city": "格尔木市",
    "hotline.name": "热线",
    "line.id": "main",
    "line.name": "主线",
    "line.greeting": "您好。",
    "line.queue": "main",
    "queue.id": "main",
}


@pytest.fixture
def rich_text() -> str:
    return RICH


@pytest.fixture
def rich() -> Flow:
    return parse_flow(RICH, "rich.yaml")


@pytest.fixture
def context() -> dict[str, str]:
    return dict(CONTEXT)
