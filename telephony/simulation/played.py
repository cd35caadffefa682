"""What the simulated people know about a call when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from telephony.simulation.diary import PhoneSide
from telephony.simulation.scenario import PlannedCall, Who


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """One turn as it was said: wall-clock times (UTC)."""

    call: str
    who: Who
    text: str
    start_at: datetime
    #: end of the last audible sound
    end_at: datetime


@dataclass(frozen=True, slots=True)
class PlayedCall:
    """What the simulated people know about one call of the scenario."""

    plan: PlannedCall
    citizen: PhoneSide
    #: agents' telephones that rang for it, in order
    rings: tuple[PhoneSide, ...]
    said: tuple[SaidTurn, ...]
    #: the emergency service's telephone that rang for it
    emergency: PhoneSide | None = None
    #: the citizen's own telephone, when the hotline phoned it
    phoned: tuple[PhoneSide, ...] = ()

    @property
    def answered_by(self) -> PhoneSide | None:
        """The first agent's telephone that answered."""
        return next((ring for ring in self.rings if ring.answered_at), None)
