"""Sentences put together from a few lines: what is said in many ways, and which words keep company.

``text/composed/`` has lines with choices in brackets, ``[家里|屋里]只有[十二|十三]度``, and slots in braces.
``text/tables/`` has words and what they go with; ``frames.yaml`` there says what stands around them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from asr.demo_model.texts import Rng, expand, pick, text_file, text_lines

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SEED = 20_250_703
_FINAL_PARTICLES = "了着"
_ALONE = 6
"""How often a verb comes without what it goes with, for each time that it comes with it."""
_LONGEST_DEGREED = 2
"""What is said of a thing takes a word of degree when it has no more characters than this."""


def sentences(each: int) -> list[str]:
    """Up to ``each`` different sentences from every line of ``text/composed/``."""
    made: list[str] = []
    for name, line in text_lines("composed"):
        rng = _rng(name, line)
        made.extend(dict.fromkeys(chosen(line, rng) for _ in range(each)))
    return made


def chosen(line: str, rng: Rng) -> str:
    """One sentence of a line: one of the words between each pair of brackets, every slot filled."""
    while found := _CHOICE.search(line):
        line = line[: found.start()] + pick(found[1].split("|"), rng) + line[found.end() :]
    return expand(line, rng)


def company(each: int) -> list[str]:
    """What words go together: the tables, each pair ``each`` times, and words that sound alike in use."""
    frames = text_file("tables/frames")
    made: list[str] = []
    for name, line in text_lines("tables"):
        word, *others = line.split()
        frame, rng = frames.get(name.removesuffix(".txt")), _rng(name, line)
        if frame is None:
            made += [word, *others]
            continue
        joined = [_joined(frame, word, other, rng) for other in others for _ in range(each)]
        alone = frame.get("alone", ())
        joined += [word + pick(alone, rng) for _ in range(_ALONE * each if alone else 0)]
        made += [pick(frame["before"], rng) + told + pick(frame["after"], rng) for told in joined]
    return made


def _joined(frame: Any, word: str, other: str, rng: Rng) -> str:
    if "number" in frame:
        return pick(frame["number"], rng) + word + other
    if "degree" not in frame:
        return other + word if frame.get("head") == "last" else word + other
    whole = len(other) > _LONGEST_DEGREED or other[-1] in _FINAL_PARTICLES
    return word + pick(frame["told" if whole else "degree"], rng) + other


def _rng(name: str, line: str) -> Rng:
    """The same for the same line, wherever it stands."""
    return np.random.default_rng([_SEED, *name.encode(), *line.encode()])
