"""What agents look up: found in Chinese, kept by its owners, and honest about what is old or missing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest_asyncio

from config.catalogue import load_catalogue
from tests.desk.people import House, csrf_of, signed_in
from ticketing_bridge.desk import auth
from ticketing_bridge.drafting import rules_version
from ticketing_bridge.knowledge.csv_import import keep_phones, read_phones
from ticketing_bridge.knowledge.entries import entry_vector, is_offered, spoken_question
from ticketing_bridge.knowledge.phone_book import find_numbers, phone_book
from ticketing_bridge.store.knowledge_records import EntryText
from ticketing_bridge.store.workplace_records import FieldVerdict, SheetVerdicts, Verdict
from ticketing_bridge.workplace.verdicts import LEAST_VERDICTS

TODAY = datetime.now(UTC).date()
FUND = EntryText(
    question="住房公积金怎么提取",
    answer="带身份证和公积金卡到政务大厅二楼办理，也可以在手机上办。",
    owner="li",
    review_on=TODAY + timedelta(days=90),
    also_asked=("公积金取出来要什么手续",),
)
TIE = EntryText(question="养犬登记在哪里办", answer="到派出所办理。", owner="li", review_on=date(2020, 1, 1))


@pytest_asyncio.fixture
async def leader(house: House, visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    """A shift leader, who may edit."""
    async with house.database.unit_of_work() as uow:
        await uow.users.add("zhou", auth.hash_password("another-long-password"), "shift_leader")
    await signed_in(visitor, "zhou", "another-long-password")
    return visitor


async def test_the_knowledge_base_from_a_question_without_answer_to_its_entry(
    house: House, leader: httpx.AsyncClient
) -> None:
    async with house.database.unit_of_work() as uow:
        for text in (FUND, TIE):
            await uow.knowledge.add(text, entry_vector(text), "li")
    found = (await leader.get("/knowledge", params={"q": "公积金 手续"})).text
    assert "住房公积金怎么提取" in found
    assert "养犬" not in found
    assert "该复审" in (await leader.get("/knowledge", params={"q": "养犬"})).text

    nothing = await leader.get("/knowledge", params={"q": "育儿补贴什么时候发"})
    assert "没有找到" in nothing.text
    for _ in range(2):
        form = {"csrf": csrf_of(nothing), "question": "育儿补贴什么时候发？"}
        assert (await leader.post("/knowledge/gaps", data=form)).status_code == 303
    page = (await leader.get("/knowledge")).text
    assert "育儿补贴什么时候发" in page
    assert "2 次" in page
    (gap,) = re.findall(r"gap=(\d+)", page)

    editor = await leader.get("/knowledge/new", params={"question": "育儿补贴什么时候发", "gap": gap})
    form = {
        "csrf": csrf_of(editor),
        "seen": "0",
        "gap": gap,
        "question": "育儿补贴什么时候发",
        "answer": "每季度第一个月发放。",
        "owner": "zhou",
        "review_on": f"{TODAY + timedelta(days=30)}",
    }
    saved = await leader.post("/knowledge", data=form)
    assert saved.status_code == 303
    assert "育儿补贴" in (await leader.get("/knowledge", params={"q": "育儿 补贴"})).text
    async with house.database.unit_of_work() as uow:
        assert await uow.knowledge.gaps() == []

    # opened in two tabs: the second one is told, and keeps what it wrote
    address = saved.headers["location"]
    late = {**form, "seen": "1", "answer": "每年一月发放。"}
    assert (await leader.post(address, data={**form, "seen": "1", "answer": "每月发放。"})).status_code == 303
    told = await leader.post(address, data=late)
    assert told.status_code == 409
    assert "每年一月发放。" in told.text
    assert "每月发放。" in told.text
    assert (await leader.post(address, data={**late, "seen": "2"})).status_code == 303
    assert (await leader.post(address, data={**late, "seen": "3", "answer": " "})).status_code == 422


async def test_an_expired_entry_is_not_offered_and_spoken_words_find_the_right_one(house: House) -> None:
    old = EntryText("公积金贷款额度", "最高四十万元。", "li", TODAY, expires_on=TODAY)
    async with house.database.unit_of_work() as uow:
        for text in (FUND, TIE, old):
            await uow.knowledge.add(text, entry_vector(text), "li")
        asked = spoken_question(["你好我想问一下那个住房公积金怎么提取出来要什么手续"])
        assert asked
        found = await uow.knowledge.find(asked.some, today=TODAY)
        assert [it.text.question for it in found if is_offered(asked, it.text)] == ["住房公积金怎么提取"]


async def test_the_phone_book_from_a_file_to_tonights_list(
    house: House, leader: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "phones.csv"
    file.write_bytes(
        "单位,科室,电话,业务,已撤销,承接单位\n"
        "市住房和城乡建设局,物业科,0979-8410001,物业;维修基金,否,\n"
        "市公安局,户政大厅,8410002,户口;身份证,否,\n"
        "市房管局,,8410003,物业,是,市住房和城乡建设局\n"
        "市教育局,,没有电话,,否,\n".encode("gb18030")
    )
    async with house.database.unit_of_work() as uow:
        done = await keep_phones(uow, read_phones(file), "console")
        entries = await uow.phones.all()
    assert done.written == 3
    assert [it.line for it in done.left_out] == [5]
    city = load_catalogue()
    book = phone_book(
        entries,
        aliases={it.name: it.aliases for it in city.units},
        duties={it.name: it.keywords for it in city.units},
    )
    found = find_numbers(book, ["我们小区物业乱收费", "喂你好"])
    assert [it.entry.text.unit for it in found] == ["市住房和城乡建设局", "市房管局"]
    assert found[0].entry.text.number == "09798410001"

    page = await leader.get("/phonebook", params={"q": "户口"})
    assert "8410002" in page.text
    assert "8410001" not in page.text
    report = {"csrf": csrf_of(page), "kind": "dead", "found_by": "citizen"}
    entry = next(it for it in entries if it.text.number == "8410002")
    assert (await leader.post(f"/phonebook/{entry.id}/report", data=report)).status_code == 303
    tonight = await leader.get("/phonebook/dead")
    assert "8410002" in tonight.text
    assert "空号或停机" in tonight.text
    form = {
        "csrf": csrf_of(tonight),
        "seen": "1",
        "unit": "市公安局",
        "office": "户政大厅",
        "number": "8410009",
        "checked": "1",
    }
    assert (await leader.post(f"/phonebook/{entry.id}", data=form)).status_code == 303
    async with house.database.unit_of_work() as uow:
        changed = await uow.phones.get(entry.id)
    assert changed
    assert (changed.text.number, changed.dead) == ("8410009", 0)
    assert (await leader.post(f"/phonebook/{entry.id}", data=form)).status_code == 409
    assert (await leader.get("/phonebook/dead", params={"day": "gestern"})).status_code == 422


async def test_a_field_that_falls_below_its_precision_switches_itself_off_until_a_person_decides(
    house: House, leader: httpx.AsyncClient
) -> None:
    rules = rules_version()

    async def judge(first: int, count: int, verdict: Verdict) -> None:
        async with house.database.unit_of_work() as uow:
            for number in range(first, first + count):
                judged = FieldVerdict("unit", verdict, 0.8, True)
                await uow.draft_ledger.add(SheetVerdicts(f"city:{number}", 1, rules, "wang", (judged,)))

    await judge(0, LEAST_VERDICTS - 1, Verdict.CHANGED)
    assert ">自动停用<" not in (await leader.get("/drafts/ledger")).text
    await judge(100, 1, Verdict.CHANGED)
    page = await leader.get("/drafts/ledger")
    assert ">自动停用<" in page.text
    form = {"csrf": csrf_of(page), "field": "unit", "rules": rules, "on": "1", "reason": "换了目录"}
    assert (await leader.post("/drafts/ledger", data={**form, "reason": ""})).status_code == 422
    assert (await leader.post("/drafts/ledger", data=form)).status_code == 303
    page = await leader.get("/drafts/ledger")
    assert ">自动停用<" not in page.text
    assert "换了目录" in page.text
