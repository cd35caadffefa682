"""However TCP cuts the bytes, and whatever they are, the messages are the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facts.errors import HotlineError
from telephony.agi.protocol import command_line, user_event
from telephony.ami.actions import Action
from telephony.ami.codec import MessageFramer, banner_version, event_name, parse_message
from telephony.ami.connection import AmiAddress
from telephony.ami.identity import EventKeys
from telephony.gateway import FieldRefused, clean_field

pieces = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    return chunks


def read(chunks: list[bytes], **options: int) -> list[bytes]:
    framer = MessageFramer(**options)
    return [message for chunk in chunks for message in framer.feed(chunk)]


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text("格尔木\r\n: EventAé", max_size=200).map(str.encode), pieces)
def test_any_bytes_cut_anyhow_give_the_same_messages(data: bytes, sizes: list[int]) -> None:
    data += b"\r\n\r\nEvent: End\r\n\r\n"
    whole = read([data], max_bytes=60)
    assert read(cut(data, sizes), max_bytes=60) == whole
    assert whole[-1].endswith(b"Event: End")
    for message in whole:
        parse_message(message)


def test_a_character_torn_at_every_byte_is_whole() -> None:
    wire = "Event: Newchannel\r\nCallerIDName: 格尔木市民\r\n\r\n".encode()
    for at in range(1, len(wire)):
        (message,) = read([wire[:at], wire[at:]])
        assert parse_message(message) == {"Event": "Newchannel", "CallerIDName": "格尔木市民"}


def test_a_message_too_long_is_dropped_whole_and_the_next_is_read() -> None:
    framer = MessageFramer(max_bytes=1000)
    got = []
    for chunk in cut(b"Event: A\r\nX: " + b"y" * 5000 + b"\r\n\r\nEvent: B\r\n\r\n", [7]):
        got += framer.feed(chunk)
        assert framer.pending_bytes <= 1010
    assert got == [b"Event: B"]
    assert framer.oversized == 1


def test_bytes_that_are_no_text_and_headers_that_repeat() -> None:
    assert parse_message(b"Event: X\r\nName: \xff\xfe\r\nV: 1\r\nV: 2\r\nno colon\r\nEmpty: ") == {
        "Event": "X",
        "Name": "\ufffd\ufffd",
        "V": "1\n2",
        "Empty": "",
    }
    assert parse_message(b"garbage") is None
    assert banner_version(b"Asterisk Call Manager/11.0.0\r\nResponse: Success") == "11.0.0"
    assert banner_version(b"Response: Success") is None


@settings(deadline=None)
@given(st.lists(st.sampled_from(("A: 1", "A: 2", "Event: X", "B:", "C:d: e", ": f", "", "g", "H: i: j"))))
def test_the_quick_way_through_plain_headers_reads_what_the_slow_one_reads(lines: list[str]) -> None:
    expected: dict[str, str] = {}
    for line in [*lines, "Response: Yes"]:
        name, colon, value = line.partition(":")
        if colon:
            value = value.removeprefix(" ")
            expected[name] = f"{expected[name]}\n{value}" if name in expected else value
    assert parse_message("\r\n".join([*lines, "Response: Yes"]).encode()) == expected


def test_what_nobody_asked_for_is_told_by_its_name_alone() -> None:
    assert event_name(b"Event: Newchannel\r\nUniqueid: a") == b"Newchannel"
    assert event_name(b"Event: Hangup") == b"Hangup"
    assert event_name(b"Event: QueueEntry\r\nActionID: 1\r\nQueue: main") is None
    assert event_name(b"Response: Success") is None


def test_identical_messages_have_keys_of_their_own_and_the_order_of_headers_does_not_matter() -> None:
    keys, other = EventKeys(), EventKeys()
    one = {"Event": "Newchannel", "Timestamp": "1.000001", "Uniqueid": "a"}
    turned = dict(reversed(one.items()))
    first, second = keys.key(one), keys.key(turned)
    assert first.digest == second.digest
    assert (first.ordinal, second.ordinal) == (0, 1)
    assert [other.key(one), other.key(one)] == [first, second], "two leaders give the same keys"
    assert keys.key({**one, "Uniqueid": "b"}).digest != first.digest


def test_keys_remember_no_more_than_they_may() -> None:
    keys = EventKeys(remembered=2)
    for name in "abc":
        keys.key({"Event": name})
    assert keys.key({"Event": "a"}).ordinal == 0
    assert keys.key({"Event": "c"}).ordinal == 1


hostile = st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n\0:,\\\"'()[]"), max_size=40)


@settings(deadline=None)
@given(hostile, hostile)
def test_no_value_can_add_a_header_or_an_action(name: str, value: str) -> None:
    """The injection property: what is sent has exactly the lines that were meant, or is refused."""
    try:
        headers = Action("Originate", {name or "x": value}).headers()
    except HotlineError:
        assert (
            set(name) & set("\r\n\0: ")
            or not name.isprintable()
            or set(value) & set("\r\n\0")
            or not name.isascii()
        )
        return
    assert all("\r" not in text and "\n" not in text for text in map(str, [*headers, *headers.values()]))


@settings(deadline=None)
@given(hostile)
def test_no_argument_can_add_an_agi_command(value: str) -> None:
    try:
        line = command_line("SET VARIABLE", "NAME", value)
        user_event("HotlineStep", {"Node": value})
    except FieldRefused:
        assert set(value) & set("\r\n\0")
        return
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b", "\ud800"])
def test_the_gateway_refuses_what_could_break_out(bad: str) -> None:
    with pytest.raises(FieldRefused):
        clean_field(bad, "Channel")
    with pytest.raises(FieldRefused):
        Action("Originate", {"Variable": ["A=1", bad]})
    with pytest.raises(FieldRefused):
        AmiAddress("127.0.0.1", 1, "user", bad, "city")


def test_a_secret_is_not_shown() -> None:
    assert "geheim" not in repr(AmiAddress("127.0.0.1", 1, "user", "geheim", "city"))
