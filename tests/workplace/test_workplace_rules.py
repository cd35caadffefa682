"""What a person typed is never touched; drafts are judged, switched off, and never guessed as certain."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing_bridge.knowledge.entries import (
    EntryInvalid,
    Standing,
    checked,
    entry_vector,
    is_offered,
    may_be_given,
    spoken_question,
    standing,
    typed_question,
)
from ticketing_bridge.knowledge.phone_book import (
    PhoneInvalid,
    checked_number,
    find_numbers,
    phone_book,
    spoken_groups,
)
from ticketing_bridge.store.knowledge_records import EntryText, PhoneEntry, PhoneText
from ticketing_bridge.store.workplace_records import FieldCounts, FieldSwitch, Sheet, SheetState, Verdict
from ticketing_bridge.workplace.form import YES, drafted_fields, form
from ticketing_bridge.workplace.proposals import Proposal, matter_content, proposals_of, rules_of
from ticketing_bridge.workplace.sheets import (
    LONGEST,
    FieldConflict,
    FieldUnknown,
    Origin,
    SheetClosed,
    as_seen,
    finished,
    give_back,
    missing,
    shown_fields,
    type_in,
)
from ticketing_bridge.workplace.similar import Comparable, MatterText, alike, most_alike
from ticketing_bridge.workplace.verdicts import (
    LEAST_VERDICTS,
    field_states,
    judged,
    switched_off,
    verdicts_on,
)

NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)
EMPTY = Sheet("city:1", 1, 1, {}, SheetState.OPEN, "wang", None, None, NOW, NOW, None)

texts = st.text(max_size=20)
names = st.sampled_from(sorted(form()))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("type"), names, texts),
        st.tuples(st.just("draft"), names, texts),
        st.tuples(st.just("back"), names, st.just("")),
    ),
    max_size=30,
)


@given(steps)
def test_a_persons_text_is_never_touched(steps: list[tuple[str, str, str]]) -> None:
    sheet, proposals, typed = EMPTY, dict[str, Proposal](), dict[str, str]()
    for step, name, text in steps:
        if step == "type":
            seen = sheet.typed[name].version if name in sheet.typed else 0
            sheet = type_in(sheet, name, text, seen=seen, by="wang")
            typed[name] = text
        elif step == "back":
            sheet = give_back(sheet, name)
            typed.pop(name, None)
        else:
            proposals[name] = Proposal(text, 0.9)
        shown = shown_fields(sheet, proposals, frozenset())
        assert {it: shown[it].value for it in typed} == typed
        untouched = shown.keys() - typed.keys()
        assert all(shown[it].value == proposals.get(it, Proposal("")).value for it in untouched)


few = st.sampled_from(["", "昆仑路", "昆仑路\r\n三号楼", "昆仑路\n三号楼", "其他"])
pages = st.dictionaries(names, few, max_size=6)


@given(pages, pages, pages, st.frozensets(names, max_size=3), st.integers(0, 4))
def test_what_stood_on_the_page_is_what_is_confirmed(
    typed: dict[str, str], drafted: dict[str, str], sent: dict[str, str], off: frozenset[str], seen: int
) -> None:
    """Typed where the page has something else, accepted where it has the draft; others' later texts hold."""
    sheet = EMPTY
    for name, text in typed.items():
        sheet = type_in(sheet, name, text, seen=9, by="li")
    proposals = {name: Proposal(text, 0.9) for name, text in drafted.items()}
    shown = shown_fields(sheet, proposals, off)
    plain = {name: text.replace("\r\n", "\n") for name, text in sent.items()}
    other = {name: text for name, text in plain.items() if text != shown[name].value}
    versions = dict.fromkeys(sent, seen)
    if any(name in sheet.typed and sheet.typed[name].version > seen for name in other):
        with pytest.raises(FieldConflict):
            as_seen(sheet, shown, sent, versions, "wang")
        return
    confirmed, fields = as_seen(sheet, shown, sent, versions, "wang")
    assert {name: it.value for name, it in fields.items()} == {
        name: plain.get(name, it.value) for name, it in shown.items()
    }
    accepted = {it for it in shown.keys() - other.keys() if shown[it].origin is Origin.DRAFTED}
    assert {name for name, it in confirmed.typed.items() if it.accepted} == accepted
    assert confirmed.typed.keys() == sheet.typed.keys() | other.keys() | accepted
    assert {name: confirmed.typed[name].by for name in other} == dict.fromkeys(other, "wang")
    assert confirmed.version == sheet.version + len(other) + len(accepted)


def test_two_who_type_into_one_field_do_not_overwrite_each_other() -> None:
    first = type_in(EMPTY, "title", "路灯不亮", seen=0, by="wang")
    with pytest.raises(FieldConflict) as conflict:
        type_in(first, "title", "电梯坏了", seen=0, by="li")
    assert conflict.value.theirs.value == "路灯不亮"
    same = type_in(first, "title", "路灯不亮", seen=0, by="li")
    assert same is first, "the same text is no conflict and no change"
    mine = type_in(first, "title", "电梯坏了", seen=first.typed["title"].version, by="li")
    assert mine.typed["title"].by == "li"
    other_field = type_in(first, "party", "物业", seen=0, by="li")
    assert set(other_field.typed) == {"title", "party"}


