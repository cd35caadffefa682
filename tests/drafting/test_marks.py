"""Danger to life and the wish for secrecy, in talks of many callers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drafting.conftest import Drafter, call_of
from ticketing_bridge.drafting.fit_signals import fit_signal, talks
from ticketing_bridge.drafting.lines import call_of as read
from ticketing_bridge.drafting.marks import is_confidential, is_emergency
from ticketing_bridge.drafting.model import DraftInput, Value
from ticketing_bridge.drafting.noise import disturb
from ticketing_bridge.drafting.signals import Signal

HERE = Path(__file__).parent
FLAGS: dict[str, Callable[[DraftInput], Value[bool]]] = {
    "emergency": is_emergency,
    "confidential": is_confidential,
}


def labelled(name: str) -> list[dict[str, Any]]:
    lines = (HERE / f"talks-{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def judged(name: str, mark: str, noise: float = 0.0) -> tuple[float, float]:
    """Precision and recall of a mark."""
    right = wrong = missed = 0
    for number, row in enumerate(labelled(name), 1):
        if mark in row["gold"]:
            given = FLAGS[mark](disturb(read(row, number), noise).call).value
            right += given and row["gold"][mark]
            wrong += given and not row["gold"][mark]
            missed += not given and row["gold"][mark]
    return right / (right + wrong), right / (right + missed)


@pytest.mark.parametrize("mark", FLAGS)
@pytest.mark.parametrize("name", ["examiner", "examiner-2"])
def test_marks_of_talks_that_nothing_has_learned_from(name: str, mark: str) -> None:
    """Half of what bears no mark was written to sound as if it did."""
    precision, recall = judged(name, mark)
    assert recall >= 0.9
    assert precision >= 0.85


@pytest.mark.parametrize("mark", FLAGS)
def test_marks_of_talks_that_were_heard_badly(mark: str) -> None:
    precision, recall = judged("examiner-2", mark, noise=0.1)
    assert recall >= 0.8
    assert precision >= 0.75


@pytest.mark.parametrize("mark", FLAGS)
def test_single_sentences(mark: str) -> None:
    precision, recall = judged("sentences", mark)
    assert recall >= 0.98
    assert precision >= 0.95


def test_the_words_that_say_so_are_shown(draft: Drafter) -> None:
    given = draft(["a 您好请讲", "c 你好我在八一路菜市场门口那个房子的墙倒了底下还压着一个人", "a 您别急"])
    assert given.emergency.value
    (span,) = given.emergency.spans
    assert span.turn == 1
    assert "压着" in span.text


def test_what_comes_after_decides_as_well() -> None:
    fell = ["a 您好请讲", "c 刚才工地上架子倒了", "a 有人受伤吗"]
    assert is_emergency(call_of([*fell, "c 有两个人压在底下出不来", "a 地址在哪"])).value
    assert not is_emergency(call_of([*fell, "c 没有人没事就是把路堵了", "a 地址在哪"])).value


def test_nobody_has_spoken_yet() -> None:
    for call in (call_of([]), call_of(["a 您好请讲"]), call_of(["a 您好请讲", "c "])):
        assert not is_emergency(call).value
        assert not is_confidential(call).value


def test_a_signal_is_kept_as_it_was_fitted() -> None:
    fitted = fit_signal([*talks(labelled("sentences")[:200], "emergency", noise=False)])
    again = Signal.loads(fitted.dumps())
    call = call_of(["a 您好", "c 有人从楼上掉下来了不动了"])
    assert again.sign(call) == fitted.sign(call)
    assert again.sign(call).likely > 0.5


#: as an agent handles any call, however the caller begins
HANDLED = (
    [
        "a 您好请讲",
        "c {}",
        "a 请问具体在什么位置",
        "c 就在那儿",
        "a 您的诉求是什么",
        "c 快点处理",
        "a 好的已经记下了会尽快转办",
    ],
    ["c 喂{}", "a 您别着急我马上通知"],
    [
        "a 您好请说",
        "c 你好我想反映一个情况{}",
        "a 联系您打这个电话可以吗",
        "c 可以就这个号码",
        "a 好的马上给您登记",
    ],
)
PLAIN = (
    "天和小区三号楼着火了冒黑烟快来人",
    "瑞丰花园二号楼失火了楼上还有人",
    "康乐小区有人煤气中毒了",
    "昆仑桥有人跳河了",
    "长江路十字路口出车祸了有人受伤",
    "百合园一号楼有人要跳楼",
    "农贸市场门口有人打架拿着刀",
    "玉泉小区六号楼电梯里困了三个人",
    "建设路工地塌了埋了两个人",
    "安居小区老人晕倒了没有呼吸",
    "和谐家园九号楼有人触电了",
)
ORDINARY = (
    "天和小区三号楼消防通道堵了没有人管",
    "瑞丰花园二号楼的电梯坏了没有人修",
    "长江路的垃圾没有人清",
    "翠湖名苑五号楼屋顶漏水一直没有人管",
    "宏远物业拖欠我们的工资",
    "昆仑中路有流动摊贩占道经营",
)


@pytest.mark.parametrize("turns", HANDLED, ids=("all asked", "at once", "politely"))
def test_plain_words_are_heard_however_the_call_is_handled(turns: list[str]) -> None:
    def marked(said: tuple[str, ...]) -> list[str]:
        return [it for it in said if is_emergency(call_of([turn.format(it) for turn in turns])).value]

    assert marked(PLAIN) == [*PLAIN]
    assert marked(ORDINARY) == []
