"""Matters of other channels become tickets, once, from the files that offices have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tickets.city import AGENT, NOW, OFFICE
from ticketing_bridge.delivery.inbound import ContactFileInvalid, LeftOut, read_contacts, take_contacts
from ticketing_bridge.store import Database
from ticketing_bridge.tickets import TicketService

HEADER = "渠道,来件编号,目的分类,诉求分类,标题,内容,姓名,联系电话,是否保密,受理时间\n"
ROWS = (
    "市长信箱,XF-1,投诉,城乡建设,路灯不亮,八一路路灯三天不亮,李先生,139-0979-1234,否,2026-11-19 09:30\n"
    "网格,WG-7,举报,生态环境,夜间排污,某厂夜里排污,,,是,\n"
    "传真,F-1,投诉,城乡建设,路灯不亮,路灯不亮,,,否,\n"
    "网格,WG-8,投诉,城乡建设,,没有标题,,,否,\n"
    "网格,WG-9,投诉,城乡建设,电话不对,内容,,abc,否,\n"
    "网格,WG-10,投诉,城乡建设,明天的,内容,,,否,2026-12-24\n"
)
CHANNELS = ("市长信箱", "网格")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_a_file_is_taken_once(encoding: str, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes((HEADER + ROWS).encode(encoding))
    service = TicketService(OFFICE)
    rows = list(read_contacts(file, CHANNELS, NOW))
    done = await take_contacts(database, service, AGENT, rows)
    assert (done.rows, len(done.taken), done.known) == (6, 2, 0)
    assert done.taken[0].startswith("20261119")
    assert [it.line for it in done.left_out] == [4, 5, 6, 7]
    again = await take_contacts(database, service, AGENT, rows)
    assert (again.taken, again.known) == ((), 2)
    async with database.unit_of_work() as uow:
        report = await service.get(uow, done.taken[1], AGENT)
    assert (report.channel, report.confidential) == ("网格", True)


def test_a_file_without_confidentiality_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(HEADER.replace(",是否保密", "") + ROWS, encoding="utf-8")
    with pytest.raises(ContactFileInvalid, match="是否保密"):
        list(read_contacts(file, CHANNELS, NOW))


def test_line_ends_quotes_and_years_of_other_machines(tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes((HEADER + ROWS).replace("\n", "\r").encode())
    whole = [*read_contacts(file, (), NOW)]
    file.write_bytes((HEADER + ROWS).encode())
    assert whole == [*read_contacts(file, (), NOW)]
    row = "网站,{},投诉,城乡建设,路灯,{},,,否,{}\n"
    file.write_text(HEADER + row.format(1, "不亮", "1900-01-01"), encoding="utf-8")
    (left,) = read_contacts(file, (), NOW)
    assert isinstance(left, LeftOut)
    file.write_text(HEADER + row.format(1, "长" * 200_000, ""), encoding="utf-8")
    with pytest.raises(ContactFileInvalid, match="line 2"):
        [*read_contacts(file, (), NOW)]