def test_a_finished_sheet_and_strange_fields_are_refused() -> None:
    done = finished(EMPTY, SheetState.SAVED, NOW, ticket="1", entry=None)
    for change in (
        lambda: type_in(done, "title", "x", seen=9, by="wang"),
        lambda: give_back(done, "title"),
        lambda: finished(done, SheetState.DROPPED, NOW, ticket=None, entry=None),
    ):
        with pytest.raises(SheetClosed):
            change()
    with pytest.raises(FieldUnknown):
        type_in(EMPTY, "colour", "red", seen=0, by="wang")
    with pytest.raises(FieldUnknown):
        type_in(EMPTY, "title", "长" * (LONGEST + 1), seen=0, by="wang")


def field(value: Any, confidence: float = 0.8, **more: Any) -> dict[str, Any]:
    return {
        "value": value,
        "confidence": confidence,
        "reason": "because",
        "spans": [],
        "candidates": [],
        **more,
    }


CONTENT = {
    "rules": "rules-1",
    "places": [field("昆仑路", 0.9), field("三号楼", 0.6)],
    "when": field({"text": "昨晚", "start": "2026-03-11", "end": None}),
    "unit": field(None, 0.3, candidates=["市城市管理局", "市公安局"]),
    "emergency": field(True),
    "confidential": field(False),
    "callback_phone": field("13900000000"),
    "suggestions": {"places": [field("昆仑中路")]},
    "second_matter": {"title": field("公积金提取"), "unit": field("其他单位")},
}


def test_a_draft_becomes_proposals_and_the_doubtful_stays_empty_with_candidates() -> None:
    found = proposals_of(CONTENT)
    assert (found["places"].value, found["places"].confidence) == ("昆仑路、三号楼", 0.6)
    assert found["places"].otherwise == "昆仑中路"
    assert (found["when"].value, found["when"].resolved) == ("昨晚", "2026-03-11")
    assert (found["emergency"].value, found["confidential"].value) == (YES, "")
    shown = shown_fields(EMPTY, found, frozenset({"places"}))
    assert (shown["unit"].value, shown["unit"].candidates) == ("", ("市城市管理局", "市公安局"))
    assert (shown["places"].value, shown["places"].origin, shown["places"].off) == ("", Origin.EMPTY, True)
    assert missing(shown) == ("title", "purpose", "appeal", "unit", "content")
    assert rules_of(CONTENT) == "rules-1"
    assert matter_content(CONTENT, 1) is CONTENT
    second = proposals_of(matter_content(CONTENT, 2))
    assert (second["title"].value, second["callback_phone"].value) == ("公积金提取", "13900000000")
    third = proposals_of(matter_content(CONTENT, 3))
    assert (third["title"].value, third["callback_phone"].value) == ("", "13900000000")


def test_verdicts_tell_kept_mended_changed_filled_and_blank() -> None:
    sheet = type_in(EMPTY, "title", "昆仑路路灯夜间不亮", seen=0, by="wang")
    sheet = type_in(sheet, "purpose", "求助", seen=0, by="wang")
    sheet = type_in(sheet, "unit", "市公安局", seen=0, by="wang")
    drafted = {
        "title": Proposal("昆仑路路灯不亮", 0.8),
        "purpose": Proposal("投诉", 0.7),
        "places": Proposal("昆仑路", 0.9),
    }
    shown = shown_fields(sheet, drafted, {"places"})
    found = {it.field: it for it in verdicts_on(sheet, shown, "r", "wang").fields}
    assert found.keys() == set(drafted_fields())
    assert found["title"].verdict is Verdict.MENDED
    assert found["purpose"].verdict is Verdict.CHANGED
    assert found["unit"].verdict is Verdict.FILLED
    assert found["party"].verdict is Verdict.BLANK
    assert (found["places"].verdict, found["places"].shown) == (Verdict.CHANGED, False)
    assert judged("昆仑路桥头", "昆仑路，桥头", free=False) is Verdict.KEPT


def test_a_field_goes_off_by_its_figures_or_by_a_person() -> None:
    def counts(name: str, recent: int, right: int) -> FieldCounts:
        return FieldCounts(name, "r", {}, recent, right)

    def switch(name: str, *, on: bool) -> FieldSwitch:
        return FieldSwitch(name, "r", on, "zhou", "why", 0, NOW)

    states = field_states(
        [counts("unit", LEAST_VERDICTS - 1, 0), counts("party", LEAST_VERDICTS, 0), counts("title", 0, 0)],
        {"title": switch("title", on=False), "party": switch("party", on=True)},
    )
    assert switched_off(states) == {"party", "title"}
    assert (states["title"].decided_by, states["party"].decided_by) == ("person", "figures")
    assert (states["title"].precision, states["party"].precision) == (None, 0)


