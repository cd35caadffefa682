"""A draft that grows while people talk: it fills, it does not jump, and a person's field is theirs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue import CityData, load_catalogue
from tests.drafting.conftest import own_calls
from ticketing_bridge.drafting import (
    FIELDS,
    DraftInput,
    EarlierTicket,
    OngoingDraft,
    Said,
    begin,
    draft_call,
    finish,
    give_back,
    hear_more,
    type_in,
)
from ticketing_bridge.drafting.ongoing import PATIENCE_TURNS

CITY = load_catalogue()
START = datetime.fromisoformat("2026-06-10T09:20:00+08:00")
NOTHING = DraftInput("call", START, "13900001111", ())
CALLS = own_calls()


def said(*turns: str) -> tuple[Said, ...]:
    return tuple(
        Said("agent" if it.startswith("a ") else "citizen", it[2:], float(n), n + 1.0)
        for n, it in enumerate(turns)
    )


def after(*turns: str, city: CityData = CITY) -> OngoingDraft:
    ongoing = begin(NOTHING, city)
    for heard in range(1, len(turns) + 1):
        ongoing = hear_more(ongoing, replace(NOTHING, turns=said(*turns[:heard])), city)
    return ongoing


def test_fields_fill_while_people_talk() -> None:
    turns = ["a 您好请讲", "c 我们小区停水两天了", "a 您在哪个小区", "c 翠湖名苑七栋", "a 给您转水务集团"]
    assert after(*turns[:2]).value("unit") == "水务集团有限公司"
    assert after(*turns[:2]).value("places") == ()
    assert after(*turns[:4]).value("places") == ("翠湖名苑七栋",)


def test_what_a_person_typed_is_theirs_until_they_give_it_back() -> None:
    ongoing = type_in(after("a 您好", "c 翠湖名苑停水了"), "unit", "市水利局")
    ongoing = type_in(ongoing, "demand", None)
    more = replace(NOTHING, turns=said("a 您好", "c 翠湖名苑停水了", "a 转水务集团", "c 让他们快点来"))
    ongoing = finish(hear_more(ongoing, more, CITY), CITY)
    assert (ongoing.value("unit"), ongoing.value("demand")) == ("市水利局", None)
    assert give_back(ongoing, "unit").value("unit") == "水务集团有限公司"
    with pytest.raises(ValueError, match="no field 'units'"):
        type_in(ongoing, "units", "x")


def test_one_stray_word_does_not_move_a_field() -> None:
    turns = ["a 您好", "c 翠湖名苑暖气不热室温才十四度供暖公司也不管"]
    before = after(*turns).value("unit")
    stray = after(*turns, "c 我家还停过水水管爆过水费也高水压也小停水停了好几天自来水公司也不来")
    assert stray.value("unit") == before
    assert stray.draft.unit.value == before


def test_a_danger_is_shown_at_once() -> None:
    assert after("a 您好", "c 我们楼道里有煤气味呛得人头晕").value("emergency") is True


def test_a_correction_is_shown_at_once() -> None:
    ongoing = after("a 几号楼", "c 翠湖名苑三号楼", "a 三号楼", "c 不对是五号楼")
    assert ongoing.value("places") == ("翠湖名苑", "五号楼")


def test_answers_of_the_flow_and_earlier_tickets_count() -> None:
    earlier = EarlierTicket("T1", START, "翠湖名苑停水", "翠湖名苑", "水务集团有限公司")
    call = replace(
        NOTHING,
        caller_number=None,
        turns=said("a 您好", "c 还是停水那个事上次也打过你们电话"),
        answers=(("保密要求", "匿名"), ("隐患", "柳荫路三号停水了")),
        earlier=(earlier,),
    )
    draft = draft_call(call, CITY)
    assert draft.repeat_of.value == "T1"
    assert draft.confidential.value
    assert draft.places[0].value.startswith("柳荫路三号")
    assert draft.places[0].spans == ()
    assert "callback_phone" not in draft.ask
    assert draft_call(replace(call, answers=()), CITY).ask == ("places", "callback_phone")


Turns = st.lists(st.sampled_from([turn for call in CALLS for turn in call["said"]]), min_size=1, max_size=9)
Typing = st.dictionaries(st.sampled_from(FIELDS), st.one_of(st.none(), st.text(max_size=5)), max_size=4)


@settings(max_examples=12, deadline=None)
@given(Turns, Typing, st.integers(0, 8))
def test_any_call_fills_without_jumping(turns: list[str], typed: dict[str, Any], when: int) -> None:
    ongoing = begin(NOTHING, CITY)
    changes: dict[str, list[int]] = {name: [] for name in FIELDS}
    for heard in range(1, len(turns) + 1):
        if heard == when:
            for name, value in typed.items():
                ongoing = type_in(ongoing, name, value)
        before = ongoing
        ongoing = hear_more(ongoing, replace(NOTHING, turns=said(*turns[:heard])), CITY)
        for name, value in ongoing.typed.items():
            assert ongoing.value(name) == value
        for name in FIELDS:
            if before.value(name) not in (None, (), False) and before.value(name) != ongoing.value(name):
                changes[name].append(heard)
    for name in ("purpose", "appeal", "unit", "matter"):
        steps = changes[name]
        assert all(b - a >= PATIENCE_TURNS or a == 1 for a, b in pairwise(steps)), name
    done = finish(ongoing, CITY)
    whole = draft_call(replace(NOTHING, turns=said(*turns)), CITY)
    for name in set(FIELDS) - set(done.typed):
        assert getattr(done.draft, name) == getattr(whole, name)
    assert finish(done, CITY) == done
