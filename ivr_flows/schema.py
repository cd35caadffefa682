"""The form of a flow file: YAML with Chinese prompts, one file a flow, an unknown key is an error."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from ivr_flows.nodes import Identifier, Name, Node


class Purpose(StrEnum):
    """When callers come into a flow: each has its own guarantee, which ``check`` proves."""

    #: dialled a number: who does nothing reaches a person at once
    ARRIVAL = "arrival"
    #: pressed a key while waiting: who does nothing is back in the queue, at the same place
    WAITING = "waiting"
    #: had a person: the walk ends kindly
    AFTER = "after"
    #: was phoned by us
    OUTBOUND = "outbound"
    #: no person could be had: call-back or voicemail, never a dead end
    NO_AGENT = "no_agent"


class Flow(BaseModel):
    """One flow. Immutable: a call keeps the version that it began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: Identifier
    title: Annotated[str, Field(max_length=40)] = Field("", description="as people read it")
    purpose: Purpose = Purpose.ARRIVAL
    start: Name
    entries: dict[Purpose, Name] = Field(
        default_factory=dict, description="where callers of another purpose come in; default: start"
    )
    exempt: tuple[Identifier, ...] = Field((), description="flows of which the limits are not asked here")
    exempt_reason: Annotated[str, Field(max_length=200)] = ""
    recorded: bool = Field(False, description="every text must be a studio recording")
    max_visits: int = Field(
        3, ge=1, le=10, description="how often a caller may enter one node before a person takes over"
    )
    nodes: dict[Name, Node] = Field(min_length=1)

    _lines: dict[str, int] = PrivateAttr(default_factory=dict)

    @cached_property
    def version(self) -> str:
        """Changes with any change of the flow's content."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def entry(self, purpose: Purpose) -> str:
        """The node where callers of this purpose come in."""
        return self.entries.get(purpose, self.start)

    def line_of(self, node: str) -> int | None:
        """Line of a node in its file, when the flow was read from one."""
        return self._lines.get(node)

    def with_lines(self, lines: Mapping[str, int]) -> Flow:
        """The same flow, knowing where its nodes stand in the file."""
        self._lines.update(lines)
        return self


def flow_json_schema() -> dict[str, Any]:
    """JSON Schema of a flow file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Flow.model_json_schema()}
