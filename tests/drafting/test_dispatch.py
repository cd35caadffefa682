"""Whose a matter is: the dispatch catalogue, adopted rules, units that are no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from config.catalogue import AdoptedRule, CityData, DispatchItem
from config.catalogue_store import CatalogueStore
from tests.drafting.conftest import call_of
from ticketing_bridge.drafting import draft_call

PARKING = ["a 您好请讲", "c 春江路菜市场门口的电动车天天占着人行道没人管摆摊的也占道经营"]


def unit_of(data: CityData, turns: list[str] = PARKING) -> str | None:
    return draft_call(call_of(turns), data).unit.value


def test_an_adopted_rule_decides_over_the_catalogue_and_says_so(city: CityData) -> None:
    before = draft_call(call_of(PARKING), city)
    rule = AdoptedRule(("占道经营", "电动车"), before.appeal.value or "", "市公安局")
    ruled = draft_call(call_of(PARKING), replace(city, adopted=(rule,)))
    assert before.unit.value == "市综合行政执法局"
    assert ruled.unit.value == "市公安局"
    assert "采纳" in ruled.unit.reason
    assert {it.text for it in ruled.unit.spans} >= {"占道经营", "电动车"}
    other = AdoptedRule(("占道经营", "三轮车"), rule.appeal, "市公安局")
    assert unit_of(replace(city, adopted=(other,))) == before.unit.value


def test_the_dispatch_catalogue_decides_by_township(city: CityData) -> None:
    items = (
        DispatchItem("1", "", "占道经营", "市城市管理局"),
        DispatchItem("2", "", "占道经营", "西城区行政委员会", area="春江路"),
    )
    assert unit_of(replace(city, dispatch=items)) == "西城区行政委员会"
    elsewhere = ["a 您好请讲", "c 前进路口摆摊的占道经营没人管"]
    assert unit_of(replace(city, dispatch=items), elsewhere) == "市城市管理局"


def test_a_closed_unit_is_never_proposed(city: CityData) -> None:
    closed = replace(
        city,
        units=tuple(it for it in city.units if it.name != "市综合行政执法局"),
        closed={"市综合行政执法局": "市城市管理局"},
    )
    for turns in (PARKING, [*PARKING, "a 好的转市综合行政执法局"]):
        draft = draft_call(call_of(turns), closed)
        assert draft.unit.value == "市城市管理局"
        assert "市综合行政执法局" not in draft.unit.candidates
    nobody = replace(closed, closed={"市综合行政执法局": ""})
    draft = draft_call(call_of(PARKING), nobody)
    assert "市综合行政执法局" not in (draft.unit.value, *draft.unit.candidates)


def test_adopted_rules_are_in_force_at_the_next_look(tmp_path: Path) -> None:
    store, other = CatalogueStore(tmp_path), CatalogueStore(tmp_path)
    assert store.current().adopted == ()
    rule = AdoptedRule(("占道经营",), "城乡建设", "市公安局")
    assert store.put_rules_in_place([rule])
    assert not store.put_rules_in_place([rule])
    assert other.current().adopted == store.current().adopted == (rule,)
    assert store.put_rules_in_place([])
    assert other.current().adopted == ()
