"""What an agent, or a shift leader, may have the PBX do with a call that is on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from facts.errors import HotlineError
from facts.identity import CallKey


class TargetKind(StrEnum):
    """Whom a call may be sent to, or who may join it."""

    AGENT = "agent"
    QUEUE = "queue"
    #: a handling unit's number, from the unit phone book
    UNIT = "unit"
    #: 110, 119, 120, 122: never capped, never delayed
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom: ``id`` is the agent's, queue's or emergency service's of the configuration, or the unit's name.

    ``number`` belongs to units alone (digits, as the phone book has it): whoever makes the target
    answers for its coming from the phone book.
    """

    kind: TargetKind
    id: str
    number: str = ""


class CloseKind(StrEnum):
    """Why a call is ended by our side; each has words that the caller hears first."""

    SILENT = "silent"
    PRANK = "prank"
    ABUSIVE = "abusive"


class Standing(StrEnum):
    """Where a call stands between caller, agent and third party."""

    #: caller and agent
    TALK = "talk"
    #: the caller waits, the agent is alone
    HELD = "held"
    #: the caller waits while the third party is rung, or speaks with the agent
    CONSULT_RINGING = "consult_ringing"
    CONSULT = "consult"
    #: the third party is rung while caller and agent speak
    JOIN_RINGING = "join_ringing"
    THREE_WAY = "three_way"
    #: the agent has left the caller to the third party
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class DeskCall:
    """One call as its agent handles it."""

    call: CallKey
    standing: Standing
    since: datetime
    #: whose the ticket is: the agent who answered, until a transfer is complete
    owner: str
    target: Target | None = None
    #: recording and live transcription rest
    paused: bool = False


class ControlRefusal(StrEnum):
    """Why a wish is not fulfilled; the page has words for each."""

    NO_CALL = "no_call"
    #: another agent's call
    NOT_YOURS = "not_yours"
    #: not in this standing (such as: joining whom nobody has called)
    WRONG_STANDING = "wrong_standing"
    NO_TARGET = "no_target"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_RECORDED = "not_recorded"
    #: the emergency service is not connected yet: the agent stays
    STAY = "stay"
    UNREACHABLE = "unreachable"
    PBX_REFUSED = "pbx_refused"


class ControlRefused(HotlineError):
    """What was asked of a call was not done."""

    error_id = "control-refused"

    def __init__(self, kind: ControlRefusal, detail: str = "") -> None:
        super().__init__(f"{kind.value}{': ' if detail else ''}{detail}")
        self.kind = kind


class CallControl(Protocol):
    """One agent's hands on one call. ``actor`` is the web account, put on record with every wish.

    A method returns when the PBX has begun to do it (dialling goes on by itself: follow ``standing``),
    and raises ``ControlRefused`` when it does not. Nothing is ever done twice.
    """

    async def standing(self, call: CallKey) -> DeskCall | None:
        """How the call stands; None when it is with no agent (any more)."""

    async def standings(self, calls: Collection[CallKey]) -> Mapping[CallKey, DeskCall]:
        """How these calls stand, in one look; those that are with no agent are left out."""

    async def hold(self, actor: str, call: CallKey) -> None:
        """The caller hears music, the agent is alone."""

    async def resume(self, actor: str, call: CallKey) -> None:
        """Caller and agent again; ends a consultation, too."""

    async def transfer(self, actor: str, call: CallKey, target: Target) -> None:
        """Blind: the agent is free at once. Who is not reached comes back to the front of the queue."""

    async def consult(self, actor: str, call: CallKey, target: Target) -> None:
        """The caller waits, the agent speaks with the target first (warm transfer's first half)."""

    async def three_way(self, actor: str, call: CallKey, target: Target) -> None:
        """Have the target join; from a consultation: bring all together. The agent stays."""

    async def hand_over(self, actor: str, call: CallKey) -> None:
        """The agent leaves, caller and target go on (warm transfer's second half; leaving a three-way).

        Raises:
            ControlRefused: ``STAY`` while an emergency service is not connected.
        """

    async def drop_target(self, actor: str, call: CallKey) -> None:
        """End the target's part, ringing or speaking; caller and agent go on."""

    async def pause_recording(self, actor: str, call: CallKey) -> None:
        """Silence in the recording's three files and nothing heard live, until ``resume_recording``."""

    async def resume_recording(self, actor: str, call: CallKey) -> None:
        """Record and hear again."""

    async def close(self, actor: str, call: CallKey, kind: CloseKind) -> None:
        """Protected hang-up: the caller hears why, then the line is cut; the agent is free at once."""

    async def hang_up(self, actor: str, call: CallKey) -> None:
        """The ordinary end of a talk by the agent's key."""
