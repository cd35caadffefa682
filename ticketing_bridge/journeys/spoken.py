"""What is read out of a ticket: plain sentences that a synthesiser says right."""

from __future__ import annotations

from datetime import date

from ticketing_bridge.store.journey_records import CityTicket

_DIGITS = "零一二三四五六七八九"


def spoken_number(number: int) -> str:
    """A number below a hundred as it is said.

    >>> [spoken_number(it) for it in (3, 10, 12, 20, 31)]
    ['三', '十', '十二', '二十', '三十一']
    """
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return head + (_DIGITS[ones] if ones or not tens else "")


def spoken_day(day: date) -> str:
    """A day as it is said.

    >>> spoken_day(date(2026, 12, 31))
    '十二月三十一日'
    """
    return f"{spoken_number(day.month)}月{spoken_number(day.day)}日"


def progress_text(ticket: CityTicket) -> str:
    """What the person who named the ticket and its number is told."""
    said = [f"您的工单目前{ticket.status_text}"]
    if ticket.units:
        said.append(f"由{'、'.join(ticket.units)}办理")
    if ticket.closed_at is None and ticket.expected_on is not None:
        said.append(f"预计{spoken_day(ticket.expected_on)}前办结")
    return "，".join(said) + "。"
