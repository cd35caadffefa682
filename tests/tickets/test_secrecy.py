"""Who called in a secret matter: shown to nobody who must not know, and who looked is on record."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.tickets.city import (
    AGENT,
    AUDITOR,
    HOUSING,
    HOUSING_CLERK,
    LEADER,
    LIFT,
    NAME,
    NOW,
    OFFICE,
    PHONE,
    POLICE,
    POLICE_CLERK,
    REPORT,
    SECOND,
    done,
    taken,
)
from ticketing_bridge.access import AccessRefused, Person, Role
from ticketing_bridge.drafting.prose import formal
from ticketing_bridge.journeys.own_tickets import ask_about_own
from ticketing_bridge.store import Database
from ticketing_bridge.store.desk_ticket_records import TicketFilter
from ticketing_bridge.store.sealing import SealBroken
from ticketing_bridge.tickets import Act, State, TicketRefused, TicketService, TicketUnknown, Why
from ticketing_bridge.tickets.give_aways import give_aways, redacted
from ticketing_bridge.tickets.reading import ReasonMissing, TicketReader
from ticketing_bridge.tickets.sealed import Sealer
from ticketing_bridge.tickets.secrecy import ADMIT, LOWER, TicketSecrecy
from ticketing_bridge.tickets.units import UnitDirectory

READER = TicketReader(OFFICE)
SUPERIOR_CLERK = Person("emergency-1", Role.UNIT, "市应急管理局")
#: what tells who called in the report
TELLS = (NAME, PHONE, "盐湖集团", "三号楼")


def vars_of(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)


def said(*values: object) -> str:
    """Everything that these values say."""
    return json.dumps(values, ensure_ascii=False, default=vars_of)


async def test_a_named_unit_gets_a_report_only_when_two_people_say_so(
    database: Database, service: TicketService
) -> None:
    secrecy = TicketSecrecy(service)
    ticket = await taken(database, service, REPORT)
    assert ticket.confidential
    assert set(ticket.barred) >= {POLICE, "市应急管理局"}
    for given in ({"main": POLICE}, {"main": "市应急管理局"}, {"main": HOUSING, "joint": ["公安局"]}):
        with pytest.raises(TicketRefused) as refused:
            await done(database, service, ticket, (Act.DISPATCH, AGENT, given))
        assert refused.value.why is Why.NAMED_UNIT
    async with database.unit_of_work() as uow:
        asked = await secrecy.ask(uow, ticket.number, ADMIT, LEADER, "纪检已同意", [POLICE])
    async with database.unit_of_work() as uow:
        with pytest.raises(TicketRefused) as refused:
            await secrecy.decide(uow, asked, LEADER, NOW, granted=True)
        assert refused.value.why is Why.SECOND_PERSON
        with pytest.raises(AccessRefused):
            await secrecy.decide(uow, asked, AGENT, NOW, granted=True)
        ticket = await secrecy.decide(uow, asked, SECOND, NOW, granted=True)
    ticket = await done(database, service, ticket, (Act.DISPATCH, AGENT, {"main": POLICE}))
    assert ticket.units == (POLICE,)
    async with database.unit_of_work() as uow:
        with pytest.raises(TicketUnknown):
            await secrecy.decide(uow, asked, SECOND, NOW, granted=True)


async def test_units_see_the_matter_and_never_the_person(database: Database, service: TicketService) -> None:
    """Of everything that a unit's page, list, history or export can say, nothing tells who called."""
    ticket = await taken(database, service, REPORT)
    ticket = await done(
        database, service, ticket,
        (Act.NOTE, AGENT, {"note": f"{NAME}又来电{PHONE}催问"}),
        (Act.DISPATCH, AGENT, {"main": HOUSING}), (Act.SIGN, HOUSING_CLERK),
        (Act.SUPERVISE, LEADER, {"text": "我是三号楼张三丰反映的，请速办", "days": 1}),
        (Act.REPLY, HOUSING_CLERK, {"answer": "正在核查。"}),
    )  # fmt: skip
    async with database.unit_of_work() as uow:
        view = await READER.read(uow, ticket.number, HOUSING_CLERK)
        listed = await READER.find(uow, HOUSING_CLERK, TicketFilter())
        seen = said(view, listed)
        assert "民警收钱" in view.texts.content
        assert view.caller is None
        assert not view.may_reveal
        for tell in TELLS:
            assert tell not in seen, tell
        with pytest.raises(AccessRefused):
            await READER.reveal(uow, ticket.number, HOUSING_CLERK, "想打电话")
        for clerk in (POLICE_CLERK, SUPERIOR_CLERK):
            with pytest.raises(TicketUnknown):
                await READER.read(uow, ticket.number, clerk)
            assert not await READER.find(uow, clerk, TicketFilter())
        # an auditor and an agent who did not take it see what units see
        for person in (AUDITOR, Person("chen", Role.AGENT)):
            view = await READER.read(uow, ticket.number, person)
            assert not [tell for tell in TELLS if tell in said(view)], person
        # who took it, and who may, read it as it was said, and the caller only with a reason
        assert "盐湖集团" in (await READER.read(uow, ticket.number, AGENT)).texts.content
        with pytest.raises(AccessRefused):
            await READER.reveal(uow, ticket.number, AGENT, "回电核实")
        with pytest.raises(ReasonMissing):
            await READER.reveal(uow, ticket.number, LEADER, " ")
        caller = await READER.reveal(uow, ticket.number, LEADER, "回电核实")
        assert caller is not None
        assert caller.name == NAME
    async with database.unit_of_work() as uow:
        rows = await uow.audit.list(subject=ticket.number)
        views = [(it.actor, it.action) for it in rows if "viewed" in it.action or "caller" in it.action]
    assert ("housing-1", "confidential-viewed") in views
    assert ("li", "caller-shown") in views
    assert len([it for it in views if it[1] == "confidential-viewed"]) == 4
    assert not [tell for tell in TELLS if tell in said([asdict(it) for it in rows])]


