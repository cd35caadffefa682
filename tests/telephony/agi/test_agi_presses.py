"""Keys that were pressed, told from those that the PBX counts twice."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.caller_session import Keys
from telephony.agi import presses
from telephony.agi.presses import KeyWitness, Presses
from telephony.agi.session import AgiSession

CHANNEL = "PJSIP/trunk-00000001"
TAKE = "GET FULL VARIABLE"


def tell(witness: KeyWitness, *events: str, channel: str = CHANNEL) -> None:
    """``+4``: 4 goes down; ``-4``: it is up (or comes again)."""
    for event in events:
        name = "DTMFBegin" if event[0] == "+" else "DTMFEnd"
        told = {"Event": name, "Channel": channel, "Digit": event[1], "DurationMs": "40"}
        witness.take({**told, "Direction": "Received"})
        witness.take({**told, "Direction": "Sent"})


@given(
    st.text("0123456789*#", min_size=1, max_size=20),
    st.lists(st.booleans(), min_size=20, max_size=20),
    st.lists(st.integers(0, 2), min_size=40, max_size=40),
    st.integers(1, 4),
)
def test_a_burst_is_known_whatever_comes_out_of_the_queue_again(
    keys: str, again: list[bool], moments: list[int], new: int
) -> None:
    """Ends come out of the queue in their order, at any moment, between any two events of the next keys."""
    story, queue, when, kept = Presses(), deque[str](), iter(moments), ""

    def out_of_the_queue() -> None:
        for _ in range(min(next(when), len(queue))):
            story.end(queue.popleft(), "60")

    for key, twice in zip(keys, again, strict=False):
        story.begin(key)
        out_of_the_queue()
        story.end(key, "60")
        if twice:
            queue.append(key)
        out_of_the_queue()
    while queue:
        story.end(queue.popleft(), "60")
    kept = story.ends
    assert story.among(kept, len(kept), 0) == keys
    parts = [kept[at : at + new] for at in range(0, len(kept), new)]
    told = [story.among(kept[: at * new + len(part)], len(part), 0) for at, part in enumerate(parts)]
    assert "".join(part or "" for part in told) == keys, "however it is taken"


def test_a_telephone_that_tells_the_ends_only_presses_all_of_them() -> None:
    story = Presses()
    for digit in "1123":
        story.end(digit, "250")
    assert story.among("1123", 4, 0) == "1123"


def test_an_end_whose_beginning_was_lost_was_pressed() -> None:
    story = Presses()
    for length, digits in (("60", "12"), ("80", "1")):
        for digit in digits:
            if length == "60":
                story.begin(digit)
            story.end(digit, length)
    assert story.among("121", 3, 0) == "121"


@pytest.mark.parametrize(("told_before", "kept"), [(1, "44"), (0, "44"), (2, "44")])
def test_keys_before_they_were_kept_do_not_count(told_before: int, kept: str) -> None:
    """5 led into the flow; whether that was told before or after the flow's server looked is not sure."""
    story = Presses()
    for event in ["+5", "-5", "+4", "-4", "-4"]:
        if event[0] == "+":
            story.begin(event[1])
        else:
            story.end(event[1], "40")
    assert story.among(kept, 2, told_before) == "4"
    assert story.among("445", 3, told_before) is None


@pytest.fixture
def kept(serve: Any, dial: Any, handshake: Any) -> Any:
    """One number is read on a PBX that keeps keys and has a witness."""

    async def start(witness: KeyWitness, number: asyncio.Future[Keys]) -> Any:
        async def read(session: AgiSession) -> None:
            number.set_result(
                await session.collect(
                    [], max_digits=4, terminator="#", first_timeout_ms=2500, between_timeout_ms=400
                )
            )

        greeting = handshake(agi_arg_3="main", agi_arg_4="", agi_arg_5="kept")
        return await dial(await serve(read, witness=witness), greeting)

    return start


async def test_a_number_is_read_without_the_keys_that_came_again(kept: Any) -> None:
    witness, number = KeyWitness(), asyncio.get_running_loop().create_future()
    tell(witness, "+9", "-9", "+1", "-1", channel="another")
    pbx = await kept(witness, number)
    await pbx.play(
        ('WAIT FOR DIGIT "1000"', "200 result=0"),
        (TAKE, "200 result=1 ()"),
        ('WAIT FOR DIGIT "1000"', "200 result=49"),
        (TAKE, "200 result=1 (12)"),
        ('WAIT FOR DIGIT "400"', "200 result=50"),
        (TAKE, "200 result=1 (23#)"),
    )
    tell(witness, "+1", "-1", "+2", "-2")
    await asyncio.sleep(0)
    assert not number.done(), "what is on its way is waited for"
    tell(witness, "-2", "+3", "-3", "+#", "-#")
    assert await number == Keys("123", terminated=True)


async def test_where_nobody_tells_all_keys_count(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presses, "PATIENCE_S", 0.02)
    for telling in (False, True):  # AMI tells nothing of keys, or nothing of this channel
        witness, number = KeyWitness(), asyncio.get_running_loop().create_future()
        if telling:
            tell(witness, "+9", "-9", channel="another")
        pbx = await kept(witness, number)
        await pbx.play(
            ('WAIT FOR DIGIT "1000"', "200 result=49"),
            (TAKE, "200 result=1 (11)"),
            ('WAIT FOR DIGIT "400"', "200 result=1000"),
            (TAKE, "200 result=1 ()"),
            ('WAIT FOR DIGIT "400"', "200 result=35"),
            (TAKE, "200 result=1 (#)"),
        )
        assert await number == Keys("11", terminated=True)
    assert await KeyWitness().pressed(CHANNEL, "11", 0, 0) == "", "nothing new is nothing"


def test_channels_without_end_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presses, "_MOST_CHANNELS", 2)
    witness = KeyWitness()
    for channel in "abc":
        tell(witness, "+1", "-1", channel=channel)
    assert [witness.told(channel) for channel in "abc"] == [0, 1, 1]
