"""A city's own names in the demo model: the graph is made again, the network stays.

Everything needed is in the model's folder (the language model as it is, the sounds of all syllables), so that
neither the texts nor the training packages are asked for. No Vosk here: ``asr.models.check_model`` loads what
was made in a process of its own.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.demo_model import graph
from asr.demo_model.language import END, START, LanguageModel
from asr.demo_model.lexicon import Lexicon, read_syllables
from asr.demo_model.names import Kind, Name, kind_of, said_name, ways, with_names
from asr.demo_model.openfst import read_ngram_file
from asr.manifest import write_manifest
from facts.errors import HotlineError

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""

_NAME_COLUMNS = {Kind.PLACE: ("name", "place", "名称", "地名"), Kind.UNIT: ("unit", "name", "单位", "名称")}
_ALIAS_COLUMNS = ("aliases", "alias", "别名", "简称")


class AdaptError(HotlineError):
    """The names cannot be put into the model."""

    error_id = "model-adapt"


@dataclass(frozen=True, slots=True)
class Adapted:
    """What became of the names."""

    path: Path
    added: tuple[str, ...]
    known: tuple[str, ...]
    """Names that the model could hear as one word before."""
    unsayable: tuple[str, ...]
    """Names left out: no pronunciation is known for a character in them."""
    read: tuple[tuple[str, str], ...]
    """Names with figures or letters, and how they are read and heard."""


def read_names(
    tables: Sequence[Path], lists: Sequence[Path], units: Sequence[Path]
) -> list[tuple[str, Kind]]:
    """Names from CSV tables of places, plain lists (one a line), and CSV tables of units.

    Raises:
        AdaptError: a file is missing, is not UTF-8, or has no column of names.
    """
    found: list[tuple[str, Kind]] = []
    for path in tables:
        found += [(name, Kind.PLACE) for name in _from_table(path, Kind.PLACE)]
    for path in lists:
        found += [(name, kind_of(name)) for name in map(str.strip, _lines(path)) if name and name[0] != "#"]
    for path in units:
        found += [(name, Kind.UNIT) for name in _from_table(path, Kind.UNIT)]
    return list(dict.fromkeys(found))


def adapt(
    model_dir: Path, names: Iterable[tuple[str, Kind]], out: Path, progress: Progress | None = None
) -> Adapted:
    """Write a copy of the model to ``out`` that also hears ``names``; takes seconds.

    Raises:
        AdaptError: the model is not of this project's making, ``out`` is taken, or there is no name to add.
    """
    if out.exists():
        raise AdaptError(f"{out} exists already", fix="name a folder that does not exist yet")
    tell = progress or _quiet
    tell("reading", 0, 1)
    lexicon, model = _opened(model_dir)
    tell("reading", 1, 1)
    sorted_out = _sorted_out(list(names), model, lexicon, out)
    new = [Name(said_name(name), kind) for name, kind in sorted_out[1]]
    model = with_names(model, new)
    known = model.words[2:]
    said: dict[str, tuple[tuple[int, ...], ...]] = {}
    for number, word in enumerate(known):
        said[word] = ways(word, lexicon)
        if number % 2000 == 0:
            tell("pronouncing", number, len(known))
    tell("pronouncing", len(known), len(known))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        made = Path(scratch) / out.name
        _copied(model_dir, made)
        tell("writing", 0, 1)
        graph.write_graph(made / "graph", said, lexicon.phone_positions(), model)
        card = {"name": out.name, "adapted_from": model_dir.name, "names": len(new)}
        (made / "CARD.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", "utf-8")
        write_manifest(made)
        made.rename(out)
    tell("writing", 1, 1)
    return sorted_out[0]


def _opened(model_dir: Path) -> tuple[Lexicon, LanguageModel]:
    """The sounds and the language model of a model of our making."""
    try:
        lexicon = Lexicon(read_syllables(model_dir / "graph"))
        numbers = graph.read_words(model_dir / "graph")
        words = (START, END, *graph.spoken_words(numbers))
        labels = [numbers.get(word, 0) for word in words]
        return lexicon, read_ngram_file((model_dir / "graph" / "Gr.fst").read_bytes(), words, labels)
    except (OSError, ValueError) as error:
        raise AdaptError(
            f"the graph of {model_dir} cannot be made again: it is not of the demo model's kind ({error})",
            fix="adapt the demo model; for another model use its maker's own way to add words",
        ) from error


def _sorted_out(
    names: Sequence[tuple[str, Kind]], model: LanguageModel, lexicon: Lexicon, out: Path
) -> tuple[Adapted, list[tuple[str, Kind]]]:
    """Which names are new, known, or cannot be said."""
    there = set(model.words)
    new, known, unsayable, read = [], [], [], []
    for name, kind in names:
        said = said_name(name)
        if not said or _silent(name) or not ways(said, lexicon):
            unsayable.append(name)
            continue
        if said != name:
            read.append((name, said))
        if said in there:
            known.append(name)
        else:
            new.append((name, kind))
    if not new:
        raise AdaptError("the model knows all of these names already", fix="give a list with new names")
    added = tuple(name for name, _ in new)
    return Adapted(out, added, tuple(known), tuple(unsayable), tuple(read)), new


def _silent(name: str) -> bool:
    """Whether a letter of the name is passed over when it is read aloud: another script, or a rare hanzi."""
    return any(unicodedata.category(sign)[0] == "L" and not said_name(sign) for sign in name)


def _copied(model_dir: Path, made: Path) -> None:
    """Everything but the words and their order: the network as a link where the disk allows it."""
    made.mkdir(parents=True)
    for part in ("am", "conf", "graph/phones"):
        shutil.copytree(model_dir / part, made / part, copy_function=_linked)
    for note in ("CARD.md", "README.md"):
        if (model_dir / note).is_file():
            shutil.copy2(model_dir / note, made / note)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _from_table(path: Path, kind: Kind) -> list[str]:
    """The names and other names of a CSV table."""
    rows = csv.DictReader(_lines(path))
    columns = rows.fieldnames or []
    column = next((name for name in _NAME_COLUMNS[kind] if name in columns), None)
    if column is None:
        wanted = " or ".join(_NAME_COLUMNS[kind])
        raise AdaptError(
            f"{path} has no column of names", fix=f"name the column {wanted} in the first line of the file"
        )
    found: list[str] = []
    for row in rows:
        others = next((row[name] or "" for name in _ALIAS_COLUMNS if name in columns), "")
        found += [name.strip() for name in (row[column] or "", *others.replace("；", ";").split(";"))]
    return [name for name in found if name]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AdaptError(f"{path} cannot be read: {error}", fix="give a text file in UTF-8") from error


def _quiet(doing: str, done: int, total: int) -> None:
    """Tell nobody."""