async def test_before_dispatch_what_gives_away_is_marked_and_must_be_taken_out(
    database: Database, service: TicketService
) -> None:
    ticket = await taken(database, service, REPORT)
    seen = {"main": HOUSING, "unit_title": "举报民警收钱", "unit_content": "我住三号楼，举报民警收钱。"}
    with pytest.raises(TicketRefused) as refused:
        await done(database, service, ticket, (Act.DISPATCH, AGENT, seen))
    assert refused.value.why is Why.GIVE_AWAY
    seen["unit_content"] = "举报派出所民警收钱，请查处。"
    ticket = await done(database, service, ticket, (Act.DISPATCH, AGENT, seen))
    async with database.unit_of_work() as uow:
        assert (await READER.read(uow, ticket.number, HOUSING_CLERK)).texts.content == seen["unit_content"]


async def test_found_late_it_is_withdrawn_from_those_who_see_it(
    database: Database, service: TicketService
) -> None:
    open_ = replace(
        LIFT,
        purpose="举报",
        texts=replace(LIFT.texts, content="我是张三丰，举报市公安局。", party="市公安局"),
    )
    ticket = await taken(database, service, replace(open_, purpose="投诉"))
    ticket = await done(
        database, service, ticket, (Act.DISPATCH, AGENT, {"main": POLICE, "joint": [HOUSING]}),
        (Act.SIGN, POLICE_CLERK),
    )  # fmt: skip
    async with database.unit_of_work() as uow:
        assert NAME in said(await READER.read(uow, ticket.number, POLICE_CLERK))
    async with database.unit_of_work() as uow:
        ticket = await TicketSecrecy(service).hide(
            uow, ticket.number, ticket.version, AGENT, NOW, "市民来电要求保密"
        )
    assert (ticket.state, ticket.main) == (State.RECEIVED, None)
    async with database.unit_of_work() as uow:
        for clerk in (POLICE_CLERK, HOUSING_CLERK):
            with pytest.raises(TicketUnknown):
                await READER.read(uow, ticket.number, clerk)
        # the outside is told, so that it takes back what it has
        assert [it.kind.value for it in await uow.outbox.of(ticket.number)][-1] == "update"
    # lowering needs a second person
    secrecy = TicketSecrecy(service)
    async with database.unit_of_work() as uow:
        asked = await secrecy.ask(uow, ticket.number, LOWER, LEADER, "市民书面同意公开")
        assert [reason for _, reason in await secrecy.waiting(uow)] == ["市民书面同意公开"]
        with pytest.raises(TicketRefused):
            await secrecy.decide(uow, asked, LEADER, NOW, granted=True)
        assert not (await secrecy.decide(uow, asked, SECOND, NOW, granted=True)).confidential


