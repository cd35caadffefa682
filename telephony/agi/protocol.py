"""FastAGI on the wire, pure: what a command looks like, what an answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from facts.errors import HotlineError
from telephony.gateway import FieldRefused, clean_field, clean_name

#: Asterisk reads a command into 2048 bytes (AGI_BUF_LEN) and would cut the rest
MAX_COMMAND_BYTES = 2000
_ANSWER = re.compile(r"(?P<code>\d{3}) result=(?P<result>[^ ]*)(?: \((?P<note>[^)]*)\))?(?: (?P<more>.*))?")
_SPECIAL = re.compile(r'([\\,"()\[\]])')


class AgiProtocolError(HotlineError):
    """The other side does not speak FastAGI."""

    error_id = "agi-protocol"


class AgiCommandInvalid(HotlineError):
    """Asterisk does not accept a command (510 or 520)."""

    error_id = "agi-command-invalid"


@dataclass(frozen=True, slots=True)
class AgiAnswer:
    """``200 result=… (note) more``. ``result`` is what follows the sign, as text."""

    result: str
    note: str = ""
    more: str = ""

    @property
    def number(self) -> int:
        """The result as a number; -1, Asterisk's own word for failure, when it is none."""
        try:
            return int(self.result)
        except ValueError:
            return -1


def command_line(verb: str, *arguments: str) -> bytes:
    r"""One command. Arguments are quoted, so blanks and quotes in them stay in them.

    >>> command_line("SET VARIABLE", "WHO", 'a "b" c')
    b'SET VARIABLE "WHO" "a \\"b\\" c"\n'

    Raises:
        FieldRefused: a line break or NUL in it, or longer than Asterisk reads.
    """
    quoted = (
        '"{}"'.format(clean_field(argument, f"{verb}'s argument").replace("\\", r"\\").replace('"', r"\""))
        for argument in arguments
    )
    line = " ".join((clean_field(verb, "an AGI command"), *quoted)).encode() + b"\n"
    if len(line) > MAX_COMMAND_BYTES:
        raise FieldRefused(f"{verb} is {len(line)} bytes long", fix=f"{MAX_COMMAND_BYTES} is the most")
    return line


def user_event(name: str, fields: Mapping[str, str]) -> str:
    r"""The argument of the application UserEvent: what Asterisk would split on is escaped.

    >>> print(user_event("HotlineStep", {"Node": "menu", "Key": "1,2"}))
    HotlineStep,Node: menu,Key: 1\,2

    Raises:
        FieldRefused: a name or a value could break out of its header.
    """
    parts = [clean_name(name)]
    for field, value in fields.items():
        escaped = _SPECIAL.sub(r"\\\1", clean_field(value, field))
        parts.append(f"{_SPECIAL.sub('', clean_name(field))}: {escaped}")
    return ",".join(parts)


def parse_answer(line: str) -> AgiAnswer:
    """A ``200`` line.

    >>> parse_answer("200 result=12 (timeout)")
    AgiAnswer(result='12', note='timeout', more='')

    Raises:
        AgiProtocolError: it is none.
    """
    match = _ANSWER.fullmatch(line)
    if match is None or match["code"] != "200":
        raise AgiProtocolError(f"an answer that is none: {line[:80]!r}")
    return AgiAnswer(match["result"], match["note"] or "", match["more"] or "")


def parse_handshake(block: bytes) -> dict[str, str]:
    """The ``agi_…`` headers that Asterisk sends first, without the empty line.

    Raises:
        AgiProtocolError: a header is broken, or one that a session needs is missing.
    """
    headers: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise AgiProtocolError("the first lines are not agi_ headers")
        headers[name] = value.strip()
    for needed in ("agi_network_script", "agi_channel", "agi_uniqueid"):
        if not headers.get(needed):
            raise AgiProtocolError(f"no {needed}")
    return headers
