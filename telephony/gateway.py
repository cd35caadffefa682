"""The one gate for text that leaves for the PBX, by AMI or AGI.

Both protocols end a field with a line's end, so a CR or LF inside a value would begin a
header or a command of its own; NUL ends a C string early. Such a field is refused, never
mended: what was meant is not known.
"""

from __future__ import annotations

from facts.errors import HotlineError

_FORBIDDEN = frozenset("\r\n\0")


class FieldRefused(HotlineError):
    """A field for the PBX holds a line break or NUL, or is not valid text."""

    error_id = "field-refused"


def clean_field(text: str, what: str) -> str:
    r"""The text itself, when it may be sent; ``what`` names the field in the error.

    >>> clean_field("PJSIP/agent101", "Channel")
    'PJSIP/agent101'
    >>> clean_field("1\r\nAction: Originate", "Channel")
    Traceback (most recent call last):
    telephony.gateway.FieldRefused: Channel holds a line break or NUL — send it without

    Raises:
        FieldRefused: CR, LF, NUL, or a half of a surrogate pair is in it.
    """
    if not _FORBIDDEN.isdisjoint(text):
        raise FieldRefused(f"{what} holds a line break or NUL", fix="send it without")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FieldRefused(f"{what} is not valid text", fix="send characters only") from None
    return text


def clean_name(text: str, what: str = "a header's name") -> str:
    """A header's name, when it may be sent: printable ASCII without colon or blanks.

    Raises:
        FieldRefused: it is empty or holds anything else.
    """
    if not text or not text.isascii() or not text.isprintable() or ":" in text or " " in text:
        raise FieldRefused(f"{what} may hold printable ASCII without colon and blanks only")
    return text
