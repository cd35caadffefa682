"""Where numbers stand in what a PBX says, and that tokens take their place and give it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts.masking import mask_phones
from ticketing_bridge.store.kept_phones import UNKEYED, KeptPhones
from ticketing_bridge.store.numbers import (
    ERASED,
    each_text,
    is_token,
    new_token,
    numbers_in,
    numbers_of,
    text_with_numbers,
    text_with_tokens,
    texts_of,
    tokens_in,
    tokens_of,
    with_numbers,
    with_tokens,
)
from ticketing_bridge.store.sealing import Vault


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Local/13909790001@hotline-out-00000012;1", ["13909790001"]),
        ("PJSIP/+8613909790001@trunk/n", ["+8613909790001"]),
        ("PJSIP/13909790001-0000001a", ["13909790001"]),
        ("callback:value=%2B8613909790001&kind=x;phone=09798412345", ["8613909790001", "09798412345"]),
        ('"ANSWER","1795726446.566657","city-1795726446.0","PJSIP/trunk-00000000","8412345"', ["8412345"]),
        ("|city-1795726454.5|business|NONE|ENTERQUEUE||18916061820|1", ["18916061820"]),
        ("0979-8412345", ["8412345"]),
        ("city-1795726446.0-voicemail", []),
        ("12345678-1234-1234-1234-123456789012", []),
        ("PJSIP/hotline-trunk-00000012", []),
        ("agent101", []),
        ("12345", []),
        ("1795726446.5", []),
        ("1234567890123456", []),
    ],
)
def test_numbers_within_texts(text: str, found: list[str]) -> None:
    assert [*numbers_in(text)] == found
    tokens = {it: new_token() for it in found}
    kept = text_with_tokens(text, tokens)
    assert [*tokens_in(kept)] == [*tokens.values()]
    assert numbers_in(kept) == ()
    assert text_with_numbers(kept, {token: number for number, token in tokens.items()}) == text


@given(st.lists(st.sampled_from('0123456789+-./@|&;=%2B~ax," ') | st.just("13909790001"), max_size=40))
def test_any_text_comes_back(parts: list[str]) -> None:
    text = "".join(parts)
    tokens = {it: new_token() for it in numbers_in(text)}
    kept = text_with_tokens(text, tokens)
    assert text_with_numbers(kept, {token: number for number, token in tokens.items()}) == text


def test_events_keep_everything_but_numbers() -> None:
    said = {
        "kind": "SnapshotChannel", "uniqueid": "13909790001", "caller_number": "66123", "state": 4,
        "connected_number": "13909790002", "exten": "09798412345", "did": "8412345", "application_data": "",
        "channel": "Local/13909790001@out-00000001;2",
    }  # fmt: skip
    assert [*numbers_of(said)] == ["66123", "13909790002", "09798412345", "13909790001"]
    tokens = {it: new_token() for it in numbers_of(said)}
    kept = with_tokens(said, tokens)
    assert {*tokens_of(kept)} == {*tokens.values()}
    assert (kept["uniqueid"], kept["did"]) == (said["uniqueid"], said["did"])
    numbers = {token: number for number, token in tokens.items()}
    assert with_numbers(kept, numbers) == said
    erased = with_numbers(kept, numbers | {tokens["66123"]: ERASED, tokens["13909790001"]: ERASED})
    assert "caller_number" not in erased
    assert erased["channel"] == kept["channel"]  # what it names stays apart
    assert with_tokens({"kind": "LinkUp"}, {}) == {"kind": "LinkUp"}


def test_texts_within_json() -> None:
    value = {"a": ["x", 1, {"b": "y"}], "c": None}
    assert [*texts_of(value)] == ["x", "y"]
    assert each_text(value, str.upper) == {"a": ["X", 1, {"b": "Y"}], "c": None}


def test_tokens_are_told_from_numbers() -> None:
    assert is_token(new_token())
    assert not any(map(is_token, ("", "13909790001", new_token() + "x", new_token()[:-1])))
    assert len({new_token() for _ in range(1000)}) == 1000


def test_what_is_kept_of_a_phone_is_keyed_once_and_recognised() -> None:
    phones, digest = KeptPhones(Vault("a")), bytes(32)
    kept = phones.kept("1508", digest)
    assert kept == phones.kept(*kept.values())  # type: ignore[arg-type]
    assert "1508" not in str(kept)
    last4, keyed = phones.last4("1508"), phones.digest(digest)
    assert phones.is_last4(last4, "1508")
    assert phones.is_last4("1508", "1508")
    assert not phones.is_last4(last4, "1509")
    assert not phones.is_last4(None, "1508")
    assert phones.is_digest(keyed, digest)
    assert phones.is_digest(digest, digest)
    assert not phones.is_digest(keyed, bytes([1] * 32))
    assert not phones.is_digest(None, digest)
    assert not KeptPhones(Vault("b")).is_last4(last4, "1508")
    assert UNKEYED.kept("1508", None) == {"phone_last4": "1508", "phone_hash": None}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("电话13997361508打来", "电话139****1508打来"),
        ("+8613997361508", "+86*******1508"),
        ("0979-8412345", "097*****2345"),
        ("202611270001 city-1795726446.0", "202611270001 city-1795726446.0"),
    ],
)
def test_numbers_in_reasons_are_masked(typed: str, kept: str) -> None:
    assert mask_phones(typed) == kept
