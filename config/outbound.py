"""Calls that the hotline itself makes: to the emergency services, back to citizens, to ask how it went."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import Field

from config.facts import Fact, Identifier, Number
from config.opening import Clock


class Emergency(Fact):
    """One emergency service. Its number is dialled without any cap."""

    id: Identifier
    name: str
    number: Number


class Callback(Fact):
    """How missed callers are called back, and what is said."""

    attempts: int = Field(default=3, ge=1, le=10)
    #: minutes before the first, second, … attempt; the last one holds for all further ones
    spacing_min: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(15, 60, 240), min_length=1)
    #: nobody is called between these two
    quiet_from: Clock = time(21)
    quiet_to: Clock = time(8)
    #: agents who must be free before a missed caller is called
    free_agents: int = Field(default=1, ge=1)
    #: calls to one number in one day
    daily_per_number: int = Field(default=3, ge=1)
    ring_s: int = Field(default=30, ge=10, le=120)
    #: said to the agent before the citizen is dialled; empty: nothing
    agent_notice: str = ""
    #: said to the citizen before the agent is heard and before recording; empty: nothing is recorded
    greeting: str = ""
    #: said to the agent when the citizen was not reached; empty: nothing
    unreached: str = ""


class FollowUp(Fact):
    """How citizens are asked after their ticket was closed."""

    ring_s: int = Field(default=30, ge=10, le=120)
    flow: Identifier = "follow_up"
    #: said before recording; empty: nothing is recorded
    notice: str = ""
    #: the robot asks citizens between these two only, whatever the quiet hours of call-backs are
    robot_from: Clock = time(9)
    robot_to: Clock = time(20)


class Trunk(Fact):
    """The way out. The PBX dials emergency services, call-backs and follow-ups on it, and nothing else."""

    #: PJSIP endpoint that is dialled; another name when an existing PBX has its own trunk
    endpoint: Identifier = "hotline-trunk"
    #: host or host:port of the carrier; default: the first of ``trunk_hosts``
    address: str | None = None
    #: number shown to those who are called; default: the first line's first number
    caller_id: Number | None = None
