"""Whether what the page shows is still true: the telephony role's beat and its link to each PBX.

The telephony role says once a second, by PostgreSQL's ``NOTIFY`` on ``TELEPHONY_CHANNEL``,
that it lives and how its links are. Nothing is stored: silence is the message when the
role, or the database between us, is gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from ticketing_bridge.store import Database, DatabaseAway

TELEPHONY_CHANNEL = "hotline_telephony"
BEAT_EVERY_S = 1.0
#: silence after which the page says that its calls are stale
STALE_AFTER_S = 4.0


@dataclass(frozen=True, slots=True)
class TelephonyBeat:
    """One beat of the telephony role for one PBX: is the AMI link up, and since when is it as it is."""

    pbx_id: str
    linked: bool
    since: datetime

    def payload(self) -> str:
        """As it travels; PostgreSQL takes up to 8000 bytes."""
        return json.dumps({"pbx_id": self.pbx_id, "linked": self.linked, "since": self.since.isoformat()})

    @classmethod
    def parse(cls, payload: str) -> Self:
        """Read a payload; raises ``ValueError``, ``KeyError`` or ``TypeError`` when it is none."""
        fields = json.loads(payload)
        since = datetime.fromisoformat(fields["since"])
        if since.tzinfo is None:
            raise ValueError("since must carry its time zone")
        return cls(str(fields["pbx_id"]), bool(fields["linked"]), since.astimezone(UTC))


async def keep_beating(database: Database, pbx_id: str, linked: Callable[[], bool]) -> None:
    """The telephony role's part: say how the link is, once a second, until cancelled.

    A database that is away is no error: the pages show the silence.
    """
    known, since = linked(), datetime.now(UTC)
    while True:
        now = linked()
        if now is not known:
            known, since = now, datetime.now(UTC)
        with suppress(DatabaseAway):
            async with database.unit_of_work() as uow:
                await uow.notify(TELEPHONY_CHANNEL, TelephonyBeat(pbx_id, known, since).payload())
        await asyncio.sleep(BEAT_EVERY_S)


@dataclass(frozen=True, slots=True)
class HealthView:
    """What the banner says."""

    beat_at: datetime | None
    age_s: float | None
    telephony_stale: bool
    pbx_linked: bool
    link_since: datetime | None
    live_connected: bool
    #: PBXs whose telephony role is silent, and those whose link is broken; named where there are several
    silent: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    several: bool = False


class Health:
    """The newest beat of every PBX, with the time at which it came.

    Args:
        expected: the configured PBXs; one that never says anything is silent, too.
    """

    def __init__(self, expected: Iterable[str] = ()) -> None:
        self._expected = frozenset(expected)
        self._beats: dict[str, tuple[TelephonyBeat, datetime]] = {}

    def take(self, beat: TelephonyBeat, at: datetime) -> None:
        """A beat came."""
        self._beats[beat.pbx_id] = (beat, at)

    def view(self, now: datetime, *, live_connected: bool) -> HealthView:
        """The worst of all PBXs: the oldest beat, the longest broken link."""
        unheard = sorted(self._expected - self._beats.keys())
        oldest = None if unheard else min((at for _, at in self._beats.values()), default=None)
        old = sorted(name for name, (_, at) in self._beats.items() if _age_s(at, now) > STALE_AFTER_S)
        lost = {name: beat.since for name, (beat, _) in self._beats.items() if not beat.linked}
        return HealthView(
            beat_at=oldest,
            age_s=_age_s(oldest, now) if oldest else None,
            telephony_stale=oldest is None or bool(old),
            pbx_linked=not lost,
            link_since=min(lost.values(), default=None),
            live_connected=live_connected,
            silent=(*unheard, *old),
            lost=tuple(sorted(lost)),
            several=len(self._expected | self._beats.keys()) > 1,
        )


def _age_s(at: datetime, now: datetime) -> float:
    return (now - at).total_seconds()
