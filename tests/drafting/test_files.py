"""Call lines, evaluation against labels, the city's catalogue: what is wrong is named with its line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from config.catalogue import CatalogueInvalid, CityData, load_catalogue
from config.hotline import DEFAULTS
from ticketing_bridge.drafting import CallLineInvalid, draft_lines, draft_rows, evaluate, plain, table

GOOD = {
    "id": "x1",
    "call_start": "2026-06-10T09:20:00+08:00",
    "caller_number": "13900001111",
    "turns": [
        {"speaker": "agent", "text": "您好请讲", "start": 0.5, "end": 1.5},
        {"speaker": "citizen", "text": "柳荫路三号门口路灯昨天坏了", "start": 2, "end": 5},
    ],
}


def test_a_line_a_draft(city: CityData) -> None:
    line = json.dumps(GOOD, ensure_ascii=False)
    drafts = [json.loads(it) for it in draft_lines([line, "\n", line], city)]
    assert len(drafts) == 2
    assert drafts[0]["places"] == ["柳荫路三号门口"]
    assert drafts[0]["when"] == {"text": "昨天", "start": "2026-06-09", "end": None}
    assert drafts[0]["evidence"]["places"][0]["spans"] == [[1, 0, 7]]
    assert drafts[0]["rules"].startswith("rules-")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not an object"),
        (json.dumps({"id": "x"}), "line 2: call_start, turns is missing"),
        (json.dumps({**GOOD, "call_start": "gestern"}), "line 2: call_start 'gestern' is not an ISO time"),
        (json.dumps({**GOOD, "call_start": "2026-06-10T09:20:00"}), "line 2: call_start has no zone"),
        (json.dumps({**GOOD, "turns": {}}), "line 2: turns is not a list"),
        (json.dumps({**GOOD, "turns": [{"speaker": "robot", "text": "a"}]}), "line 2: turn 1: speaker is"),
        (json.dumps({**GOOD, "turns": [{"speaker": "agent"}]}), "line 2: turn 1 has no text"),
        (
            json.dumps({**GOOD, "turns": [{"speaker": "agent", "text": "a", "start": "x"}]}),
            "turn 1: start or end",
        ),
        (json.dumps({**GOOD, "caller_number": 5}), "line 2: caller_number is not text"),
    ],
)
def test_a_line_that_is_no_call_is_named(city: CityData, line: str, expected: str) -> None:
    with pytest.raises(CallLineInvalid) as refused:
        list(draft_lines(["", line], city))
    assert expected in str(refused.value)


def test_a_bad_line_gets_its_error_and_the_others_go_on(city: CityData) -> None:
    good = json.dumps(GOOD, ensure_ascii=False)
    broken = good.encode("gb18030").decode("utf-8", "surrogateescape")
    rows = list(draft_rows(["\ufeff" + good, "{", "", broken, good], city))
    assert [row.get("line") for row in rows] == [None, 2, 4, None]
    assert rows[1]["error"]["error_id"] == "call-line-invalid"
    assert "line 4: not UTF-8" in rows[2]["error"]["message"]
    assert rows[0]["places"] == rows[3]["places"] == ["柳荫路三号门口"]
    json.dumps(rows)


def test_evaluation_counts_right_wrong_and_missed(city: CityData) -> None:
    gold = {
        "purpose": "投诉",
        "places": ["柳荫路三号门口", "别处"],
        "when": {"text": "昨天", "start": "2026-06-09", "end": None},
        "unit": "市城市管理局",
        "emergency": False,
    }
    result = evaluate([json.dumps({**GOOD, "gold": gold})], city)
    assert (result.fields["places"].right, result.fields["places"].missed) == (1, 1)
    assert result.fields["when"].f1 == 1
    assert result.fields["unit"].recall == 1
    assert result.fields["purpose"].precision == 0
    assert result.fields["emergency"].precision is None
    assert "places" in table(result)
    assert plain(result)["fields"]["places"]["recall_interval"] is not None
    with pytest.raises(CallLineInvalid, match="line 1: gold is missing"):
        evaluate([json.dumps(GOOD)], city)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULTS / "catalogue", tmp_path / "catalogue"))


def test_the_built_in_catalogue(city: CityData) -> None:
    assert len(city.units) == 39
    assert len(city.places) > 150
    assert all(matter.words for matter in city.matters)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("units.csv", "unit,aliases", "unit,alias", "units.csv: column aliases is missing"),
        ("units.csv", "市教育局,", ",", "units.csv line 6: unit is empty"),
        (
            "gazetteer.csv",
            "昆仑中路,road,,格尔木市,y",
            "昆仑中路,road",
            "gazetteer.csv line 3: not 5 columns",
        ),
        ("gazetteer.csv", "昆仑中路,", "昆仑路,", "gazetteer.csv: 昆仑路 is there twice"),
        ("matters.yaml", "unit: 市数据局", "unit: 市数局", "there is no unit 市数局"),
        ("matters.yaml", "lean: 投诉}", "len: 投诉}", "matters.yaml matter 1: len"),
    ],
)
def test_a_wrong_catalogue_is_named(folder: Path, file: str, old: str, new: str, expected: str) -> None:
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueInvalid) as refused:
        load_catalogue(folder)
    assert expected in str(refused.value)


def test_a_catalogue_in_another_encoding_is_named(folder: Path) -> None:
    path = folder / "units.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    (folder / "gazetteer.csv").unlink()
    with pytest.raises(CatalogueInvalid, match=r"units.csv is not UTF-8.*gazetteer.csv is missing"):
        load_catalogue(folder)