async def test_whatever_state_it_is_in_a_barred_joint_unit_loses_it(
    database: Database, service: TicketService
) -> None:
    party = replace(LIFT, texts=replace(LIFT.texts, party="市公安局"))
    reason = {"reason": "理由"}
    replied = (Act.REPLY, HOUSING_CLERK, {"answer": f"已联系{NAME}，其住六号楼二单元301"})
    lives: list[list[Any]] = [
        [(Act.OBJECT, HOUSING_CLERK, reason)],
        [(Act.CONSULT, LEADER, {**reason, "participants": [HOUSING]})],
        [(Act.ASK_REVIEW, HOUSING_CLERK, reason)],
        [
            (Act.SIGN, HOUSING_CLERK),
            replied,
            (Act.JOINT_REPLY, POLICE_CLERK, {"reply": "好"}),
            (Act.ACCEPT_REPLY, AGENT, {}),
        ],
    ]
    for acts in lives:
        ticket = await taken(database, service, party)
        given = {"main": HOUSING, "joint": [POLICE]}
        ticket = await done(database, service, ticket, (Act.DISPATCH, AGENT, given), *acts)
        number, due = ticket.number, ticket.state is State.FOLLOW_UP
        async with database.unit_of_work() as uow:
            if due:
                assert await ask_about_own(uow, OFFICE, OFFICE.hotline, "city", NOW) == 1
        # by whichever way it is hidden
        ticket = await done(database, service, ticket, (Act.HIDE, AGENT, {"reason": "市民要求保密"}))
        assert ticket.units == (HOUSING,)
        async with database.unit_of_work() as uow:
            view = await READER.read(uow, number, HOUSING_CLERK)
            assert not [tell for tell in (NAME, "301") if tell in said(view)]
            if due:  # and the robot asks nobody about it
                (task,) = await uow.follow_ups.newest()
                assert (task.confidential, await uow.follow_ups.open("city")) == (True, [])


async def test_a_unit_that_is_named_later_loses_it(database: Database, service: TicketService) -> None:
    ticket = await taken(database, service, replace(REPORT, purpose="信访检举 "))
    assert (ticket.purpose, ticket.confidential) == ("举报", True)
    ticket = await done(
        database, service, ticket, (Act.DISPATCH, AGENT, {"main": HOUSING}), (Act.SIGN, HOUSING_CLERK),
        (Act.AMEND, AGENT, {"content": "举报市住房和城乡 建设局收钱", "reason": "市民补充"}),
    )  # fmt: skip
    assert (ticket.state, ticket.units) == (State.RECEIVED, ())


def test_a_name_is_found_however_it_is_written_and_a_closed_unit_is_its_heir() -> None:
    data = replace(OFFICE.city, closed={"城建办": "市城建局", "市城建局": HOUSING, "旧局": ""})
    units = UnitDirectory.of(data, {})
    for text in ("举报市 公安\n局收钱", "举报派出所"):
        assert POLICE in units.barred_by([text])
    assert units.barred_by(["举报城建办收钱"]) == (HOUSING,)
    assert units.barred_by(["举报旧局收钱", "公", "安局"]) == ()


