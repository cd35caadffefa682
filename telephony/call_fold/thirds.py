"""Whom the desk called to a caller, and by which channel they are in the room."""

from __future__ import annotations

from dataclasses import dataclass, field

from telephony.ami.events import BridgeEntered, BridgeLeft, DeskMove, SnapshotChannel


@dataclass(frozen=True, slots=True)
class Telephone:
    """A channel of somebody, whatever stands between it and the caller."""

    channel: str
    uniqueid: str


@dataclass(slots=True)
class Thirds:
    """Grows with the events. Who is rung by a Local channel is in the caller's room by its near half.

    The two halves stay (``/n``): the telephone itself is in a bridge with the far half, which is no talk.
    """

    #: (kind, target) → the telephone that was reached
    _reached: dict[tuple[str | None, str | None], Telephone] = field(default_factory=dict)
    #: Uniqueid of a near half → the telephone behind it
    _halves: dict[str, Telephone] = field(default_factory=dict)

    def take(self, event: DeskMove) -> None:
        """A third party's telephone was reached (``connected``), or comes to the caller (``enter``)."""
        whom = (event.kind, event.target)
        if event.status == "connected":
            self._reached[whom] = Telephone(event.channel, event.uniqueid)
        elif event.move == "enter":
            telephone = self._reached.get(whom)
            if telephone is not None and telephone.uniqueid != event.uniqueid:
                self._halves[event.uniqueid] = telephone

    @property
    def any_reached(self) -> bool:
        """Somebody was called to the caller, or to the agent for the caller."""
        return bool(self._reached)

    def who(self, event: BridgeEntered | BridgeLeft | SnapshotChannel) -> Telephone | None:
        """Whose presence this event tells of; None: nobody's, it is behind the halves."""
        telephone = self._halves.get(event.uniqueid)
        if telephone is not None:
            return telephone
        if any(behind.uniqueid == event.uniqueid for behind in self._halves.values()):
            return None
        return Telephone(event.channel, event.uniqueid)
