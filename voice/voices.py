"""The voices of the project: who speaks prompts, who plays an agent and who plays a citizen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_VARIANT = re.compile(r"[A-Za-z0-9]{0,16}")


@dataclass(frozen=True, slots=True)
class Voice:
    """How espeak-ng shall sound.

    ``variant`` is the name of a voice variant of espeak-ng ("" is its plain voice); ``rate_wpm`` is the speed
    in espeak's words per minute (80 to 450; 170 is calm);
    ``pitch`` and ``pitch_range`` run from 0 to 99.
    """

    variant: str = ""
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50

    def __post_init__(self) -> None:
        if not _VARIANT.fullmatch(self.variant):
            raise ValueError(f"{self.variant!r} is no variant's name: letters and digits only, 16 at most")
        for name, value, low, high in (
            ("rate_wpm", self.rate_wpm, 80, 450),
            ("pitch", self.pitch, 0, 99),
            ("pitch_range", self.pitch_range, 0, 99),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; it must be between {low} and {high}")


VOICES: Mapping[str, Voice] = MappingProxyType(
    {
        "prompt": Voice("Annie", rate_wpm=180, pitch=50, pitch_range=50),
        "agent_f1": Voice("f2", rate_wpm=180, pitch=50, pitch_range=45),
        "agent_f2": Voice("belinda", rate_wpm=185, pitch=52, pitch_range=50),
        "agent_m1": Voice("m3", rate_wpm=180, pitch=48, pitch_range=45),
        "citizen_f1": Voice("f3", rate_wpm=185, pitch=55, pitch_range=55),
        "citizen_f2": Voice("Alicia", rate_wpm=170, pitch=50, pitch_range=50),
        "citizen_f3": Voice("steph", rate_wpm=185, pitch=52, pitch_range=55),
        "citizen_m1": Voice("m1", rate_wpm=175, pitch=45, pitch_range=50),
        "citizen_m2": Voice("max", rate_wpm=190, pitch=50, pitch_range=55),
        "citizen_m3": Voice("adam", rate_wpm=165, pitch=40, pitch_range=45),
        "citizen_m4": Voice("Lee", rate_wpm=180, pitch=50, pitch_range=50),
    }
)
"""The named voices; a name begins with the role: ``prompt``, ``agent_`` or ``citizen_``."""
