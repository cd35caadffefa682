"""What we have a PBX do for callers, by the originator's link: call back, follow up, free a caller.

None of these is done twice: an action that was sent and not answered is not sent again (the link's
own rule), and its fate shows in the dialplan's ``HotlineCallback`` and ``HotlineFollowUp`` events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from facts.errors import HotlineError
from telephony.ami.actions import Action, ActionResult, AmiActionRefused

#: national numbers, short ones of the fixed network included; what the dialplan dials, too
_NUMBER = re.compile(r"[0-9]{5,15}", re.ASCII)
_QUEUE = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)
#: stages in which a caller is with our flows' server
_IN_A_FLOW = frozenset({"flow", "key", "otherwise", "survey"})


class NumberRefused(HotlineError):
    """A number that may not be dialled."""

    error_id = "number-refused"


class Originator(Protocol):
    """The originator's link."""

    async def action(self, action: Action, timeout_s: float = 5.0) -> ActionResult:
        """Send an action once and await its answer."""


async def redirect(link: Originator, channel: str, context: str, exten: str, priority: int = 1) -> None:
    """Have a channel go on elsewhere in the dialplan.

    Raises:
        AmiError: the link is down, or the PBX knows no such channel.
    """
    where = {"Channel": channel, "Context": context, "Exten": exten, "Priority": str(priority)}
    await link.action(Action("Redirect", where))


async def rescue(link: Originator, channel: str) -> bool:
    """Take a caller out of a flow whose server is gone; False when the caller is not in one (any more).

    Raises:
        AmiError: the link is down.
    """
    ask = Action("Getvar", {"Channel": channel, "Variable": "HOTLINE_STAGE"})
    try:
        stage = (await link.action(ask)).headers.get("Value", "")
        if stage not in _IN_A_FLOW:
            return False
        await redirect(link, channel, "hotline-rescue", "s")
    except AmiActionRefused:  # the channel is gone
        return False
    return True


async def stop_playback(link: Originator, channel: str) -> None:
    """End what ``CONTROL STREAM FILE`` plays on a channel (barge-in by voice)."""
    await link.action(Action("ControlPlayback", {"Channel": channel, "Control": "stop"}))


async def tell_waiting(link: Originator, told: str, caller: str, sounds: Sequence[str]) -> None:
    """Play sounds to a caller who waits, over the music, without taking the caller out of the queue.

    A whisper (ChanSpy) on the caller's channel: app_queue knows nothing of it and goes on calling agents.

    Args:
        told: id of the channel that speaks, for ``hang_up``.
        caller: Uniqueid of the caller's channel.
        sounds: names below the PBX's sounds, without endings.

    Raises:
        AmiError: the link is down, or the PBX refuses.
    """
    await link.action(
        Action(
            "Originate",
            {
                "Channel": "Local/s@hotline-tell/n",
                "ChannelId": f"{told};1",
                "OtherChannelId": f"{told};2",
                "Application": "ChanSpy",
                "Data": f"{caller},qsSuW",
                "Timeout": "2000",
                "Variable": [f"HOTLINE_TELL={'&'.join(sounds)}"],
            },
            accepted_is_enough=True,
        )
    )


async def hang_up(link: Originator, channel: str) -> bool:
    """End a channel (a call-back that is not needed any more); False when it is gone already."""
    try:
        await link.action(Action("Hangup", {"Channel": channel, "Cause": "16"}))
    except AmiActionRefused:
        return False
    return True


async def originate_callback(
    link: Originator,
    *,
    callback: int,
    number: str,
    queue: str,
    arrived_at: datetime,
    priority: str = "normal",
    most_wait_s: int = 7200,
) -> None:
    """Wait in a queue in a caller's stead; the agent who takes it is connected with the citizen.

    Args:
        callback: our id, carried by every ``HotlineCallback`` event of it.
        number: the citizen's, digits only.
        arrived_at: when the call arrived that this one stands for: its place in the queue.
        priority: normal, raised or urgent.
        most_wait_s: so long the call-back waits for an agent.

    Raises:
        NumberRefused: it is no number.
        AmiError: the link is down, or the PBX refuses.
    """
    if not _QUEUE.fullmatch(queue):
        raise NumberRefused(f"{queue!r} is no queue")
    variables = {
        "HOTLINE_CALLBACK": str(callback),
        "HOTLINE_NUMBER": _checked(number),
        "HOTLINE_ARRIVED": str(int(arrived_at.timestamp())),
        "HOTLINE_PRIORITY": priority,
    }
    await _originate(
        link, f"Local/{queue}@hotline-callback/n", "hotline-callback-citizen", variables, most_wait_s
    )


async def originate_follow_up(link: Originator, *, task: int, number: str, ring_s: int = 30) -> None:
    """Phone a citizen about a closed ticket; who answers is led by the follow-up flow.

    Raises:
        NumberRefused: it is no number.
        AmiError: the link is down, or the PBX refuses.
    """
    variables = {"HOTLINE_TASK": str(task), "HOTLINE_NUMBER": _checked(number)}
    await _originate(link, "Local/s@hotline-follow-up-out/n", "hotline-follow-up", variables, ring_s + 15)


def _checked(number: str) -> str:
    if not _NUMBER.fullmatch(number):
        raise NumberRefused("the number is not 5 to 15 digits", fix="correct the number on the record")
    return number


async def _originate(
    link: Originator, channel: str, context: str, variables: Mapping[str, str], timeout_s: int
) -> None:
    await link.action(
        Action(
            "Originate",
            {
                "Channel": channel,
                "Context": context,
                "Exten": "s",
                "Priority": "1",
                "Timeout": str(timeout_s * 1000),
                "Variable": [f"{name}={value}" for name, value in variables.items()],
            },
            accepted_is_enough=True,
        )
    )