async def test_erasing_a_person_is_destroying_a_key(database: Database, service: TicketService) -> None:
    ticket = await taken(database, service)
    async with database.unit_of_work() as uow:
        row = await uow.desk_tickets.get(ticket.number)
        assert row is not None
        assert row.person_lookup is not None
        assert await uow.keys.destroy(f"person:{row.person_lookup}", "li") == 1
    async with database.unit_of_work() as uow:
        assert await READER.reveal(uow, ticket.number, LEADER, "核实") is None
        assert (await READER.read(uow, ticket.number, LEADER)).texts.title == LIFT.texts.title
    # the same person may call again: with a key of their own, anew
    again = await taken(database, service)
    async with database.unit_of_work() as uow:
        caller = await READER.reveal(uow, again.number, LEADER, "核实")
        assert caller is not None
        row = await uow.desk_tickets.get(again.number)
        assert row is not None
        with pytest.raises(SealBroken):
            await Sealer(uow, OFFICE.vault).open(row.person, f"person of {ticket.number}")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("我是三号楼二单元的住户，举报物业", "三号楼二单元"),
        ("俺在砖厂干活，老板不发工资", "砖厂"),
        ("我们公司偷排污水", "我们公司"),
        ("本人系退休教师，举报校长", "退休教师"),
        ("我叫李四，住在昆仑路", "李四"),
        ("我家在五号院，噪声太大", "五号院"),
        ("举报派出所，家住金桥丽景小区6号楼2单元301", "金桥丽景小区"),
        ("金桥丽景小区6号楼2单元301漏水", "301"),
        ("6-2-301的楼上养狗", "301"),
        ("我上周去信访局反映过，没人管", "上周去信访局反映过"),
        ("我妈在那家养老院，护工打人", "我妈"),
        ("加我微信：abc123", "abc123"),
        ("电话一三九零九七九一二三四", "一三九零九七九一二三四"),
        ("来电人系三中教师，举报校长收礼", "三中教师"),
        ("举报人称其在盐湖集团上班，老板欠薪", "盐湖集团"),
        ("来电人王大明在盐湖集团上班，请速办", "盐湖集团"),
        ("举报人：王大明，举报张局长", "王大明"),
        ("王女士来电反映派出所不作为", "王女士"),
        ("作为该厂的老员工，举报领导贪污", "老员工"),
        ("我司财务做假账", "我司"),
        ("我二姨被护工打了", "二姨"),
        ("我这边是三中的老师", "三中"),
        ("我在三中教书，举报校长", "三中"),
        ("住我对面的人贩毒", "对面"),
        ("３号楼２单元３０１漏水", "３０１"),
        ("6#楼2单元有人吸毒", "6#"),
        ("A座1203有人吸毒", "1203"),
        ("请拨139 0979 1234", "0979"),
        ("微信abc12345", "abc12345"),
        ("我工号是八零零一", "八零零一"),
    ],
)
def test_phrases_that_give_somebody_away_are_found(text: str, gone: str) -> None:
    assert gone not in redacted(text)
    assert give_aways(text)


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("我在盐湖集团上班", "盐湖集团"),
        ("我是三中的老师", "三中"),
        ("我叫王大明", "王大明"),
        ("我们公司偷排污水", "公司"),
        ("我们村书记贪污", "所在村"),
        ("我家住金桥丽景三号楼", "金桥丽景"),
        ("我老婆被他打了", "妻子"),
        ("我孩子在二中上初三", "二中"),
        ("我租的房子在金桥丽景", "金桥丽景"),
        ("我上个礼拜去信访局反映过", "信访局"),
        ("我开了个饭馆", "饭馆"),
        ("我今年六十五岁了", "65"),
    ],
)
def test_what_we_write_of_a_caller_gives_them_away_no_more_than_what_they_said(said: str, gone: str) -> None:
    """The draft writes of a third person, and leaves 我 out."""
    assert gone not in redacted(formal(said))


def test_words_about_the_matter_alone_stay() -> None:
    for text in (
        "举报民警收钱不办事",
        "昆仑路路灯不亮",
        "2026-11-27起停电",
        "供暖温度不到十八度，要求整改",
        "来电人反映，城东派出所不作为导致案件久拖不决，要求查处",
        "来电人咨询社保转移手续，询问是否可以网上办理",
        "来电人反映，其他乘客也被多收费",
        "作为主管部门，城管局应当处理，是严重违纪行为",
        "举报李某在昆仑路开赌场，每天晚上十点后有二十多人",
        "市民多人反映公交车不按时发车，居民多次反映未果",
    ):
        assert redacted(text) == text
