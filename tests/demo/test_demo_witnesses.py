"""Witnesses that agree are silent; whatever is changed in one of them is found, and by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from demo_world import WORLDS, World, abandoned, answered, at, in_danger, left_in_notice
from hypothesis import given
from hypothesis import strategies as st

from facts.call import Call, CallFlag, EndedBy, Outcome
from telephony.pbx_logs.queue_log import QueueLogLine, parse_queue_log
from ticketing_bridge.demo.cdr import CdrLine, citizens_records, compare_cdr, parse_cdr
from ticketing_bridge.demo.findings import Comparison, Disagreement, Witness
from ticketing_bridge.demo.helpers import NOBODY, compare_helpers, helpers_of
from ticketing_bridge.demo.people import compare_people, match_rows
from ticketing_bridge.demo.queue_log import by_call, compare_queue_log


def compare(world: World) -> list[Disagreement]:
    found = Comparison("call")
    compare_people(world.row, world.played, found, world.helpers.rang)
    compare_queue_log(world.row, world.queue_log, found, world.helpers.lines)
    compare_cdr(world.row, world.cdr, found, world.helpers.records)
    compare_helpers(world.row, world.helpers, found)
    return found.disagreements


def fields(world: World, witness: Witness) -> set[str]:
    return {it.field for it in compare(world) if it.witness is witness}


@pytest.mark.parametrize("world", WORLDS)
def test_witnesses_that_agree_are_silent(world: Callable[[], World]) -> None:
    assert compare(world()) == []


@pytest.mark.parametrize("world", WORLDS)
@given(data=st.data())
def test_every_lost_or_added_queue_log_line_is_found(world: Callable[[], World], data: st.DataObject) -> None:
    case = world()
    lines = [line for line in case.queue_log if line.event != "RINGCANCELED"]
    place = data.draw(st.integers(0, len(lines) - 1))
    lost = (*lines[:place], *lines[place + 1 :])
    assert fields(replace(case, queue_log=lost), Witness.QUEUE_LOG)
    doubled = (*lines[: place + 1], lines[place], *lines[place + 1 :])
    assert fields(replace(case, queue_log=doubled), Witness.QUEUE_LOG)


def _changes(line: QueueLogLine) -> list[QueueLogLine]:
    """Every single change of a line that says something else about the call."""
    changed = [
        replace(line, at=line.at + timedelta(seconds=30)),
        replace(line, at=line.at - timedelta(seconds=30)),
        replace(line, event="TRANSFER"),
    ]
    if line.event in ("CONNECT", "COMPLETEAGENT", "RINGNOANSWER"):
        changed.append(replace(line, agent="agent104"))
    if line.event == "ENTERQUEUE":
        changed.append(replace(line, queue="safety"))
    compared = {
        "ENTERQUEUE": (1, 2),
        "CONNECT": (0, 1),
        "COMPLETEAGENT": (1,),
        "ABANDON": (2,),
        "HOTLINEENDED": (3, 4),
    }
    for place in compared.get(line.event, ()):
        values = list(line.values)
        values[place] = "99"
        changed.append(replace(line, values=tuple(values)))
    return changed


@pytest.mark.parametrize("world", WORLDS)
def test_every_changed_queue_log_line_is_found(world: Callable[[], World]) -> None:
    case = world()
    for place, line in enumerate(case.queue_log):
        for changed in _changes(line) if line.event != "RINGCANCELED" else ():
            lines = (*case.queue_log[:place], changed, *case.queue_log[place + 1 :])
            assert fields(replace(case, queue_log=lines), Witness.QUEUE_LOG), changed


_ROW_CHANGES: list[Callable[[Call], Call]] = [
    lambda row: replace(row, caller_number="13000000000"),
    lambda row: replace(row, caller_number=None),
    lambda row: replace(row, did="8412301"),
    lambda row: replace(row, line="business"),
    lambda row: replace(row, arrived_at=row.arrived_at - timedelta(seconds=2)),
    lambda row: replace(row, ended_at=row.ended_at and row.ended_at + timedelta(seconds=3)),
    lambda row: replace(row, ended_at=None),
    lambda row: replace(row, ended_by=EndedBy.SYSTEM),
    lambda row: replace(row, outcome=Outcome.SYSTEM_ERROR),
    lambda row: replace(row, hangup_cause=17),
]


@pytest.mark.parametrize("change", _ROW_CHANGES)
@pytest.mark.parametrize("world", WORLDS)
def test_every_changed_row_is_found(world: Callable[[], World], change: Callable[[Call], Call]) -> None:
    case = world()
    assert compare(replace(case, row=change(case.row)))


@pytest.mark.parametrize(
    "change",
    [
        lambda row: replace(row, answered_at=at(14)),
        lambda row: replace(row, answered_at=None, agent_legs=()),
        lambda row: replace(row, agent_legs=(replace(row.agent_legs[0], agent="agent101"),)),
        lambda row: replace(row, agent_legs=(replace(row.agent_legs[0], uniqueid="city-1.1"),)),
        lambda row: replace(row, rings=row.rings[1:]),
        lambda row: replace(row, rings=tuple(reversed(row.rings)), queue_legs=()),
        lambda row: replace(row, queue_legs=(replace(row.queue_legs[0], joined_at=at(1)),)),
        lambda row: replace(row, queue_legs=row.queue_legs * 2),
        lambda row: replace(row, outcome=Outcome.ABANDONED_QUEUE),
    ],
)
def test_changes_of_an_answered_row_are_found(change: Callable[[Call], Call]) -> None:
    case = answered()
    assert compare(replace(case, row=change(case.row)))


def test_who_was_called_to_a_caller_in_danger_is_testified_by_three_witnesses() -> None:
    case = in_danger()
    (leg,) = case.row.agent_legs
    enter, ignored, connect, complete = case.helpers.lines
    *rung, fire = case.helpers.records

    def told(*lines: QueueLogLine) -> World:
        return replace(case, helpers=replace(case.helpers, lines=lines))

    def recorded(*records: CdrLine) -> World:
        return replace(case, helpers=replace(case.helpers, records=records))

    def rows(**known: object) -> World:
        return replace(case, row=replace(case.row, **known))  # type: ignore[arg-type]

    lied = [
        (told(enter, ignored, complete), Witness.QUEUE_LOG),
        (told(enter, ignored, connect), Witness.QUEUE_LOG),
        (told(enter, ignored, replace(connect, agent="agent101"), complete), Witness.QUEUE_LOG),
        (recorded(fire), Witness.CDR),
        (recorded(*rung, replace(fire, disposition="BUSY")), Witness.CDR),
        (recorded(*rung[1:], fire), Witness.PEOPLE),
        (replace(case, helpers=NOBODY), Witness.QUEUE_LOG),
        (rows(transferred_at=None), Witness.PEOPLE),
        (rows(ended_by=EndedBy.AGENT), Witness.PEOPLE),
        (rows(agent_legs=(replace(leg, bridged_at=at(20)),)), Witness.QUEUE_LOG),
        (rows(agent_legs=(replace(leg, left_at=at(30)),)), Witness.CDR),
        (rows(agent_legs=(leg, leg)), Witness.QUEUE_LOG),
    ]
    for number, (world, witness) in enumerate(lied):
        assert fields(world, witness), f"the lie of number {number}"


def test_who_was_alone_in_a_room_has_no_record_of_that_time() -> None:
    case = in_danger()
    rung = replace(case.helpers.records[0], end=at(49))
    row = replace(
        case.row, agent_legs=(), answered_at=None, transferred_at=None, outcome=Outcome.ABANDONED_IVR
    )
    nobody = replace(case.played.rings[0], ended_at=at(49))
    alone = replace(
        case,
        row=row,
        played=replace(case.played, rings=(nobody,), emergency=None),
        cdr=(replace(case.cdr[0], end=at(5)),),
        helpers=replace(case.helpers, lines=(case.helpers.lines[0],), records=(rung,)),
    )
    assert compare(alone) == []


def test_whose_channel_it_was_is_told_by_one_line_of_queue_log() -> None:
    told = parse_queue_log([
        "1767600005|city-5.9|main|NONE|HOTLINEERRAND|with|city-1.7",
        "1767600005|city-5.9|main|NONE|ENTERQUEUE||13997361508|1",
        "1767600006|city-6.1|main|NONE|HOTLINEERRAND|callback,3",
    ])  # fmt: skip
    found = helpers_of(told, in_danger().helpers.records)
    assert {caller: [line.event for line in it.lines] for caller, it in found.items()} == {
        "city-1.7": ["ENTERQUEUE"]
    }
    assert by_call(told) == {}


def test_an_answer_that_nobody_gave_is_denied_by_the_people() -> None:
    case = abandoned()
    lie = replace(case.row, outcome=Outcome.ANSWERED, answered_at=at(8))
    assert {"answered", "outcome"} <= fields(replace(case, row=lie), Witness.PEOPLE)
    early = left_in_notice()
    queued = replace(early.row, outcome=Outcome.ABANDONED_QUEUE)
    assert "outcome" in fields(replace(early, row=queued), Witness.QUEUE_LOG)


def test_a_call_without_a_record_or_with_others_times_is_found() -> None:
    case = answered()
    assert fields(replace(case, cdr=()), Witness.CDR) == {"existence"}
    other = (replace(case.cdr[1], dstchannel="PJSIP/agent104-00000001"),)
    assert {"agent", "arrived_at"} <= fields(replace(case, cdr=other), Witness.CDR)


def test_a_call_taken_up_after_an_outage_is_held_to_what_can_be_known() -> None:
    case = answered()
    taken_up = replace(
        case.row,
        flags=frozenset({CallFlag.GAP}),
        queue_legs=(),
        rings=(),
        answered_at=None,
        ended_by=None,
        arrived_at=at(0.4),
    )
    assert compare(replace(case, row=taken_up)) == []
    assert compare(replace(case, row=replace(taken_up, outcome=Outcome.ABANDONED_QUEUE)))


def test_rows_find_their_citizens_by_number_then_by_moment() -> None:
    case = answered()
    assert match_rows([case.played], [case.row]) == ({"c001": case.row}, [])
    renumbered = replace(case.row, caller_number="1")
    assert match_rows([case.played], [renumbered])[0] == {"c001": renumbered}
    late = replace(case.row, arrived_at=at(60))
    assert match_rows([case.played], [late]) == ({}, [late])
    twice = [case.row, replace(case.row, arrived_at=at(0.5))]
    assert match_rows([case.played], twice) == ({"c001": case.row}, [twice[1]])


def test_logs_are_read_as_the_pbx_writes_them() -> None:
    lines = by_call(
        parse_queue_log(
            [
                "1795224092|NONE|NONE|NONE|QUEUESTART|",
                "1795224105|city-1795224102.0|main|NONE|ENTERQUEUE||13997361508|1",
                "rubbish",
            ]
        )
    )
    assert {key: [line.event for line in value] for key, value in lines.items()} == {
        "city-1795224102.0": ["ENTERQUEUE"],
        "?": ["?"],
    }
    records = citizens_records(
        parse_cdr(
            [
                '"city-1.0","city-1.0","1795224102.7","","1795224121.7","139","q1","ANSWERED",'
                '"PJSIP/hotline-trunk-00000000","PJSIP/agent101-00000002","hotline-queue","Queue","0","12345"',
                '"city-1.5","city-1.5","1795224102.7","","1795224121.7","","","ANSWERED","AudioSocket/1","",'
                '"","","1",""',
            ]
        )
    )
    assert list(records) == ["city-1.0"]
    assert records["city-1.0"][0].agent == "agent101"
