"""What simulated citizens and agents do: the model of a scenario file.

A scenario is a YAML or JSON list with one entry a call; only ``says`` is required. Outsiders write
these files, so every refusal names the file, the entry with its line, the field and the fix.
The JSON schema is ``scenario_schema()``; docs/scenario.md shows an example with every field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

#: spellings of "the caller withheld the number"
WITHHELD = frozenset({"", "null", "none", "~", "withheld", "anonymous", "未显示", "匿名"})
#: "no number was given": the player deals one out
ANY_NUMBER = "auto"

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Pause = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]


class Who(StrEnum):
    """Who speaks, or who ends the call."""

    CITIZEN = "citizen"
    AGENT = "agent"


_WHO_WORDS = {
    "caller": Who.CITIZEN,
    "市民": Who.CITIZEN,
    "群众": Who.CITIZEN,
    "来电人": Who.CITIZEN,
    "话务员": Who.AGENT,
    "坐席": Who.AGENT,
}


class Moment(StrEnum):
    """A moment of a call as its caller knows it; ``after_s`` counts from it."""

    #: the number was dialled
    DIAL = "dial"
    #: the PBX answered: the notice begins
    NOTICE = "notice"
    #: the notice is over: the greeting begins
    GREETING = "greeting"
    #: the greeting is over: the caller waits for an agent
    QUEUE = "queue"
    #: an agent answered
    ANSWER = "answer"
    #: everything was said
    TALK = "talk"
    #: the agent hung up: the hotline asks how it was
    SURVEY = "survey"
    #: the citizen does not hang up: the hotline does, or an agent after the talk
    NEVER = "never"


#: moments at which no agent is there yet
BEFORE_AN_AGENT = frozenset({Moment.DIAL, Moment.NOTICE, Moment.GREETING, Moment.QUEUE})

#: seconds after the moment when the file gives none
DEFAULT_AFTER_S: Mapping[Moment, float] = {
    Moment.DIAL: 0.5,
    Moment.NOTICE: 1.0,
    Moment.GREETING: 1.2,
    Moment.QUEUE: 5.0,
    Moment.ANSWER: 3.0,
    Moment.TALK: 0.8,
    Moment.SURVEY: 6.0,
    Moment.NEVER: 0.8,
}


class Part(BaseModel):
    """Base: frozen, and an unknown field is an error rather than a silent nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _who(value: object) -> object:
    return _WHO_WORDS.get(value, value) if isinstance(value, str) else value


class Turn(Part):
    """One thing that is said. ``pause_s``: silence before it, counted from the end of the turn before."""

    who: Annotated[Who, BeforeValidator(_who)] = Who.CITIZEN
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
    pause_s: Pause = 0.6


class KeyPress(Part):
    """Keys that the citizen presses, ``after_s`` seconds after ``when`` (the PBX's answer)."""

    when: Moment = Moment.NOTICE
    after_s: Seconds
    digits: Annotated[str, Field(pattern=r"^[0-9*#A-D]{1,32}$")]


class Message(Part):
    """Something that the citizen says without an agent: a message, or the answer to an open question."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
    when: Moment = Moment.QUEUE
    after_s: Seconds


class TakeHow(StrEnum):
    """What a telephone does when the hotline phones it."""

    ANSWER = "answer"
    BUSY = "busy"
    RING_OUT = "ring_out"


class Phoned(Part):
    """What the citizen does when the hotline phones back (a call-back, a follow-up)."""

    how: TakeHow = TakeHow.ANSWER
    after_s: Seconds = 1.5
    #: said once the call is up
    says: Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)] = ""
    #: pressed so many seconds after answering
    keys: tuple[KeyPress, ...] = ()
    #: the citizen hangs up so many seconds after answering; None: the other side does
    hangs_up_after_s: Seconds | None = None
    #: the hotline is expected to phone within this time after the call
    within_s: Seconds = 60.0


class HangUp(Part):
    """Who hangs up, and when: ``after_s`` seconds after ``when`` (each moment has its own default)."""

    when: Moment = Moment.TALK
    after_s: Seconds | None = None
    who: Annotated[Who, BeforeValidator(_who)] = Who.CITIZEN

    @model_validator(mode="after")
    def _agent_needs_a_talk(self) -> Self:
        if self.who is Who.AGENT and self.when not in (Moment.ANSWER, Moment.TALK, Moment.NEVER):
            raise ValueError(
                "an agent can hang up at `answer` or `talk` only, because before that there is none"
            )
        return self

    @property
    def delay_s(self) -> float:
        """Seconds after the moment."""
        return DEFAULT_AFTER_S[self.when] if self.after_s is None else self.after_s


class IgnoreHow(StrEnum):
    """How an agent does not answer."""

    RING_OUT = "ring_out"
    DECLINE = "decline"


class Agents(Part):
    """What agents do when this caller rings them."""

    answer_after_s: Seconds = 1.5
    #: this many rings are not answered before one is
    first_ignores: Annotated[int, Field(ge=0, le=50)] = 0
    ignore_how: IgnoreHow = IgnoreHow.RING_OUT
    #: no agent answers this caller
    none: bool = False
    #: agents who are logged off while this call lasts
    logged_off: tuple[str, ...] = ()


def _hang_up(value: object) -> object:
    """Short forms: ``notice`` (a moment) or ``agent`` (the agent hangs up after the talk)."""
    if not isinstance(value, str):
        return value
    who = _who(value)
    if who in tuple(Who):
        return {"who": who}
    return {"when": value}


def _agents(value: object) -> object:
    return {"none": True} if isinstance(value, str) and value in ("none", "无人接听") else value


def _phoned(value: object) -> object:
    """Short form: ``answer``, ``busy``, ``ring_out``."""
    return {"how": value} if isinstance(value, str) else value


def _says(value: object) -> object:
    """Short forms: one text, or texts in the list; both are the citizen's."""
    turns = [value] if isinstance(value, str) else value
    if not isinstance(turns, Sequence):
        return value
    full = [{"text": turn} if isinstance(turn, str) else turn for turn in turns]
    return [turn for turn in full if turn != {"text": ""}]


