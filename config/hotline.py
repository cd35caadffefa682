"""The hotline's own facts: lines, queues, agents, prompts. Read from YAML, checked once, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from config.facts import Fact, Identifier, Number
from config.opening import OpeningHours, SpecialDays, is_open, overlaps
from config.outbound import Callback, Emergency, FollowUp, Trunk
from config.settings import PBX_ID, Port, checked_networks
from config.strict_yaml import load_strict
from config.work import BEST_SKILL, Agent, Leader, Person, Work
from facts.errors import HotlineError

__all__ = [
    "Agent",
    "Fact",
    "Hotline",
    "HotlineConfigInvalid",
    "Identifier",
    "Number",
    "is_open",
    "load_hotline",
]

DEFAULTS = Path(__file__).parent / "defaults"

Key = Annotated[str, Field(pattern=r"^[0-9]$")]


class HotlineConfigInvalid(HotlineError):
    """The hotline's configuration is wrong."""

    error_id = "hotline-config-invalid"


class Priority(StrEnum):
    """Who is served first; within one priority the original arrival decides."""

    NORMAL = "normal"
    RAISED = "raised"
    URGENT = "urgent"


class KeyChoice(Fact):
    """What a key does for a caller who waits: into another queue, or into a flow and back."""

    queue: Identifier | None = None
    flow: Identifier | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.queue is None) == (self.flow is None):
            raise ValueError("a key leads either to a queue or to a flow")
        return self


class Queue(Fact):
    """One queue of the PBX. ``max_wait_s`` 0 waits for ever."""

    id: Identifier
    name: str
    strategy: str = Field(
        "rrmemory", pattern=r"^(ringall|leastrecent|fewestcalls|random|rrmemory|linear|wrandom)$"
    )
    ring_s: int = Field(12, ge=3, le=60)
    retry_s: int = Field(1, ge=1, le=60)
    wrap_up_s: int = Field(0, ge=0, le=600, description="not rung so long after a talk, unless ready sooner")
    max_callers: int = Field(0, ge=0, description="0: no limit")
    max_wait_s: int = Field(0, ge=0)
    join_empty: bool = Field(True, description="a caller may join when nobody is logged in")
    leave_empty: bool = Field(False, description="waiting callers leave when nobody is logged in any more")
    #: agents need all of these; who is better at them is rung first
    skills: tuple[Identifier, ...] = ()
    weight: int = Field(0, ge=0, description="an agent of several queues is given to the heavier one first")
    keys: Mapping[Key, KeyChoice] = Field(
        default_factory=dict, description="while waiting; no other key does anything"
    )
    waiting: tuple[str, ...] = Field((), description="said in turn within the music; default: the hotline's")
    otherwise: Identifier = Field(
        "no_agent", description="flow when the queue gave up (full, empty, too long)"
    )
    overflow: Identifier | None = Field(None, description="queue that takes over before ``otherwise`` does")
    overflow_after_s: int = Field(0, ge=0, description="0: only when this queue refuses the caller")


class Line(Fact):
    """One number of the hotline: the main line, a dedicated line, a merged line."""

    id: Identifier
    name: str
    numbers: tuple[Number, ...] = Field(min_length=1)
    queue: Identifier
    flow: Identifier = "main"
    #: spoken after the notice, by the flow
    greeting: str
    #: name of the dedicated line as tickets carry it (营商环境 …); None for lines of all matters
    dedicated: str | None = None
    priority: Priority = Priority.NORMAL


class Guarantee(Fact):
    """What every citizen may count on; ``hotline flows check`` proves it for every line."""

    #: a silent caller is in the queue after this time, from arrival on
    most_silent_ms: int = Field(default=8000, ge=1000, le=60_000)
    #: keys that a caller must press before a person
    most_keys: int = Field(default=0, ge=0, le=3)


