"""Whose a matter must not become: units that it names, and those above them. Pure."""

from __future__ import annotations

from ticketing_bridge.tickets.model import Caller, Texts
from ticketing_bridge.tickets.units import UnitDirectory


def barred_units(
    units: UnitDirectory, purpose: str, texts: Texts, caller: Caller | None, *, confidential: bool
) -> list[str]:
    """Units that must not receive it unless two people say so.

    Of a 举报: every unit that it names anywhere, by any of its names. Of another confidential matter:
    those that are its party. An open complaint usually names the unit that is to mend it: nobody is barred.
    """
    if purpose == "举报":
        words = (texts.title, texts.content, texts.party, texts.demand, *texts.places)
    elif confidential:
        words = (texts.party,)
    else:
        return []
    own = (caller.name or "",) if caller else ()
    return list(units.barred_by([*words, *own]))
