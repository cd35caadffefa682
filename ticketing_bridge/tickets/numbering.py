"""Numbers that citizens can key in: the day, a serial number, and a check digit. Pure.

``20261126`` ``0042`` ``5``: digits only, in order of taking; one wrong key or two swapped ones are noticed
before anybody is told of somebody else's ticket (Damm's algorithm, 2004).
"""

from __future__ import annotations

from datetime import date

#: the quasigroup of Damm's thesis, of order 10, totally anti-symmetric
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check_digit(digits: str) -> str:
    """The digit that makes a number right.

    >>> check_digit("572")
    '4'
    """
    state = 0
    for digit in digits:
        state = _DAMM[state][int(digit)]
    return str(state)


def is_right(number: str) -> bool:
    """Whether a number's last digit fits the others.

    >>> is_right("5724"), is_right("5742"), is_right("")
    (True, False, False)
    """
    return number.isascii() and number.isdigit() and check_digit(number) == "0"


def ticket_number(day: date, serial: int, digits: int = 4) -> str:
    """The number of the day's nth ticket; a day with more than fit has longer numbers.

    >>> ticket_number(date(2026, 11, 26), 42)
    '2026112600425'
    """
    body = f"{day:%Y%m%d}{serial:0{digits}d}"
    return body + check_digit(body)
