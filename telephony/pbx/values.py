"""The gateway through which every value enters a configuration file of Asterisk."""

from __future__ import annotations

import ipaddress
import re

from facts.errors import HotlineError

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
#: what ends a value, starts a comment, or is expanded in Asterisk's files; also the argument separators
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029;\"$|,\[\]{}()\\]")


class PbxConfigInvalid(HotlineError):
    """A value of the configuration cannot be given to Asterisk."""

    error_id = "pbx-config-invalid"


def safe(value: object) -> str:
    """The value as it may stand in a configuration file.

    Raises:
        PbxConfigInvalid: it holds a line break, a comment sign, or a sign that Asterisk expands.
    """
    text = str(value)
    found = _FORBIDDEN.search(text)
    if found:
        raise PbxConfigInvalid(
            f"{text!r} cannot be given to Asterisk: it has {found.group()!r}",
            fix="use letters, digits, '.', '_', '-' and '/' (for a folder: set HOTLINE_HOME to a plain path)",
        )
    return text


def trunk_host(value: str) -> str:
    """An address from which citizens' calls come: IP, network, host name, each with an optional port.

    Raises:
        PbxConfigInvalid: it is none of these.

    >>> trunk_host("127.0.0.1:5070"), trunk_host("10.1.0.0/16"), trunk_host("sbc.example.net")
    ('127.0.0.1:5070', '10.1.0.0/16', 'sbc.example.net')
    """
    host, colon, port = value.rpartition(":") if value.count(":") == 1 else (value, "", "")
    try:
        ipaddress.ip_network(host, strict=False)
        good = True
    except ValueError:
        good = len(host) <= 253 and _HOST.match(host) is not None
    if not good or (colon and not re.fullmatch(r"[1-9][0-9]{0,4}", port, re.ASCII)):
        raise PbxConfigInvalid(
            f"trunk_hosts: {value!r} is not an address",
            fix="write an IP address, a network (10.1.0.0/16) or a host name in hotline.yaml",
        )
    return value