class Again(Fact):
    """What waiting callers are told now and then, over the music: how many are ahead (``Hotline.ahead``), and
    how long it may take. The hotline says it, for while app_queue speaks it calls no agent."""

    every_s: int = Field(60, ge=0, le=600, description="0: never")
    next_in_line: str = Field("", description="said to who is first")
    minutes: Mapping[int, str] = Field(
        default_factory=dict, description="said of a wait of at most so many minutes; of a longer one nothing"
    )

    def wait_text(self, wait_s: float) -> str:
        """What is said of a wait, rounded up; empty when it is longer than all that can be said.

        >>> Again(minutes={2: "两分钟", 5: "五分钟"}).wait_text(121)
        '五分钟'
        """
        return next((self.minutes[it] for it in sorted(self.minutes) if wait_s <= it * 60), "")


class FurtherPbx(Fact):
    """A PBX beside the first one, followed by a telephony role of its own. Folders are absolute."""

    id: str = Field(pattern=PBX_ID, description="its systemname")
    ami_host: str
    ami_port: Port = 5038
    agi_port: Port = Field(description="where our FastAGI for this PBX listens")
    agi_peers: tuple[str, ...] = Field((), description="who may use it; default: ami_host, when an address")
    hotline_host: str | None = Field(
        None, description="our address as this PBX dials it; default: HOTLINE_ADVERTISE_HOST"
    )
    recordings: Path = Field(description="its recordings as they are seen on this machine")
    secret_file: Path = Field(description="passwords of its two AMI users; made by hotline pbx render")
    cel_file: Path | None = Field(None, description="its CEL as it is seen here; default: its agent ships it")
    queue_log_file: Path | None = Field(None, description="the same of its queue_log")

    @field_validator("agi_peers")
    @classmethod
    def _networks(cls, peers: tuple[str, ...]) -> tuple[str, ...]:
        return checked_networks(peers)

    @field_validator("recordings", "secret_file", "cel_file", "queue_log_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError(f"{path} is not an absolute path")
        return path


class Hotline(Fact):
    """All of it. ``trunk_hosts`` are the addresses from which citizens' calls come."""

    city: str
    name: str
    notice: str = Field(description="recording and transcription notice, played before recording starts")
    waiting: str = Field(description="said now and then to waiting callers, within the hold music")
    ahead: tuple[str, ...] = Field(
        ("",),
        min_length=1,
        max_length=31,
        description="said once on joining: with 0, 1, 2 … ahead, the last for all that are more",
    )
    again: Again = Again(every_s=0, next_in_line="")
    sorry: str = Field("", description="said when the queue gave up and no flow can be reached")
    trunk_hosts: tuple[str, ...] = ("127.0.0.1",)
    queues: tuple[Queue, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = Field(min_length=1)
    agents: tuple[Agent, ...] = ()
    leaders: tuple[Leader, ...] = Field((), description="telephones of shift leaders")
    work: Work = Work()
    emergency: tuple[Emergency, ...] = ()
    survey: Identifier | None = Field(None, description="flow after every answered call")
    hours: Mapping[Identifier, tuple[OpeningHours, ...]] = Field(default_factory=dict)
    calendar: tuple[SpecialDays, ...] = Field((), description="holidays, and days worked in their stead")
    guarantee: Guarantee = Guarantee()
    callback: Callback = Callback()
    follow_up: FollowUp = FollowUp()
    trunk: Trunk = Trunk()
    pbxs: tuple[FurtherPbx, ...] = Field((), description="PBXs beside the one of the settings")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[str] = []
        queues = {queue.id for queue in self.queues}
        for kind, names in (
            ("queue", [queue.id for queue in self.queues]),
            ("line", [line.id for line in self.lines]),
            ("number", [number for line in self.lines for number in line.numbers]),
            ("agent", [it.id for it in self.people]),
            ("extension", [it.extension for it in self.people]),
            ("account", [it.login for it in self.people]),
            ("emergency", [service.id for service in self.emergency]),
            ("pbx", [pbx.id for pbx in self.pbxs]),
            ("agi_port", [str(pbx.agi_port) for pbx in self.pbxs]),
            ("AMI address", [f"{pbx.ami_host}:{pbx.ami_port}" for pbx in self.pbxs]),
        ):
            problems += [
                f"{kind} {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1
            ]
        problems += [f"line {it.id}: no queue {it.queue}" for it in self.lines if it.queue not in queues]
        problems += [
            f"agent {it.id}: no queue {queue}"
            for it in self.agents
            for queue in it.queues
            if queue not in queues
        ]
        problems += [f"calendar: {twice}" for twice in overlaps(self.calendar)]
        problems += self._queue_problems(queues)
        problems += [
            f"agent {it.id}: queue {queue.id} needs the skill {skill}"
            for it in self.agents
            for queue in self.queues
            if queue.id in it.queues
            for skill in queue.skills
            if skill not in it.skills
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _queue_problems(self, known: set[str]) -> list[str]:
        """Keys and overflows that lead nowhere, or round in a circle."""
        problems = [
            f"queue {it.id}: key {key} leads to no queue {choice.queue}"
            for it in self.queues
            for key, choice in it.keys.items()
            if choice.queue is not None and choice.queue not in known
        ]
        after = {it.id: it.overflow for it in self.queues if it.overflow is not None}
        for queue, overflow in after.items():
            if overflow not in known:
                problems.append(f"queue {queue}: no queue {overflow} to overflow to")
            seen, place = {queue}, overflow
            while place in after and place not in seen:
                seen.add(place)
                place = after[place]
            if place == queue:
                problems.append(f"queue {queue}: its overflow comes back to it")
        return problems

    def queue(self, queue_id: str) -> Queue | None:
        """The queue with this id."""
        return next((queue for queue in self.queues if queue.id == queue_id), None)

    def penalty(self, agent: Agent, queue: Queue) -> int:
        """When this agent is rung: those with less come first, of equal ones the queue's strategy decides."""
        return agent.penalty + sum(BEST_SKILL - agent.skills[skill] for skill in queue.skills)

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody who has a telephone of the hotline's."""
        return (*self.agents, *self.leaders)

    def agent(self, agent_id: str) -> Agent | None:
        """The agent with this id."""
        return next((agent for agent in self.agents if agent.id == agent_id), None)

    def waiting_texts(self, queue: Queue) -> tuple[str, ...]:
        """What is said in turn to those who wait in this queue."""
        return queue.waiting or (self.waiting,)

    def spoken_while_waiting(self) -> tuple[str, ...]:
        """Every text of the waiting material, once."""
        texts = [*self.ahead, *(text for queue in self.queues for text in self.waiting_texts(queue))]
        return tuple(dict.fromkeys(text for text in texts if text))

    def spoken_by_dialplan(self) -> tuple[str, ...]:
        """Every text that the PBX itself plays, so that it does not depend on us."""
        texts = (
            self.notice,
            self.sorry,
            self.callback.agent_notice,
            self.callback.greeting,
            self.callback.unreached,
            self.follow_up.notice,
            *((self.again.next_in_line, *self.again.minutes.values()) if self.again.every_s else ()),
            *self.work.spoken(),
        )
        return tuple(dict.fromkeys(text for text in texts if text))

    @property
    def caller_id(self) -> str:
        """The number that those see whom the hotline calls."""
        return self.trunk.caller_id or self.lines[0].numbers[0]

    def line(self, line_id: str) -> Line | None:
        """The line with this id."""
        return next((line for line in self.lines if line.id == line_id), None)


def load_hotline(folder: Path | None = None) -> Hotline:
    """Read ``hotline.yaml`` from the city's folder, or the built-in one.

    Raises:
        HotlineConfigInvalid: naming the file and every wrong place in it.
    """
    path = (folder or DEFAULTS) / "hotline.yaml"
    try:
        return Hotline.model_validate(load_strict(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise HotlineConfigInvalid(
            f"{path} is missing", fix="unset HOTLINE_HOTLINE_CONFIG or put the file there"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise HotlineConfigInvalid(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    except ValidationError as problems:
        lines = [f"{'.'.join(map(str, it['loc'])) or 'file'}: {it['msg']}" for it in problems.errors()]
        raise HotlineConfigInvalid(f"{path}: " + "; ".join(lines), fix="correct the named places") from None