def test_only_the_same_place_and_matter_are_alike() -> None:
    lift = MatterText("金桥丽景小区六号楼", "电梯坏了一周没人管", "城乡建设", "市住房和城乡建设局")
    again = MatterText("八一中路金桥丽景小区六号楼二单元", "电梯坏了没人修", "城乡建设")
    lamp = MatterText("昆仑路", "路灯不亮", "城乡建设")
    there = MatterText("金桥丽景小区六号楼", "楼下烧烤油烟扰民", "生态环境", "市综合行政执法局")
    nowhere, *others = map(Comparable.of, (MatterText("", "电梯坏了"), lamp, again, there))
    assert alike(Comparable.of(lift), others[1]) > 0.8
    assert alike(Comparable.of(lift), others[0]) == 0
    assert alike(nowhere, Comparable.of(lift)) == 0
    assert most_alike(lift, zip("123", others, strict=True))[0][0] == "2"


def entry(question: str = "问", **more: Any) -> EntryText:
    return EntryText(question, "答", "li", date(2026, 6, 1), **more)


def test_entries_stand_by_the_day_and_are_checked() -> None:
    assert standing(entry(), date(2026, 6, 1)) is Standing.GOOD
    assert standing(entry(), date(2026, 6, 2)) is Standing.REVIEW_DUE
    old = entry(expires_on=date(2026, 7, 1))
    assert standing(old, date(2026, 7, 1)) is Standing.EXPIRED
    assert standing(entry(withdrawn=True), date(2026, 1, 1)) is Standing.WITHDRAWN
    assert may_be_given(entry(), date(2026, 6, 2))
    assert not may_be_given(old, date(2026, 7, 2))
    with pytest.raises(EntryInvalid, match="question"):
        checked(entry(" "))
    with pytest.raises(EntryInvalid, match="after the expiry"):
        checked(entry(expires_on=date(2026, 5, 1)))
    assert checked(entry(" 问 ", also_asked=("a", " "))).also_asked == ("a",)
    long = entry_vector(EntryText("问题", "答复" * 9000, "li", date(2026, 6, 1)))
    assert "16383D" in long
    assert entry_vector(entry("it's \\")).startswith("'it':1A")
    assert typed_question("，。") is None
    asked = typed_question("金 请问")
    assert asked
    assert asked.every == "'金':* & '请问'"
    assert asked.keys == {"金"}


def test_spoken_words_find_what_fits_and_greetings_find_nothing() -> None:
    fund = entry("住房公积金怎么提取", also_asked=("公积金取出来要什么手续",))
    asked = spoken_question(["那个住房公积金怎么提取出来要什么手续", "你好"])
    assert asked
    assert is_offered(asked, fund)
    noise = spoken_question(["楼下烧烤店天天晚上放音乐吵得睡不着" * 8])
    assert noise
    assert not is_offered(noise, fund)
    assert spoken_question(["你好请问一下"]) is None
    assert spoken_question([]) is None


def phone(number: int, text: PhoneText, dead: int = 0) -> PhoneEntry:
    return PhoneEntry(number, 1, text, 0, dead, "li", NOW - timedelta(days=1))


def test_numbers_are_found_by_name_duty_and_draft_closed_ones_last() -> None:
    book = [
        phone(1, PhoneText("市房管局", "8410003", duties=("物业",), closed=True)),
        phone(2, PhoneText("市住房和城乡建设局", "8410001", "物业科")),
        phone(3, PhoneText("市公安局", "8410002", "户政大厅", ("身份证",))),
    ]

    ready = phone_book(book, aliases={}, duties={})

    def found(said: list[str], **more: Any) -> list[int]:
        return [it.entry.id for it in find_numbers(ready, said, **more)]

    assert found(["物业科电话多少"]) == [2, 1]
    assert found(["住房和城乡建设归谁管"]) == [2]
    assert found(["身份证丢了", "喂"], suggested=["市公安局"]) == [3]
    assert found(["你好"], suggested=["市公安局"]) == [3]
    assert found(["你好"]) == []
    assert found(["户政大厅的局"]) == [3]


def test_a_number_is_digits_and_is_read_out_in_groups() -> None:
    assert checked_number(PhoneText(" 局 ", "(0979) 841 0001")).number == "09798410001"
    assert checked_number(PhoneText("局", "0979-8410001-12")).number == "09798410001-12"
    for wrong in (PhoneText("局", "12"), PhoneText("局", "没有"), PhoneText("", "8410001")):
        with pytest.raises(PhoneInvalid):
            checked_number(wrong)
    assert spoken_groups("13997361508") == ("幺三九", "九七三六", "幺五零八")
    assert spoken_groups("8410001-12") == ("八四幺零", "零零幺", "转幺二")
