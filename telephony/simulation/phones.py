"""The telephones of the world outside: what can be done with them, and what they notice.

Everything goes through the outside Asterisk's own manager interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import structlog

from facts.errors import HotlineError
from telephony.ami.actions import Action, ActionResult, AmiActionRefused, AmiNoAnswer, AmiUnreachable
from telephony.ami.codec import AmiMessage
from telephony.ami.connection import AmiAddress, AmiConnection, WireCounts

_log = structlog.get_logger(__name__)

#: the number that a withheld caller shows to agents
ANONYMOUS = "anonymous"
_ACTION_S = 30.0
#: keys that can be down at the same moment
_FINGERS = 8
_LOST_FIX = "see log/outside.log in the home folder, and start the demo again"


class OutsideWorldLost(HotlineError):
    """The simulated outside world is gone."""

    error_id = "outside-world-lost"


class Notice(StrEnum):
    """What a telephone notices; the values are Asterisk's names of its events and user events."""

    #: the telephone's call begins
    DIALLED = "Newchannel"
    CITIZEN_UP = "CitizenUp"
    CITIZEN_SPEAKS = "CitizenSpeaks"
    CITIZEN_SAID = "CitizenSaid"
    AGENT_RINGS = "AgentRings"
    AGENT_UP = "AgentUp"
    AGENT_SPEAKS = "AgentSpeaks"
    AGENT_SAID = "AgentSaid"
    #: a citizen leaves a message, or answers an open question
    CITIZEN_LEAVES = "CitizenLeaves"
    #: the hotline phones a citizen or an emergency service
    PHONE_RINGS = "PhoneRings"
    PHONE_UP = "PhoneUp"
    FAR_END_HUNG_UP = "HangupRequest"
    HUNG_UP = "SoftHangupRequest"
    GONE = "Hangup"
    NOT_REACHED = "OriginateFailed"


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """One thing that a telephone noticed. ``at``: the outside Asterisk's clock, UTC."""

    at: datetime
    notice: Notice
    #: Asterisk's Uniqueid of the telephone's call; a citizen's is the id given to ``dial``
    uniqueid: str
    channel: str = ""
    number: str = ""
    agent: str = ""
    cause: int | None = None
    #: the number that the hotline dialled
    dialled: str = ""


def phone_event(headers: Mapping[str, str]) -> PhoneEvent | None:
    """The event of one message, None when it is about something else."""
    name = headers.get("UserEvent") or headers.get("Event", "")
    if name == "OriginateResponse" and headers.get("Response") == "Failure":
        name = Notice.NOT_REACHED
    try:
        notice = Notice(name)
    except ValueError:
        return None
    cause = headers.get("Cause") or headers.get("Reason") or ""
    return PhoneEvent(
        at=datetime.fromtimestamp(float(headers.get("Timestamp") or 0.0), UTC),
        notice=notice,
        uniqueid=headers.get("Uniqueid", ""),
        channel=headers.get("Channel", ""),
        number=headers.get("CallerIDNum", ""),
        agent=headers.get("Agent", ""),
        cause=int(cause) if cause.isdigit() else None,
        dialled=headers.get("Dialled", ""),
    )


