"""How a citizen call is named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class CallKey:
    """A citizen call: the PBX and the Uniqueid of its inbound trunk channel.

    Linkedid is not the key: Asterisk merges Linkedids when an agent joins two calls.

    >>> str(CallKey("city", "city-1763683200.7"))
    'city:city-1763683200.7'
    >>> CallKey.parse("city:city-1763683200.7").uniqueid
    'city-1763683200.7'
    """

    pbx_id: str
    uniqueid: str

    def __str__(self) -> str:
        return f"{self.pbx_id}:{self.uniqueid}"

    @classmethod
    def parse(cls, text: str) -> CallKey:
        """Read ``pbx_id:uniqueid``; raises ``ValueError`` when a part is missing."""
        pbx_id, colon, uniqueid = text.partition(":")
        if not (pbx_id and colon and uniqueid):
            raise ValueError(f"not a call key: {text!r} (want PBX:UNIQUEID)")
        return cls(pbx_id, uniqueid)
