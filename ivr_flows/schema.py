"""The form of a flow file: YAML with Chinese prompts, one file a flow, an unknown key is an error.

A node's kind is its first word (``say``, ``menu``, …). Every time is in milliseconds.
Wherever a node does not say where it goes on, the caller goes to the queue of the
dialled line: a forgotten branch ends at a person, never in silence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

KINDS = ("say", "menu", "collect", "set", "goto", "queue", "hang_up")
#: every key of a telephone
ALL_KEYS = "0123456789*#"
#: where a branch without a target goes
LINE_QUEUE = "{line.queue}"
#: a name in a template, e.g. ``{line.greeting}``
TEMPLATE = re.compile(r"\{([^{}]*)\}")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$", description="name of a node")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Milliseconds = Annotated[int, Field(ge=500, le=30_000)]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _keys_as_text(value: object) -> object:
    """YAML reads ``1:`` as a number; a telephone key is a character."""
    return {str(key): to for key, to in value.items()} if isinstance(value, Mapping) else value


def _goodbye(value: object) -> object:
    return () if value is None or value is True else _one_or_many(value)


Texts = Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
KeyTargets = Annotated[dict[Key, Name], BeforeValidator(_keys_as_text), Field(min_length=1)]
ChannelVariable = Annotated[str, Field(pattern=r"^HOTLINE_[A-Z0-9_]{1,40}$")]


class Part(BaseModel):
    """Base of all nodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Say(Part):
    """Play texts. With ``barge_in`` a key ends them and counts for the next menu or collect."""

    say: Texts
    barge_in: bool = True
    next: Name | None = None


class Asking(Part):
    """What menu and collect share: how often one asks, and where a caller goes who cannot answer."""

    wrong: Texts | None = Field(None, description="said after a wrong answer, before asking again")
    silence: Texts | None = Field(None, description="said after no answer, before asking again")
    retries: int = Field(1, ge=0, le=3, description="times the question is asked again")
    barge_in: bool = True
    otherwise: Name | None = Field(None, description="after the last try; default: the line's queue")

    @property
    def attempts(self) -> int:
        return self.retries + 1


class Menu(Asking):
    """Ask for one key."""

    menu: Texts
    keys: KeyTargets
    timeout_ms: Milliseconds = 4000


class Collect(Asking):
    """Read digits into ``{collected.<variable>}`` and the channel variable ``HOTLINE_<VARIABLE>``."""

    collect: Texts
    variable: Name
    min_digits: int = Field(1, ge=1, le=30)
    max_digits: int = Field(20, ge=1, le=30)
    terminator: Literal["", "#", "*"] = "#"
    first_timeout_ms: Milliseconds = 5000
    between_timeout_ms: Milliseconds = 3000
    next: Name | None = None


class Set(Part):
    """Set channel variables for the dialplan; ``HOTLINE_QUEUE`` belongs to the queue node."""

    set: dict[ChannelVariable, Annotated[str, Field(max_length=200)]] = Field(min_length=1)
    next: Name | None = None


class Goto(Part):
    """Go on elsewhere."""

    goto: Name


class Queue(Part):
    """The end that citizens want: a queue with people behind it."""

    queue: Annotated[str, Field(min_length=1, max_length=60)]


class HangUp(Part):
    """Say goodbye, if there is something to say, and end the call."""

    hang_up: Annotated[tuple[Text, ...], BeforeValidator(_goodbye)] = ()


def _kind(value: object) -> str | None:
    named = value.keys() if isinstance(value, Mapping) else type(value).model_fields  # type: ignore[attr-defined]
    found = [kind for kind in KINDS if kind in named]
    return found[0] if len(found) == 1 else None


Node = Annotated[
    Annotated[Say, Tag("say")]
    | Annotated[Menu, Tag("menu")]
    | Annotated[Collect, Tag("collect")]
    | Annotated[Set, Tag("set")]
    | Annotated[Goto, Tag("goto")]
    | Annotated[Queue, Tag("queue")]
    | Annotated[HangUp, Tag("hang_up")],
    Discriminator(
        _kind,
        custom_error_type="node_kind",
        custom_error_message=f"a node needs exactly one of {', '.join(KINDS)}",
    ),
]


class Flow(BaseModel):
    """One flow. Immutable: a call keeps the version that it began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
    start: Name
    max_visits: int = Field(
        3, ge=1, le=10, description="how often a caller may enter one node before a person takes over"
    )
    nodes: dict[Name, Node] = Field(min_length=1)

    @cached_property
    def version(self) -> str:
        """Changes with any change of the flow's content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def texts_of(node: Part) -> tuple[str, ...]:
    """Every text that a node may play, as written (templates unfilled)."""
    match node:
        case Say():
            return node.say
        case Menu() | Collect():
            question = node.menu if isinstance(node, Menu) else node.collect
            return question + (node.wrong or ()) + (node.silence or ())
        case HangUp():
            return node.hang_up
    return ()


def targets_of(node: Part) -> tuple[tuple[str, str | None], ...]:
    """Where a node may lead: (what the caller did, target); a target of None is the line's queue."""
    match node:
        case Say() | Set():
            return (("", node.next),)
        case Goto():
            return (("", node.goto),)
        case Menu():
            return (*((key, node.keys[key]) for key in sorted(node.keys)), ("otherwise", node.otherwise))
        case Collect():
            return (("digits", node.next), ("otherwise", node.otherwise))
    return ()


def flow_json_schema() -> dict[str, Any]:
    """JSON Schema of a flow file, for editors."""
    return Flow.model_json_schema()