class Phones:
    """Commands to telephones, and ``events()``: what they notice, in order."""

    def __init__(self, address: AmiAddress) -> None:
        self._events: asyncio.Queue[PhoneEvent] = asyncio.Queue()
        self._connection = AmiConnection(address, self._received, WireCounts())
        #: Asterisk does nothing else on a connection while a key is down: keys have their own
        self._fingers = [AmiConnection(address, _ignore, WireCounts()) for _ in range(_FINGERS)]

    def _received(self, message: AmiMessage) -> None:
        event = phone_event(message.headers)
        if event is not None:
            self._events.put_nowait(event)

    async def next_event(self) -> PhoneEvent:
        """The next thing noticed.

        Raises:
            OutsideWorldLost: the outside Asterisk is gone.
        """
        lost = asyncio.create_task(self._connection.closed.wait())
        heard = asyncio.create_task(self._events.get())
        try:
            await asyncio.wait({lost, heard}, return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                return heard.result()
            raise OutsideWorldLost(fix=_LOST_FIX)
        finally:
            lost.cancel()
            heard.cancel()

    async def dial(self, uniqueid: str, number: str | None, did: str, speech: Path | None) -> None:
        """A citizen takes the receiver and dials ``did``; ``number`` None is withheld."""
        await self._do(
            Action(
                "Originate",
                {
                    "Channel": f"PJSIP/{did}@{'hotline' if number else 'hotline-withheld'}",
                    "ChannelId": uniqueid,
                    "CallerID": f"<{number or ANONYMOUS}>",
                    "Context": "citizens",
                    "Exten": "up",
                    "Priority": "1",
                    "Timeout": "30000",
                    "Variable": f"OUTSIDE_SPEECH={speech or ''}",
                },
                # what becomes of it is noticed as everything else is; waiting here would hold up the others
                accepted_is_enough=True,
            )
        )

    async def answer(self, channel: str, speech: Path | None) -> bool:
        """An agent answers; False when it stopped ringing."""
        return await self._send(channel, "agents-do", "answer", speech)

    async def talk(self, agent_channel: str, citizen_channel: str | None) -> bool:
        """Both sides begin to speak, at the same moment; without a citizen of ours the agent alone."""
        fields = {"Channel": agent_channel, "Context": "agents-do", "Exten": "talk", "Priority": "1"}
        if citizen_channel:
            fields |= {
                "ExtraChannel": citizen_channel,
                "ExtraContext": "citizens",
                "ExtraExten": "talk",
                "ExtraPriority": "1",
            }
        return await self._try(Action("Redirect", fields))

    async def leave(self, channel: str, speech: Path) -> bool:
        """A citizen says something while no agent is there."""
        return await self._send(channel, "citizens", "leave", speech)

    async def take(self, channel: str, speech: Path | None) -> bool:
        """Answer a call of the hotline; False when it stopped ringing."""
        return await self._send(channel, "phones-do", "answer", speech)

    async def _send(self, channel: str, context: str, exten: str, speech: Path | None) -> bool:
        variable = {"Channel": channel, "Variable": "OUTSIDE_SPEECH", "Value": str(speech or "")}
        where = {"Channel": channel, "Context": context, "Exten": exten, "Priority": "1"}
        return await self._try(Action("Setvar", variable)) and await self._try(Action("Redirect", where))

    async def press(self, channel: str, digit: str) -> bool:
        """Press one key."""
        key = {"Channel": channel, "Digit": digit, "Duration": "160"}
        finger = self._fingers[hash(channel) % _FINGERS]
        return await self._try(Action("PlayDTMF", key, accepted_is_enough=True), finger)

    async def hang_up(self, channel: str, cause: int = 16) -> bool:
        """Put the receiver down, or decline (cause 17) while it rings."""
        return await self._try(Action("Hangup", {"Channel": channel, "Cause": str(cause)}))

    async def register(self, agent: str, logged_in: bool) -> None:
        """Log an agent's telephone in or off."""
        await self._do(Action("PJSIPRegister" if logged_in else "PJSIPUnregister", {"Registration": agent}))

    async def registered(self) -> set[str]:
        """The agents whose telephones the hotline knows now."""
        listed = await self._do(Action("PJSIPShowRegistrationsOutbound"))
        return {
            item.get("ObjectName", "").partition("/")[0]
            for item in listed.items
            if item.get("Status") == "Registered"
        }

    async def _do(self, action: Action, connection: AmiConnection | None = None) -> ActionResult:
        try:
            return await (connection or self._connection).action(action, _ACTION_S)
        except (AmiUnreachable, AmiNoAnswer) as gone:
            raise OutsideWorldLost(f"the simulated outside world is gone: {gone}", fix=_LOST_FIX) from gone

    async def _try(self, action: Action, connection: AmiConnection | None = None) -> bool:
        """A command about a telephone that may have been hung up meanwhile."""
        try:
            await self._do(action, connection)
        except AmiActionRefused as refused:
            _log.debug("outside.too_late", action=action.name, problem=str(refused))
            return False
        return True

    async def open(self) -> None:
        """Log in to the outside Asterisk."""
        for connection in (self._connection, *self._fingers):
            if not await connection.open(10.0):
                raise OutsideWorldLost(
                    "the outside Asterisk refused our login",
                    fix="stop the demo that still runs in this home",
                )
        for finger in self._fingers:
            await self._do(Action("Events", {"EventMask": "off"}), finger)

    def close(self) -> None:
        """End the connections."""
        for connection in (self._connection, *self._fingers):
            connection.close()


def _ignore(message: AmiMessage) -> None:
    """What is noticed comes on the other connection."""
    del message


@asynccontextmanager
async def phones_of(address: AmiAddress) -> AsyncIterator[Phones]:
    """The telephones of a running outside Asterisk."""
    phones = Phones(address)
    try:
        await phones.open()
        yield phones
    finally:
        phones.close()