def _number(value: object) -> object:
    if value is None or (isinstance(value, str) and value.strip().lower() in WITHHELD):
        return None
    if isinstance(value, str):
        return value.strip().replace(" ", "").replace("-", "")
    return str(value) if isinstance(value, int) else value


class ScenarioCall(Part):
    """One call of a scenario. Only ``says`` is required; ``says: ""`` is a caller who says nothing."""

    says: Annotated[tuple[Turn, ...], BeforeValidator(_says), Field(max_length=60)]
    #: seconds after the demo's begin; without it calls follow each other every few seconds
    at_s: Seconds | None = None
    #: the caller's number; null is a withheld number
    number: Annotated[
        Annotated[str, Field(pattern=r"^(\+?[0-9]{3,20}|auto)$")] | None, BeforeValidator(_number)
    ] = ANY_NUMBER
    #: id of a line, or a number that is dialled
    line: Annotated[str, Field(min_length=1, max_length=40)] = "main"
    keys: tuple[KeyPress, ...] = ()
    #: said while no agent is there
    messages: Annotated[tuple[Message, ...], Field(max_length=10)] = ()
    #: what happens when the hotline phones this citizen; None: it is not expected to, and rings out
    phoned: Annotated[Phoned | None, BeforeValidator(_phoned)] = None
    #: what an emergency service does when this citizen is connected with it
    emergency: TakeHow = TakeHow.ANSWER
    hangs_up: Annotated[HangUp, BeforeValidator(_hang_up)] = HangUp()
    agents: Annotated[Agents, BeforeValidator(_agents)] = Agents()
    #: the citizen's microphone is off: nothing of ``says`` is heard
    mute: bool = False
    #: free words for the person who reads the file
    note: str = ""

    @field_validator("says")
    @classmethod
    def _not_too_long(cls, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        length = sum(len(turn.text) for turn in turns)
        if length > 4000:
            raise ValueError(f"{length} characters are too many for one call (4000 at most)")
        return turns

    @property
    def withheld(self) -> bool:
        """The caller shows no number."""
        return self.number is None

    @property
    def nobody_answers(self) -> bool:
        """No agent answers: so says the script, or the caller gives up before and agents are not named."""
        gives_up = self.hangs_up.when in BEFORE_AN_AGENT and "agents" not in self.model_fields_set
        return self.agents.none or gives_up

    @property
    def waits_for_an_agent(self) -> bool:
        """The caller stays until an agent answers, and agents are willing to."""
        return self.hangs_up.when not in BEFORE_AN_AGENT and not self.nobody_answers


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A scenario call with everything settled: its place in the list, number, dialled number and start."""

    index: int
    call: ScenarioCall
    number: str | None
    did: str
    line: str
    at_s: float

    @property
    def id(self) -> str:
        """Names the call in diaries and reports."""
        return f"c{self.index:03d}"


def scenario_schema() -> dict[str, Any]:
    """JSON schema of a scenario file (its full form; short forms are named in the descriptions)."""
    entry = ScenarioCall.model_json_schema(ref_template="#/$defs/{model}")
    parts = entry.pop("$defs", {})
    says = entry["properties"]["says"]
    entry["properties"]["says"] = {"anyOf": [says, {"type": "string"}], "title": "Says"}
    entry["properties"]["hangs_up"] = {
        "anyOf": [{"$ref": "#/$defs/HangUp"}, {"enum": [*Moment, *Who]}],
        "title": "Hangs up",
    }
    entry["properties"]["phoned"]["anyOf"].append({"enum": [*TakeHow]})
    entry["properties"]["agents"] = {"anyOf": [{"$ref": "#/$defs/Agents"}, {"const": "none"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of a hotline demo",
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [{"$ref": "#/$defs/ScenarioCall"}, {"type": "string"}]},
        "$defs": {**parts, "ScenarioCall": entry},
    }
