"""``LiveText`` as one JSON line, and back."""

from __future__ import annotations

import json
from dataclasses import asdict

from facts.transcript import Leg, LiveText, Word


def to_line(text: LiveText) -> bytes:
    """One line of UTF-8 JSON, ending in a line feed."""
    return (json.dumps(asdict(text), ensure_ascii=False) + "\n").encode()


def from_line(line: bytes) -> LiveText:
    """Read a line of ``to_line``.

    Raises:
        ValueError, KeyError, TypeError: the line is something else.
    """
    facts = json.loads(line)
    return LiveText(
        call=str(facts["call"]),
        leg=Leg(facts["leg"]),
        segment=int(facts["segment"]),
        final=bool(facts["final"]),
        text=str(facts["text"]),
        start_s=float(facts["start_s"]),
        end_s=float(facts["end_s"]),
        words=tuple(Word(**word) for word in facts.get("words", ())),
        stream=str(facts.get("stream", "")),
        unheard=facts.get("unheard") is True,
    )
