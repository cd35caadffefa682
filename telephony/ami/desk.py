"""What we have a PBX do for agents, by the originator's link: queues, pauses, moves of calls, a closer look.

The contexts are ``telephony/pbx/templates/desk.j2``'s. A channel may be given by its name or its
Uniqueid. None of these is sent twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from facts.errors import HotlineError
from telephony.ami.actions import Action, AmiActionRefused
from telephony.ami.errands import NumberRefused, Originator, redirect

#: Uniqueids of channels that the desk has made begin with it
THIRD_PREFIX = "hotline-third-"
SPY_PREFIX = "hotline-spy-"

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}", re.ASCII)
_UNIQUEID = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)
_CHANNEL = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_@.;-]{1,120}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{5,15}", re.ASCII)


class WantedInvalid(HotlineError):
    """A name that the dialplan could take for something else."""

    error_id = "wanted-invalid"


class SpyMode(StrEnum):
    """How a shift leader takes part: only hears, is heard by the agent, is heard by both."""

    MONITOR = "monitor"
    WHISPER = "whisper"
    BARGE = "barge"


#: quiet, no name spoken, ends with the channel, exactly this one; w: the agent hears, B: both do
_SPY_OPTIONS = {SpyMode.MONITOR: "qsSu", SpyMode.WHISPER: "qsSuw", SpyMode.BARGE: "qsSuB"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is wanted for a call: ``kind`` agent, queue, unit or emergency; ``number`` of a unit only."""

    kind: str
    id: str
    number: str = ""

    def variables(self) -> dict[str, str]:
        """As the dialplan reads it.

        Raises:
            WantedInvalid, NumberRefused: it is not fit for the dialplan.
        """
        if not _ID.fullmatch(self.kind) or not _ID.fullmatch(self.id):
            raise WantedInvalid(f"{self.kind} {self.id!r} is no name of the dialplan")
        if (self.kind == "unit") != bool(self.number) or (self.number and not _DIGITS.fullmatch(self.number)):
            raise NumberRefused("a unit has a number of 5 to 15 digits", fix="correct the unit phone book")
        return {"HOTLINE_KIND": self.kind, "HOTLINE_TARGET": self.id, "HOTLINE_NUMBER": self.number}


# -- agents


async def add_member(link: Originator, queue: str, agent: str, penalty: int) -> bool:
    """Make an agent a member of a queue; False when it is one already."""
    member = {"Queue": queue, "Interface": f"PJSIP/{agent}", "Penalty": str(penalty), "MemberName": agent}
    # panoramisk takes "Added interface to queue" for the begin of a list
    return await _done(link, Action("QueueAdd", member, accepted_is_enough=True))


async def remove_member(link: Originator, queue: str, agent: str) -> bool:
    """Take an agent out of a queue; False when it is no member, or one of queues.conf."""
    return await _done(link, Action("QueueRemove", {"Queue": queue, "Interface": f"PJSIP/{agent}"}))


async def pause_member(link: Originator, agent: str, reason: str | None) -> bool:
    """Ring an agent no more (``reason`` None: again), in all queues; False when it is in none."""
    pause = {"Interface": f"PJSIP/{agent}", "Paused": "false" if reason is None else "true"}
    return await _done(link, Action("QueuePause", pause | ({"Reason": reason} if reason else {})))


async def _done(link: Originator, action: Action) -> bool:
    try:
        await link.action(action)
    except AmiActionRefused:
        return False
    return True


# -- calls


async def set_variables(link: Originator, channel: str, values: Mapping[str, str]) -> None:
    """Tell a channel's dialplan something."""
    for name, value in values.items():
        await link.action(Action("Setvar", {"Channel": channel, "Variable": name, "Value": value}))


async def begin_room(link: Originator, caller: str, call: str, agent: str, place: str) -> None:
    """Out of the queue's talk: the caller into a room, the agent to ``place`` (agent, aside, consult).

    Raises:
        AmiError: the link is down, or one of the channels is gone.
    """
    await set_variables(link, agent, _room(call, caller))
    both = {
        **{"Channel": caller, "Context": "hotline-room", "Exten": "caller", "Priority": "1"},
        **{
            "ExtraChannel": agent,
            "ExtraContext": "hotline-helper",
            "ExtraExten": place,
            "ExtraPriority": "1",
        },
    }
    await link.action(Action("Redirect", both))


async def move_agent(link: Originator, agent: str, place: str) -> None:
    """An agent who is in the room, aside or consulting goes to another of these."""
    await redirect(link, agent, "hotline-helper", place)


async def call_third(link: Originator, wanted: Wanted, caller: str, call: str, wish: int) -> None:
    """Ring somebody who then joins the room."""
    variables = _room(call, caller) | wanted.variables()
    third = {
        "Channel": "Local/s@hotline-third/n",
        "Context": "hotline-helper",
        "Exten": "third",
        "Priority": "1",
        "Timeout": "180000",
        "ChannelId": f"{THIRD_PREFIX}{wish}",
        "OtherChannelId": f"{THIRD_PREFIX}{wish}-dial",
        "Variable": [f"{name}={value}" for name, value in variables.items()],
    }
    await link.action(Action("Originate", third, accepted_is_enough=True))


async def send_on(link: Originator, caller: str, wanted: Wanted) -> None:
    """Blind: the caller goes to somebody else without the agent."""
    await set_variables(link, caller, wanted.variables())
    await redirect(link, caller, "hotline-blind", "s")


async def close_call(link: Originator, caller: str, kind: str) -> None:
    """The caller hears why, then the line is cut."""
    await redirect(link, caller, "hotline-close", kind)


async def mute_recording(link: Originator, caller: str, *, muted: bool) -> None:
    """Silence both directions of the recording, or record again."""
    mute = {"Channel": caller, "Direction": "both", "State": "1" if muted else "0"}
    await link.action(Action("MixMonitorMute", mute))


async def look_in(link: Originator, leader: str, channel: str, mode: SpyMode, wish: int) -> None:
    """Ring a shift leader's telephone; who takes it up hears the agent's channel."""
    if not _ID.fullmatch(leader) or not _UNIQUEID.fullmatch(channel):
        raise WantedInvalid(f"{leader!r} cannot look at {channel!r}")
    spy = {
        "Channel": f"PJSIP/{leader}",
        "Application": "ChanSpy",
        "Data": f"{channel},{_SPY_OPTIONS[mode]}",
        "Timeout": "30000",
        "ChannelId": f"{SPY_PREFIX}{wish}",
    }
    await link.action(Action("Originate", spy, accepted_is_enough=True))


def _room(call: str, caller: str) -> dict[str, str]:
    if not _UNIQUEID.fullmatch(call) or not _CHANNEL.fullmatch(caller):
        raise WantedInvalid(f"{caller!r} of {call!r} is no call")
    return {"HOTLINE_ROOM": call, "HOTLINE_CALLER": caller}
