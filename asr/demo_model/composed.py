"""Sentences put together from a few lines: what is said in many ways, and which words keep company.

``text/composed/`` has lines with choices in brackets, ``[家里|屋里]只有[十二|十三]度``, and slots in braces.
``text/tables/`` has words and what they go with; ``frames.yaml`` there says what stands around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import yaml

from asr.demo_model.texts import Rng, expand

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
    for name, line in _lines("composed"):
        rng = _rng(name, line)
        made.extend(dict.fromkeys(chosen(line, rng) for _ in range(each)))
    return made


def chosen(line: str, rng: Rng) -> str:
    """One sentence of a line: one of the words between each pair of brackets, every slot filled."""
    while found := _CHOICE.search(line):
        line = line[: found.start()] + _pick(found[1].split("|"), rng) + line[found.end() :]
    return expand(line, rng)


def company(each: int) -> list[str]:
    """What words go together: the tables, each pair ``each`` times, and words that sound alike in use."""
    frames: Any = yaml.safe_load(_folder("tables").joinpath("frames.yaml").read_text("utf-8"))
    made: list[str] = []
    for name, line in _lines("tables"):
        word, *others = line.split()
        frame, rng = frames.get(name.removesuffix(".txt")), _rng(name, line)
        if frame is None:
            made += [word, *others]
            continue
        joined = [_joined(frame, word, other, rng) for other in others for _ in range(each)]
        alone = frame.get("alone", ())
        joined += [word + _pick(alone, rng) for _ in range(_ALONE * each if alone else 0)]
        made += [_pick(frame["before"], rng) + told + _pick(frame["after"], rng) for told in joined]
    return made


def _joined(frame: Any, word: str, other: str, rng: Rng) -> str:
    if "number" in frame:
        return _pick(frame["number"], rng) + word + other
    if "degree" not in frame:
        return other + word if frame.get("head") == "last" else word + other
    whole = len(other) > _LONGEST_DEGREED or other[-1] in _FINAL_PARTICLES
    return word + _pick(frame["told" if whole else "degree"], rng) + other


def _lines(folder: str) -> Iterator[tuple[str, str]]:
    """The names of a folder's text files with their lines."""
    files = sorted(_folder(folder).iterdir(), key=lambda file: file.name)
    for file in files:
        if file.name.endswith(".txt"):
            yield from ((file.name, line) for line in file.read_text("utf-8").splitlines() if line)


def _folder(name: str) -> Traversable:
    return resources.files("asr.demo_model").joinpath(f"text/{name}")


def _rng(name: str, line: str) -> Rng:
    """The same for the same line, wherever it stands."""
    return np.random.default_rng([_SEED, *name.encode(), *line.encode()])


def _pick(choices: Sequence[str], rng: Rng) -> str:
    return str(choices[int(rng.integers(len(choices)))])
