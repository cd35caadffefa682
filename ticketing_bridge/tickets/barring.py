"""Whose a matter must not become: units that it names, and those above them. Pure."""

from __future__ import annotations

from ticketing_bridge.tickets.model import Caller, Texts
from ticketing_bridge.tickets.units import UnitDirectory

#: the purpose that is confidential by default (数据安全法 12)
REPORT = "举报"
#: how other channels call it
_REPORTS = (REPORT, "检举", "控告", "揭发")


def purpose_named(given: str) -> str:
    """A purpose as it is kept. Whatever another channel's name for a 举报 is, it is one.

    >>> purpose_named(" 投诉 "), purpose_named("信访举报"), purpose_named("检举控告")
    ('投诉', '举报', '举报')
    """
    return REPORT if any(it in given for it in _REPORTS) else given.strip()


def barred_units(
    units: UnitDirectory, purpose: str, texts: Texts, caller: Caller | None, *, confidential: bool
) -> list[str]:
    """Units that must not receive it unless two people say so.

    Of a 举报: every unit that it names anywhere, by any of its names. Of another confidential matter:
    those that are its party. An open complaint usually names the unit that is to mend it: nobody is barred.
    """
    if purpose == REPORT:
        words = (texts.title, texts.content, texts.party, texts.demand, texts.when, *texts.places)
    elif confidential:
        words = (texts.party,)
    else:
        return []
    own = (caller.name or "",) if caller else ()
    return list(units.barred_by([*words, *own]))
