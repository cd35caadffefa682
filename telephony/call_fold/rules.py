"""What the fold must know of the hotline."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: contexts of our dialplan in which only citizens' channels are, and our own halves
CITIZEN_CONTEXTS = frozenset(
    {
        "hotline-from-trunk",
        "hotline-notice",
        "hotline-flow",
        "hotline-queue",
        "hotline-place",
        "hotline-rescue",
        "hotline-emergency",
        "hotline-together",
        "hotline-room",
        "hotline-blind",
        "hotline-close",
        "hotline-ended",
    }
)
_KEYS_CONTEXT = "hotline-keys-"
#: technologies of channels that are never a citizen: taps, Asterisk's own halves
NEVER_CITIZENS = ("AudioSocket/", "CBAnn/", "CBRec/", "Local/", "Snoop/", "WebSocket/")

_ENDPOINT = re.compile(r"^[A-Za-z]+/(?P<endpoint>.+)-[0-9a-f]+$")


def is_citizens(context: str) -> bool:
    """Whether only citizens come to this context.

    >>> is_citizens("hotline-keys-main"), is_citizens("hotline-callback-citizen")
    (True, False)
    """
    return context in CITIZEN_CONTEXTS or context.startswith(_KEYS_CONTEXT)


@dataclass(frozen=True, slots=True)
class FoldRules:
    """Agents' endpoints and the limits of the flags (seconds)."""

    agents: frozenset[str] = field(default_factory=frozenset)
    t_short_s: float = 5.0
    answered_short_s: float = 10.0

    def agent_of(self, channel: str) -> str | None:
        """The agent whose telephone this channel is, by its endpoint's name.

        >>> FoldRules(frozenset({"agent101"})).agent_of("PJSIP/agent101-0000001f")
        'agent101'
        """
        found = _ENDPOINT.match(channel)
        return found["endpoint"] if found and found["endpoint"] in self.agents else None
