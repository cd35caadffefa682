"""Switching a notice of the hour on and off: who may, how long it may be, until when it may last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from config.hotline import Hotline
from facts.errors import HotlineError
from ivr_flows.surroundings import most_hour_notice_ms
from ticketing_bridge.journeys.notices import NOTICE_CHANNEL
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.journey_records import HourNotice
from voice.pcm import TELEPHONE_RATE, Pcm
from voice.synthesis import VOICES, synthesise_many

#: a notice that nobody ends is forgotten: none lasts longer
LONGEST = timedelta(hours=24)
#: longer texts are not even spoken to be measured (characters)
MOST_CHARACTERS = 80


class NoticeRefused(HotlineError):
    """This notice cannot be switched on. ``kind`` is a key of the page's labels."""

    error_id = "notice-refused"

    def __init__(self, kind: str, message: str, fix: str) -> None:
        super().__init__(message, fix=fix)
        self.kind = kind


def spoken(text: str) -> Pcm:
    """The notice as callers hear it, 8 kHz. Blocks for some hundred milliseconds."""
    return synthesise_many([(text, VOICES["prompt"])])[0]


def length_ms(sound: Pcm) -> int:
    """How long it takes, in milliseconds."""
    return len(sound) * 1000 // TELEPHONE_RATE


@lru_cache(maxsize=64)
def spoken_ms(text: str) -> int:
    """How long a text takes, in milliseconds. Blocks the first time."""
    return length_ms(spoken(text))


def most_ms(hotline: Hotline) -> int:
    """How long a notice may take, so that a silent caller is in the queue in time."""
    return most_hour_notice_ms(hotline, spoken_ms)


def checked_text(text: str) -> str:
    """The notice's words in one line. Raises ``NoticeRefused``."""
    plain = " ".join(text.split())
    if not plain:
        raise NoticeRefused("empty", "the notice has no words", "write what callers are to be told")
    if len(plain) > MOST_CHARACTERS:
        raise NoticeRefused("too_long", f"the notice has {len(plain)} characters", "say it in fewer words")
    return plain


def check_notice(hotline: Hotline, text: str, lines: Sequence[str], until: datetime, now: datetime) -> int:
    """Its length in milliseconds. Blocks while it is spoken.

    Raises:
        NoticeRefused: no words, too long, an unknown line, an end that is past or too far.
    """
    plain = checked_text(text)
    if unknown := [line for line in lines if hotline.line(line) is None]:
        known = ", ".join(line.id for line in hotline.lines)
        raise NoticeRefused("line", f"there is no line {unknown[0]!r}", f"one of {known}")
    if not now < until <= now + LONGEST:
        raise NoticeRefused("until", "it must end within the next 24 hours", "give another end")
    took_ms, allowed_ms = spoken_ms(plain), most_ms(hotline)
    if took_ms > allowed_ms:
        raise NoticeRefused(
            "too_long",
            f"the notice takes {took_ms / 1000:.1f} s, and {allowed_ms / 1000:.1f} s are left",
            "say it in fewer words",
        )
    return took_ms


async def switch_on(
    uow: UnitOfWork, text: str, lines: Sequence[str], until: datetime, who: str
) -> HourNotice:
    """Switch a checked notice on, in every flow process at once; one for the same lines ends."""
    made = await uow.notices.add(" ".join(text.split()), sorted(lines), until, who)
    await uow.audit.add(who, "hour-notice-on", subject=str(made.id), reason=made.text)
    await uow.notify(NOTICE_CHANNEL, str(made.id))
    return made


async def switch_off(uow: UnitOfWork, who: str, notice: int | None = None) -> int:
    """Switch one off, or all; returns how many were on."""
    ended = await uow.notices.end(who, notice=notice)
    if ended:
        await uow.audit.add(who, "hour-notice-off", subject=str(notice) if notice is not None else None)
        await uow.notify(NOTICE_CHANNEL, "off")
    return ended
