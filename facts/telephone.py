"""Telephone numbers: as they are compared, and as they are kept where nobody may read them."""

from __future__ import annotations

import hashlib
import secrets

#: how many of the last digits a caller names
LAST_DIGITS = 4


def phone_digest(phone: str, salt: bytes) -> bytes:
    """A call-back number as the ticket keeps it: enough to recognise it, not to read it."""
    return hashlib.blake2b(phone.encode(), key=salt, digest_size=32).digest()


def new_salt() -> bytes:
    """For one ticket's number."""
    return secrets.token_bytes(16)


def only_digits(text: str) -> str:
    """The digits of a number as it is written, keyed or signalled.

    >>> only_digits("GEM-2025-0012"), only_digits("+8613909790001")
    ('20250012', '8613909790001')
    """
    return "".join(it for it in text if it in "0123456789")


def national(number: str) -> str:
    """A Chinese number without the country's code.

    >>> national("+8613909790001"), national("0979-8412345")
    ('13909790001', '09798412345')
    """
    digits = only_digits(number)
    return digits[2:] if number.startswith("+86") else digits[4:] if number.startswith("0086") else digits
