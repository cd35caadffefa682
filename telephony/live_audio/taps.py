"""Hearing one leg: ChanSpy on a channel of its own, whose audio goes to our AudioSocket server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from facts.audio import TapRequest
from facts.errors import HotlineError
from telephony.ami.actions import Action, AmiError
from telephony.ami.link import AmiLink

#: Uniqueids of tap channels begin with it, so that nobody takes one for a citizen's call
TAP_PREFIX = "hotline-tap-"
#: quiet (q), no name spoken (s), stop with the channel (S), exactly this channel (u), its mouth only (o)
SPY_OPTIONS = "qsSuo"


class TapFailed(HotlineError):
    """The PBX could not make a tap."""

    error_id = "tap-failed"


def is_tap(uniqueid: str, channel: str = "") -> bool:
    """Whether a channel is one of our taps."""
    return uniqueid.startswith(TAP_PREFIX) or channel.startswith("AudioSocket/")


class ChanSpyTap:
    """The ``LegTap`` of ``facts``, by AMI Originate of the originator user.

    ``release`` ends a stream at its listener's end (the AMI user need not be allowed to hang
    up channels): Asterisk's tap channel ends with its socket.
    """

    def __init__(
        self,
        link: AmiLink,
        host: str,
        port: int,
        release: Callable[[str], Awaitable[None]],
        *,
        timeout_s: float = 5.0,
    ) -> None:
        self._link = link
        self._service = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._release = release
        self._timeout_s = timeout_s

    async def start(self, request: TapRequest) -> None:
        """Make the tap; returns when Asterisk has connected to the listener.

        Raises:
            TapFailed: the PBX refuses, cannot reach the listener, or does not answer.
        """
        originate = Action(
            "Originate",
            {
                "Channel": f"AudioSocket/{self._service}/{request.stream}/c(slin)",
                "ChannelId": f"{TAP_PREFIX}{request.stream}",
                "Application": "ChanSpy",
                "Data": f"{request.channel_uniqueid or request.channel},{SPY_OPTIONS}",
                "Timeout": str(int(self._timeout_s * 1000)),
            },
        )
        try:
            await self._link.action(originate, self._timeout_s + 1)
        except AmiError as refused:
            raise TapFailed(f"no tap on {request.channel}: {refused}") from refused

    async def stop(self, stream: str) -> None:
        """End the tap; an unknown stream is no error."""
        await self._release(stream)
