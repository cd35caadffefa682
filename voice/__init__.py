"""Synthetic Mandarin telephone speech: one way of speaking for prompts, simulated people and the demo model.

Text becomes words, words become toned pinyin, pinyin becomes sound through espeak-ng. Everybody who speaks
in this project speaks through this package, so that the demo speech model hears exactly the speech it was
made for.
"""

from __future__ import annotations

from voice.voices import VOICES, Voice

__all__ = ["VOICES", "Voice"]
