"""What call-backs and follow-ups came to while the PBX was not heard."""

from __future__ import annotations

from typing import Protocol
from zoneinfo import ZoneInfo

from config.hotline import Hotline
from telephony.ami.events import CallbackStage, FollowUpStage
from ticketing_bridge.call_ledger.backfill import Found
from ticketing_bridge.journeys.callbacks import take_stage
from ticketing_bridge.journeys.follow_ups import take_follow_up_stage
from ticketing_bridge.store.database import UnitOfWork

LOCAL = ZoneInfo("Asia/Shanghai")


class LiveErrands(Protocol):
    """Who places call-backs now."""

    def look_again(self) -> None:
        """There may be callers who were missed."""


class ErrandKeeper:
    """A ``Keeper`` of a backfill: stages of the hotline's own calls, as if they had been heard in time.

    Who was missed meanwhile is in the calls' rows, which the dispatcher asks.
    """

    def __init__(self, hotline: Hotline, live: LiveErrands | None = None) -> None:
        self._hotline = hotline
        self._live = live

    async def fill(self, uow: UnitOfWork, found: Found) -> None:
        """Let them happen, in their order."""
        for event in found.missing:
            now = event.at.astimezone(LOCAL)
            if isinstance(event, CallbackStage):
                await take_stage(uow, event, self._hotline.callback, now)
            elif isinstance(event, FollowUpStage):
                await take_follow_up_stage(uow, event, self._hotline, now)

    async def filled(self, found: Found) -> None:
        """The dispatcher looks whom to call back."""
        if self._live is not None:
            self._live.look_again()
