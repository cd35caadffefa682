"""Citizens who go every way through the shipped flows, and what the ledger must say of each."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from config.hotline import DEFAULTS

AGENTS = 24
#: telephones of citizens who are known by their number
TICKET_PHONE, ASKED_PHONE = "13997110001", "13997110003"
TICKETS = f"""工单编号,标题,状态,承办单位,联系电话,是否保密,更新时间,办结时间
GEM-2026-0001,八一路路灯不亮,办理中,市住建局,{TICKET_PHONE},否,2026-01-05 10:00,
GEM-2026-0002,举报某厂夜间排污,办理中,市生态环境局,13997115678,是,2026-01-05 10:00,
GEM-2026-0003,河西小区停水,已办结,市供水公司,{ASKED_PHONE},否,2026-01-06 10:00,2026-01-06 10:00
GEM-2026-0004,举报偷税,已办结,市税务局,13997115679,是,2026-01-06 10:00,2026-01-06 10:00
"""


@dataclass(frozen=True, slots=True)
class Walk:
    """One call: its scenario entry, and what the ledger must show."""

    name: str
    entry: dict[str, Any]
    outcome: str
    #: ``flow.node``, in order, a key follows after ``=``; a regular expression
    path: str
    #: answers that the draft must carry
    answers: dict[str, str] = field(default_factory=dict)
    #: queues in the order in which they were entered; None: not looked at
    queues: str | None = None


def presses(*keys: tuple[float, str], when: str = "queue") -> list[dict[str, Any]]:
    """Keys so many seconds after a moment."""
    return [{"when": when, "after_s": after_s, "digits": digits} for after_s, digits in keys]


def says(*words: tuple[float, str]) -> list[dict[str, Any]]:
    """Words so many seconds after the queue was entered, to a flow that asks."""
    return [{"when": "queue", "after_s": after_s, "text": text} for after_s, text in words]


def waits(*keys: tuple[float, str], **more: Any) -> dict[str, Any]:
    """A caller who presses keys while waiting, and whom an agent answers in the end."""
    return {"says": "你好。", "keys": presses(*keys), "agents": {"answer_after_s": 7}, **more}


def leaves(after_s: float, *keys: tuple[float, str], when: str = "queue", **more: Any) -> dict[str, Any]:
    """A caller who presses keys, whom nobody answers, and who hangs up."""
    return {"says": "", "keys": presses(*keys), "hangs_up": {"when": when, "after_s": after_s}, **more}


GREETED = "main.hour main.greet main.person "
NAMED = GREETED + "progress.choose=1 progress.number=[0-9]+ progress.digits=[*]+ progress.look "
BUSY = {"how": "busy"}

WALKS = (
    # ---- progress: right, wrong, confidential, by the calling number
    Walk("progress", leaves(36, (2, "5"), (5, "1"), (8, "20260001#"), (14, "0001")), "self_service",
         NAMED + "progress.after( progress.back)?"),
    Walk("progress wrong", leaves(27, (2, "5"), (5, "1"), (8, "20269999#"), (14, "0001")), "abandoned_queue",
         NAMED + "progress.number"),
    Walk("progress confidential", leaves(27, (2, "5"), (5, "1"), (8, "20260002#"), (14, "5678")),
         "abandoned_queue",
         NAMED + "progress.number"),
    Walk("progress by number", leaves(30, (2, "5"), (5, "2"), (8, "0001"), number=TICKET_PHONE),
         "self_service",
         GREETED + "progress.choose=2 progress.mine=[*]+ progress.look_mine progress.after( progress.back)?"),
    # ---- a call-back that keeps the place; a citizen who is asked about a closed ticket
    Walk("call-back", waits((2, "9"), (6, "1"), phoned={"says": "你好。", "hangs_up_after_s": 16}),
         "callback_requested", GREETED + "callback.offer=1 callback.promised", queues="main"),
    Walk("asked", leaves(7, (2, "5"), number=ASKED_PHONE, phoned={
            "within_s": 100, "keys": [{"after_s": at_s, "digits": "1"} for at_s in (13, 19, 25)]}),
         "abandoned_queue", GREETED + "progress.choose"),
    # ---- messages
    Walk("closed", {"says": "", "line": "office", "keys": presses((5, "2"), (19, "#"), when="greeting"),
                    "messages": [{"when": "greeting", "after_s": 13,
                                  "text": "你好，八一路的路灯坏了好几天了。"}]},
         "voicemail", "office.hours office.closed closed.notice closed.offer=2 closed.message "
                      "voicemail.leave=# voicemail.thanks"),
    Walk("nobody", {**leaves(17, (3, "2"), line="empty"), "agents": {"logged_off": ["agent198"]},
                    "messages": [{"when": "queue", "after_s": 10,
                                  "text": "你好，昆仑路的井盖坏了好几天了。"}]},
         "voicemail", GREETED + "no_agent.offer=2 no_agent.message voicemail.leave", queues="empty"),
    # ---- dedicated lines, by number and by key
    Walk("environment", {**waits(line="environment"),
                         "keys": presses((1.2, "2"), (4, "1"), (7.5, "1"), when="greeting")},
         "answered", "environment.hour environment.greet(=2)? environment.first=2 environment.happening=1 "
                     "environment.secrecy_now=1 environment.first_person",
         {"污染种类": "水污染", "正在发生": "正在发生", "保密要求": "要求保密"}, "environment"),
    Walk("environment by key", waits((2, "2"), (5, "3"), (8.5, "2"), (12, "2")), "answered",
         GREETED + "environment.kind=3 environment.happening=2 environment.secrecy=2 environment.person",
         {"污染种类": "噪声", "正在发生": "已经停止", "保密要求": "匿名"}, "main environment"),
    Walk("safety", {**leaves(14, line="safety"), "keys": presses((1.2, "1"), when="greeting")},
         "transferred_emergency", "safety.hour safety.greet(=1)? safety.first=1 safety.fire_soon safety.fire",
         {"险情": "有人遇险"}),
    Walk("safety with both", {**waits(line="safety"), "keys": presses((1.2, "1"), when="greeting"),
                              "agents": {"answer_after_s": 4}}, "answered",
         "safety.hour safety.greet(=1)? safety.first=1 safety.fire_soon safety.fire",
         {"险情": "有人遇险"}, ""),
    Walk("safety by key", waits((2, "3"), (5, "2"), emergency="busy"), "answered",
         GREETED + "safety.danger=2 safety.medical_soon safety.medical", {"险情": "有人受伤"}, "main"),
    Walk("business", waits(line="business"), "answered",
         "business.hour business.greet business.first business.person", {}, "business"),
    Walk("business by key", waits((2, "1")), "answered", GREETED + "business.enterprise business.person",
         {}, "main business"),
    Walk("stuck", waits(line="stuck"), "answered", "stuck.hour stuck.greet stuck.first stuck.person",
         {}, "stuck"),
    Walk("stuck by key", waits((2, "4")), "answered", GREETED + "stuck.department stuck.person",
         {}, "main stuck"),
    # ---- answers in words, heard by the recogniser on the call
    Walk("business by voice", waits((2, "1"), messages=says((6.0, "宏远物业公司"))), "answered",
         GREETED + "business.enterprise business.secrecy business.person", {"企业名称": "宏远物业公司"},
         "main business"),
    Walk("stuck by voice", waits((2, "4"), messages=says((7.5, "住房和城乡建设局"), (15.0, "去年三月份"))),
         "answered", GREETED + "stuck.department stuck.since stuck.secrecy stuck.person",
         {"部门": "住房和城乡建设局", "开始时间": "去年三月份"}, "main stuck"),
    # ---- wrong keys, silence
    Walk("wrong keys", waits((1.5, "7"), (2.2, "8"), (2.9, "0"), line="single"), "answered", GREETED, {},
         "single"),
    Walk("after wrong keys", {"says": "你好。", "line": "single"}, "answered", GREETED, {}, "single"),
    Walk("wrong in a menu", waits((2, "5"), (5, "7"), (10, "8"), (16, "0")), "answered",
         GREETED + "progress.choose=78 progress.back", {}, "main main"),
    Walk("silent", waits((2, "5")), "answered", GREETED + "progress.choose progress.back", {}, "main main"),
    # ---- the survey
    Walk("survey", {"says": "你好。", "keys": presses((2.5, "4"), when="survey"),
                    "hangs_up": {"when": "survey", "after_s": 9}}, "answered",
         GREETED + "survey.rate=4 survey.thanks"),
    # ---- hung up in each kind of node
    Walk("hung up in notice", leaves(1.0, when="notice"), "abandoned_ivr", ""),
    Walk("hung up in say", leaves(0.7, when="greeting"), "abandoned_ivr", "main.hour main.greet"),
    Walk("hung up in queue", leaves(3.0), "abandoned_queue", GREETED, {}, "main"),
    Walk("hung up in menu", leaves(6, (2, "5")), "abandoned_queue", GREETED + "progress.choose"),
    Walk("hung up in collect", leaves(10, (2, "5"), (5, "1")), "abandoned_queue",
         GREETED + "progress.choose=1 progress.number"),
    Walk("hung up in ask", leaves(4.5, (2, "2")), "abandoned_queue", GREETED + "environment.kind"),
    Walk("hung up in call-back offer", leaves(5, (2, "9")), "abandoned_queue", GREETED + "callback.offer"),
    Walk("hung up in goodbye", leaves(8.5, (2, "9"), (6, "1"), phoned=BUSY), "callback_requested",
         GREETED + "callback.offer=1 callback.promised"),
    Walk("hung up in lookup", leaves(19, (2, "5"), (5, "1"), (8, "20260001#"), (14, "0001")),
         "abandoned_queue", NAMED.strip()),
    Walk("hung up in record", {**leaves(5, (3, "2"), line="empty"), "agents": {"logged_off": ["agent198"]}},
         "join_empty", GREETED + "no_agent.offer=2 no_agent.message voicemail.leave"),
    Walk("hung up in transfer", {**leaves(6, line="safety", emergency="ring_out"),
                                 "keys": presses((1.2, "1"), when="greeting")},
         "abandoned_ivr", "safety.hour safety.greet(=1)? safety.first=1 safety.fire_soon safety.fire",
         {"险情": "有人遇险"}),
    Walk("hung up in survey", {"says": "你好。", "hangs_up": {"when": "survey", "after_s": 1.5}}, "answered",
         GREETED + "survey.rate"),
)  # fmt: skip


def scenario() -> list[dict[str, Any]]:
    """All of them, as the demo plays them; one begins soon after the other."""
    return [
        {**copy.deepcopy(walk.entry), "at_s": round(0.7 * number, 1), "note": walk.name}
        for number, walk in enumerate(WALKS)
    ]


def city(folder: Path) -> None:
    """The built-in hotline with more agents; a line that is closed, one with nobody, one with one agent."""
    facts = yaml.safe_load((DEFAULTS / "hotline.yaml").read_text(encoding="utf-8"))
    facts["agents"] = [
        {**facts["agents"][0], "id": f"agent{number}", "extension": str(number), "name": f"{number}号"}
        for number in range(101, 101 + AGENTS)
    ]
    for name, number in (("empty", 198), ("single", 199)):
        facts["agents"].append(
            {"id": f"agent{number}", "extension": str(number), "name": name, "queues": [name]}
        )
        facts["queues"].append({"id": name, "name": name, "join_empty": name != "empty", "retry_s": 1})
    for number, (name, queue, flow) in enumerate(
        (("office", "main", "office"), ("empty", "empty", "main"), ("single", "single", "main"))
    ):
        facts["lines"].append({
            "id": name, "name": name, "numbers": [f"841231{number}"], "queue": queue, "flow": flow,
            "greeting": "您好。"})  # fmt: skip
    today = date.today()
    facts["calendar"] = [
        {"day": today - timedelta(days=1), "until": today + timedelta(days=1), "name": "休息"}
    ]
    # the time of day at which the tests run must not matter
    facts["follow_up"] |= {"robot_from": "00:00", "robot_to": "24:00"}
    facts["callback"] |= {"quiet_from": "00:00", "quiet_to": "00:00"}
    folder.mkdir()
    (folder / "hotline.yaml").write_text(yaml.safe_dump(facts, allow_unicode=True), encoding="utf-8")
