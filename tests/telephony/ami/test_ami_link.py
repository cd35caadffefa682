"""What the followers of a PBX are promised: order, marks, snapshots, nothing unsaid."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from telephony.ami.actions import Action, AmiActionRefused, AmiNoAnswer, AmiUnreachable
from telephony.ami.events import LinkLost, LinkUp, SnapshotBegin, SnapshotChannel, SnapshotEnd, parse_event
from telephony.ami.link import AmiAddress, AmiLink, LinkState, LinkTimes
from telephony.ami.parsing import READ_EVENTS
from telephony.ami.testing import FakeAmi, encode

CHANNEL = {
    "Channel": "PJSIP/trunk-1",
    "Uniqueid": "city-1.1",
    "Linkedid": "city-1.1",
    "ChannelState": "6",
    "Duration": "01:02:03",
}


async def taken(link: AmiLink) -> list[Any]:
    """The typed events that are queued now."""
    events = [parse_event(message.headers, "city") for message in await link.next_batch()]
    return [event for event in events if event is not None]


async def test_every_connect_gives_a_bracketed_snapshot_and_every_loss_a_mark(
    pbx: FakeAmi, make_link: Any, eventually: Any
) -> None:
    pbx.channels = [CHANNEL]
    link = await make_link()
    await link.wait_up(8)
    first = await taken(link)
    assert [type(event) for event in first] == [LinkUp, SnapshotBegin, SnapshotChannel, SnapshotEnd]
    assert first[-1].complete
    assert first[-1].channels == 1
    assert first[2].duration_s == 3723
    pbx.drop()
    await eventually(lambda: link.status.state is LinkState.LOST)
    await link.wait_up(8)
    again = await taken(link)
    assert [type(event) for event in again] == [LinkLost, LinkUp, SnapshotBegin, SnapshotChannel, SnapshotEnd]
    assert again[2].number == first[1].number + 1


async def test_events_of_which_nothing_is_read_are_counted_and_go_no_further(
    pbx: FakeAmi, make_link: Any, eventually: Any
) -> None:
    pbx.channels = [CHANNEL]
    link = await make_link(wanted=READ_EVENTS)
    await link.wait_up(8)
    before = link.counts.messages
    await pbx.event("VarSet", Uniqueid="a")
    await pbx.event("Hangup", Uniqueid="a", Channel="PJSIP/trunk-1", Cause="16")
    await eventually(lambda: link.counts.messages == before + 2)
    names = [message.headers["Event"] for message in await link.next_batch()]
    assert "CoreShowChannel" in names
    assert names[-1] == "Hangup"
    assert "VarSet" not in names


async def test_a_snapshot_that_is_refused_is_incomplete_and_the_link_stays(
    pbx: FakeAmi, make_link: Any
) -> None:
    pbx.answers["queuestatus"] = lambda _: [{"Response": "Error", "Message": "Permission denied"}]
    link = await make_link()
    await link.wait_up(8)
    assert not (await taken(link))[-1].complete


async def test_the_pbx_is_down_at_the_start(pbx: FakeAmi, make_link: Any) -> None:
    await pbx.stop()
    states: list[Any] = []
    link = await make_link(on_state=states.append)
    with pytest.raises(AmiUnreachable, match=r"hotline-reader@127\.0\.0\.1"):
        await link.wait_up(0.3)
    with pytest.raises(AmiUnreachable):
        await link.action(Action("Ping"))
    await pbx.start()
    await link.wait_up(8)
    assert [status.state for status in states] == [LinkState.UNREACHABLE, LinkState.UP]


async def test_a_pbx_that_drops_everybody_is_not_stormed(pbx: FakeAmi, make_link: Any) -> None:
    pbx.faults.drop_on_connect = True
    began_s = time.monotonic()
    await make_link()
    await asyncio.sleep(1.0)
    most = 8 + (time.monotonic() - began_s) / 0.1
    assert pbx.connections <= most, "0.02 s doubling to 0.2 s, each at least half"


async def test_a_slow_answer_is_given_up_and_forgotten(pbx: FakeAmi, make_link: Any) -> None:
    link = await make_link()
    await link.wait_up(8)
    pbx.faults.slow_s = 0.2
    with pytest.raises(AmiNoAnswer):
        await link.action(Action("GetVar"), timeout_s=0.05)
    await asyncio.sleep(0.3)
    waiting = link._connection._protocol.responses.values()
    assert not [action for action in waiting if action["Action"] == "GetVar"]
    assert link.status.state is LinkState.UP


async def test_a_refused_action_says_why(pbx: FakeAmi, make_link: Any) -> None:
    pbx.answers["hangup"] = lambda _: [{"Response": "Error", "Message": "No such channel"}]
    link = await make_link()
    await link.wait_up(8)
    with pytest.raises(AmiActionRefused, match="No such channel"):
        await link.action(Action("Hangup", {"Channel": "x"}))


async def test_the_pbx_clock_is_measured_and_marks_are_on_it(quick: LinkTimes) -> None:
    async with FakeAmi(clock_offset_s=-3600) as pbx:
        address = AmiAddress("127.0.0.1", pbx.port, "u", "s", "city")
        async with AmiLink(address, times=quick) as link:
            await link.wait_up(8)
            assert abs(link.clock.offset_s + 3600) < 0.2
            await pbx.event("Newchannel", Uniqueid="a")
            await asyncio.sleep(0.05)
            assert link.clock.lag_s < 0.3
            up = (await taken(link))[0]
            assert abs(up.at.timestamp() - (time.time() - 3600)) < 1


async def test_events_that_come_late_show(pbx: FakeAmi, make_link: Any) -> None:
    link = await make_link()
    await link.wait_up(8)
    await pbx.raw(encode({"Event": "Newchannel", "Timestamp": f"{time.time() - 42:.6f}", "Uniqueid": "a"}))
    await asyncio.sleep(0.05)
    assert 41 < link.clock.lag_s < 44


async def test_events_without_time_get_one(pbx: FakeAmi, make_link: Any) -> None:
    link = await make_link()
    await link.wait_up(8)
    await taken(link)
    await pbx.raw(encode({"Event": "Newchannel", "Uniqueid": "a"}))
    (event,) = await taken(link)
    assert abs(event.at.timestamp() - time.time()) < 2


async def test_a_consumer_that_sleeps_costs_the_link_not_the_memory(
    pbx: FakeAmi, make_link: Any, eventually: Any
) -> None:
    link = await make_link(max_queued=50)
    await link.wait_up(8)
    await pbx.raw(encode({"Event": "Newchannel", "Timestamp": pbx.now(), "Uniqueid": "a"}) * 200)
    await eventually(lambda: link.status.state is LinkState.LOST)
    await asyncio.sleep(0.3)
    assert link.queued <= 60
    assert link.status.state is LinkState.LOST, "not before there is room"
    events = await taken(link)
    assert isinstance(events[-1], LinkLost), "the gap is marked where it begins"
    await link.wait_up(8)


async def test_closing_ends_the_stream_after_what_is_queued(pbx: FakeAmi, make_link: Any) -> None:
    link = await make_link()
    await link.wait_up(8)
    await link.close()
    events = [parse_event(message.headers, "city") async for message in link.messages()]
    assert isinstance(events[-1], LinkLost)
    assert events[-1].reason == "closed"


async def test_an_originator_neither_queues_nor_snapshots(pbx: FakeAmi, make_link: Any) -> None:
    link = await make_link(follow=False)
    await link.wait_up(8)
    await pbx.event("Newchannel", Uniqueid="a")
    await link.action(Action("Ping"))
    assert link.queued == 0
    assert not pbx.named("CoreShowChannels")


async def test_whoever_watches_the_state_cannot_break_the_link(pbx: FakeAmi, make_link: Any) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a health page's bug")

    link = await make_link(on_state=broken)
    await link.wait_up(8)
