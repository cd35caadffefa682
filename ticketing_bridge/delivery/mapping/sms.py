"""Messages to citizens' phones, as a gateway's own fields want them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.delivery import Sends, Sms
from ticketing_bridge.delivery.mapping.remote import read_json, text_of
from ticketing_bridge.delivery.problems import InDoubt, Refused

_MOBILE = re.compile(r"1[3-9]\d{9}")
#: of one value in a message: no ticket's title fills it
MOST_VALUE = 60


def mobile(number: str | None) -> str | None:
    """A number that can get a message, without the country's; None when it cannot.

    >>> mobile("+8613997361508"), mobile("09798412345"), mobile(None)
    ('13997361508', None, None)
    """
    digits = re.sub(r"^(?:\+|00)?86(?=1)", "", (number or "").replace(" ", ""))
    return digits if _MOBILE.fullmatch(digits) else None


def fields(config: Sms, kind: Sends, phone: str, key: str, values: Mapping[str, str]) -> dict[str, str]:
    """What is sent for one message. ``values``: number, unit, title, name, as the text wants them."""
    short = {name: value[:MOST_VALUE] for name, value in values.items()}
    text = config.texts[kind].format_map(_Gaps(short))
    return {
        name: place.format_map(_Gaps({**short, "mobile": phone, "text": text, "key": key}))
        for name, place in config.fields.items()
    }


class _Gaps(dict[str, str]):
    """A value that this message has not is an empty place."""

    def __missing__(self, key: str) -> str:
        return ""


def read_sent(body: bytes, config: Sms) -> str:
    """The gateway's id of a message that it took.

    Raises:
        Refused: it says that it did not.
        InDoubt: it says neither.
    """
    content = read_json(body)
    if not isinstance(content, dict) or config.success_field not in content:
        raise InDoubt("the answer does not say whether it was sent")
    said = text_of(content[config.success_field])
    if said != config.success_value:
        raise Refused(f"the gateway says {config.success_field}={said}")
    return text_of(content.get(config.id_field)) or ""
