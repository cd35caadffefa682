"""What the voices of these tests say, and whether it was heard."""

from __future__ import annotations

import difflib
import re
from functools import cache

from voice.pcm import Pcm, join, silence
from voice.synthesis import synthesise_many
from voice.voices import VOICES

#: what the voices say; general sentences, each about two seconds
HEATING = "我们小区的暖气一点都不热"
STREET = "昆仑路的路灯坏了好几天"
ROAD = "麻烦你们派人过来看看"
AGENT = "您好请问有什么可以帮您"


@cache
def spoken(text: str, voice: str = "citizen_f1") -> Pcm:
    """A sentence as telephone audio (8 kHz)."""
    return synthesise_many([(text, VOICES[voice])])[0]


def said_in_order(*parts: str | float, voice: str = "citizen_f1") -> Pcm:
    """Sentences and pauses (seconds) one after the other."""
    return join(*(spoken(part, voice) if isinstance(part, str) else silence(part) for part in parts))


def was_heard(heard: str, meant: str) -> bool:
    """The sentence is in the text, but for a character or two."""
    matcher = difflib.SequenceMatcher(None, re.sub(r"[^\w]", "", heard), meant, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) >= 0.75 * len(meant)
