"""Signed messages: how ours are signed, how others' are checked, what they carry."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ticketing_bridge.delivery.mapping.remote import RemoteTicket, read_json, text_of
from ticketing_bridge.delivery.outbound import OutboundTicket
from ticketing_bridge.delivery.problems import InDoubt

#: a message that is older, or from further in the future, is refused (seconds)
FRESH_S = 300

SIGNATURE = "Hotline-Signature"
TIMESTAMP = "Hotline-Timestamp"
KEY = "Idempotency-Key"


#: of a ticket, what is of no use to others
_OURS = frozenset({"told_by", "moved_at"})


def signature(secret: str, stamp: int, key: str, body: bytes) -> str:
    """HMAC-SHA256 over ``TIMESTAMP.KEY.BODY``.

    >>> signature("secret", 1, "k", b"{}")[:11]
    'v1=ade9c1ff'
    """
    signed = b".".join((str(stamp).encode(), key.encode(), body))
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signed_headers(secret: str, stamp: int, key: str, body: bytes) -> dict[str, str]:
    """The headers of a message of ours."""
    return {KEY: key, TIMESTAMP: str(stamp), SIGNATURE: signature(secret, stamp, key, body)}


def rightly_signed(secret: str, stamp: str, key: str, body: bytes, given: str, now_s: float) -> bool:
    """Whether a message is from who shares the secret, and is of now."""
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12) or abs(now_s - int(stamp)) > FRESH_S:
        return False
    return hmac.compare_digest(signature(secret, int(stamp), key, body).encode(), given.encode())


def message(kind: str, ticket: OutboundTicket) -> dict[str, Any]:
    """A ticket as JSON; the reporter only where ``released`` has left one."""
    shown = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(ticket).items()
        if value is not None and name not in _OURS
    }
    return {"kind": kind, "ticket": shown}


def read_receipt(body: bytes, key: str) -> RemoteTicket:
    """The answer to a message or a lookup: ``{"id": …, "status"?: …, "note"?: …, "key"?: …}``.

    Raises:
        InDoubt: it is none, or speaks of another key.
    """
    content = read_json(body)
    number = text_of(content.get("id")) if isinstance(content, dict) else None
    if number is None or content.get("key", key) != key:
        raise InDoubt("the answer has no id, or another key")
    return RemoteTicket(number, key, text_of(content.get("status")), text_of(content.get("note")))
