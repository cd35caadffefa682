"""The city's files are read as offices make them, checked as a whole, and every problem has its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.catalogue import load_catalogue
from config.catalogue_store import CatalogueStore
from config.city_files import check_files
from config.hotline import DEFAULTS
from ticketing_bridge.catalogue.keeper import put_newest_in_place
from ticketing_bridge.catalogue.versions import (
    CatalogueChanged,
    CatalogueRefused,
    built_in,
    changes,
    in_force,
    publish,
    restore,
)
from ticketing_bridge.store import Database

UNITS = (
    "承办单位\t简称\t业务\t关键字\t上级\t停用\t承接单位\n"
    "市城管局\t城管；城管局\t市容\t占道、油烟\t\t否\t\n"
    "东街办\t\t辖区事务\t东街\t市城管局\t\t\n"
    "市旧城办\t\t旧城\t旧城\t\t是\t市城管局\n"
)
APPEALS = (
    "编码,上级,诉求分类,关键词,承办单位,时限\n"
    "1,,城乡建设,,,\n11,1,市容环境,占道经营;油烟扰民,市城管局,normal\n"
)
DISPATCH = (
    "代码,上级编码,事项,主办单位,协办单位,乡镇\n"
    "A,,城市管理,,,\nA1,A,占道经营,市城管局,东街办,\nA2,A,占道经营,东街办,,东街\n"
)


def problems(**files: str) -> list[str]:
    given = built_in() | {
        f"{name}.{'yaml' if name in ('matters', 'tickets') else 'csv'}": text for name, text in files.items()
    }
    return [str(it) for it in check_files(given).problems]


def test_what_comes_with_the_hotline_is_right_and_stays_as_it_is() -> None:
    checked = check_files(built_in())
    assert checked.problems == ()
    assert changes(built_in(), checked.files) == []


def test_other_names_tabs_and_trees_are_understood(tmp_path: Path) -> None:
    checked = check_files(
        built_in()
        | {"units.csv": UNITS, "appeals.csv": APPEALS, "dispatch.csv": DISPATCH, "matters.yaml": "[]"}
    )
    assert checked.problems == ()
    for name, text in checked.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    city = load_catalogue(tmp_path)
    assert [(it.name, it.aliases, it.parent) for it in city.units] == [
        ("市城管局", ("城管", "城管局"), ""),
        ("东街办", (), "市城管局"),
    ]
    assert city.closed == {"市旧城办": "市城管局"}
    assert [(it.title, it.appeal, it.unit) for it in city.matters] == [("市容环境", "城乡建设", "市城管局")]
    general, east = city.handler("占道经营"), city.handler("占道经营", "东街")
    assert general
    assert east
    assert (general.unit, general.joint, east.unit) == ("市城管局", ("东街办",), "东街办")


ROUND = UNITS.replace("占道、油烟\t\t否", "占道\t东街办\t否")
NO_SUCCESSOR = UNITS.replace("是\t市城管局", "是\t")
TO_CLOSED = DISPATCH.replace("东街办,,东街", "市旧城办,,东街")
DEEP = "A,,a,\nB,A,b,\nC,B,c,\nD,C,d,市公安局\n"
ITEM = "code,parent,name,unit\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"units": "单位,别名,职责\nx,,\n"}, "units.csv line 1: column keywords (关键词) is missing"),
        ({"units": UNITS + "市城管局\t\t\t\t\t\t\n"}, "line 5: 市城管局 is there twice, first in line 2"),
        ({"units": UNITS + "x\n"}, "units.csv line 5: 1 cells where the header has 7"),
        ({"units": ROUND}, "stands above itself"),
        ({"units": NO_SUCCESSOR}, "市旧城办 is closed and has no open successor"),
        ({"units": UNITS, "dispatch": TO_CLOSED}, "dispatch.csv line 4: 占道经营: 市旧城办 is closed"),
        ({"dispatch": ITEM + "A,B,a,\nB,A,b,\n"}, "dispatch.csv line 2: A: stands above itself"),
        ({"dispatch": ITEM + DEEP}, "D: level 4, which is too deep"),
        ({"dispatch": ITEM + "A,,a,\n"}, "A: nobody handles it"),
        (
            {"appeals": "code,parent,name,level\nA,,a,never\n"},
            "appeals.csv line 2: a: there is no level never",
        ),
        (
            {"gazetteer": "name,kind,aliases,parent,sure\nx,road,,,maybe\n"},
            "sure: 'maybe' is neither",
        ),
        ({"matters": "- {title: x, words: [y], appeal: z, unit: 没有局}\n"}, "x: there is no unit 没有局"),
        ({"matters": "- {title: x\n- y"}, "matters.yaml line 3: is not YAML"),
        ({"tickets": "levels: []\n"}, "tickets.yaml: levels"),
    ],
)
def test_every_problem_has_its_line(files: dict[str, str], said: str) -> None:
    found = problems(**files)
    assert any(said in it for it in found), found


def test_a_circle_that_somebody_wrote_by_hand_keeps_nobody_waiting(tmp_path: Path) -> None:
    shutil.copytree(DEFAULTS / "catalogue", tmp_path / "own")
    rows = "code,parent,name,keywords,unit\n1,2,甲类,甲词,市公安局\n2,1,乙类,乙词,市公安局\n"
    (tmp_path / "own" / "appeals.csv").write_text(rows, encoding="utf-8")
    assert {"甲类", "乙类"} <= {it.title for it in load_catalogue(tmp_path / "own").matters}


async def test_versions_are_kept_compared_and_gone_back_to(database: Database, tmp_path: Path) -> None:
    store = CatalogueStore(tmp_path)
    assert store.version == ""
    units = built_in()["units.csv"]
    async with database.unit_of_work() as uow:
        with pytest.raises(CatalogueRefused, match="line 1"):
            await publish(uow, {"units.csv": "x"}, "li", "")
    async with database.unit_of_work() as uow:
        assert await publish(uow, {"units.csv": units}, "li", "") is None
        first = await publish(uow, {"units.csv": units + "市盐湖局,,盐湖,盐湖\n"}, "li", "盐湖局")
    assert first
    assert await put_newest_in_place(database, store)
    assert not await put_newest_in_place(database, store)
    assert store.current().units[-1].name == "市盐湖局"
    async with database.unit_of_work() as uow:
        with pytest.raises(CatalogueChanged):
            await publish(uow, {"units.csv": units}, "wang", "", base=None)
        second = await publish(uow, {"units.csv": units}, "wang", "", base=first.id)
        third = await restore(uow, first.id, "li")
    assert second
    await put_newest_in_place(database, store)
    assert (store.version, store.current().units[-1].name) == (third.name, "市盐湖局")
    async with database.unit_of_work() as uow:
        number, files = await in_force(uow)
        assert (number, files) == (third.id, first.files)
        assert [(it.by, it.restored) for it in await uow.catalogue.list()] == [
            ("li", first.id), ("wang", None), ("li", None),
        ]  # fmt: skip
        assert [it.action for it in await uow.audit.list(subject=str(third.id))] == ["catalogue-restored"]
