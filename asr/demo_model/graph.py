"""The decoding graph: lexicon and phones as ``HCLr.fst``, the language model as ``Gr.fst``.

The two are composed while decoding, so that a grammar can take the language model's place in a call. With
OpenFst's tools at hand the lexicon is written with look-ahead; without them it is a plain transducer, which
hears the same and works a little harder.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.demo_model.extras import need
from asr.demo_model.kaldi_files import forward_id, self_loop_id
from asr.demo_model.language import END, START, History, LanguageModel
from asr.demo_model.lexicon import word_phones

UNKNOWN = "[unk]"
_SILENCE_PHONE = 1
_HALF = math.log(2.0)
_UNKNOWN_COST = 1.5
_PLUGINS = "/usr/lib/x86_64-linux-gnu/fst/22:/usr/lib/aarch64-linux-gnu/fst/22"


def write_graph(
    directory: Path,
    lexicon: Mapping[str, tuple[int, ...]],
    phone_positions: Sequence[str],
    model: LanguageModel,
) -> bool:
    """``HCLr.fst``, ``Gr.fst``, ``words.txt`` and ``disambig_tid.int``; True when written with look-ahead."""
    directory.mkdir(parents=True, exist_ok=True)
    ids = {"<eps>": 0, UNKNOWN: 1} | {word: number for number, word in enumerate(sorted(lexicon), start=2)}
    spoken, marks = _lexicon_fst(lexicon, ids, phone_positions)
    graph = _with_states(spoken, len(phone_positions))
    need("kaldifst").arcsort(graph, sort_type="olabel")
    relabelled = _write_with_look_ahead(graph, directory / "HCLr.fst")
    if relabelled is None:
        graph.write(str(directory / "HCLr.fst"))
    else:
        ids = {word: relabelled.get(number, number) for word, number in ids.items()}
    _language_fst(model, ids).write(str(directory / "Gr.fst"))
    lines = (f"{word} {number}\n" for word, number in sorted(ids.items(), key=lambda pair: pair[1]))
    (directory / "words.txt").write_text("".join(lines), "utf-8")
    first = 2 * len(phone_positions) + 1
    (directory / "disambig_tid.int").write_text(
        "".join(f"{first + mark}\n" for mark in range(marks)), "ascii"
    )
    return relabelled is not None


def _arc(fst: Any, start: int, labels: tuple[int, int], cost: float, end: int) -> None:
    """An arc with its input and output label."""
    label, word = labels
    fst.add_arc(
        state=start, arc=need("kaldifst").StdArc(ilabel=label, olabel=word, weight=cost, nextstate=end)
    )


def _lexicon_fst(
    lexicon: Mapping[str, tuple[int, ...]], ids: Mapping[str, int], positions: Sequence[str]
) -> tuple[Any, int]:
    """Phones to words, determinised; labels above the phones are marks; and how many marks there are.

    Mark 0 ends a silence, mark 1 opens the unknown word, the others tell words of the same sound apart.
    """
    kaldifst = need("kaldifst")
    fst = kaldifst.StdVectorFst()
    start, loop, silence, end = (fst.add_state() for _ in range(4))
    fst.start = start
    mark = len(positions) + 1
    for state in (start, end):
        _arc(fst, state, (0, 0), _HALF, loop)
        _arc(fst, state, (_SILENCE_PHONE, 0), _HALF, silence)
    _arc(fst, silence, (mark, 0), 0.0, loop)
    fst.set_final(loop, 0.0)
    same_sound: Counter[tuple[int, ...]] = Counter()
    for word in sorted(lexicon):
        phones = word_phones(lexicon[word])
        twin = same_sound[phones]
        same_sound[phones] += 1
        labels = [*phones, mark + 1 + twin] if twin else list(phones)
        state = loop
        for place, label in enumerate(labels):
            target = end if place == len(labels) - 1 else fst.add_state()
            _arc(fst, state, (label, ids[word] if place == 0 else 0), 0.0, target)
            state = target
    _add_unknown(fst, (loop, end), (mark + 1, ids[UNKNOWN]), positions)
    if kaldifst.determinize_star(fst):
        raise RuntimeError("The lexicon could not be determinised: two words cannot be told apart")
    kaldifst.minimize_encoded(fst)
    return fst, 1 + max(same_sound.values())


def _add_unknown(fst: Any, ends: tuple[int, int], opening: tuple[int, int], positions: Sequence[str]) -> None:
    """A word of any phones, heard only where a grammar names it."""
    loop, end = ends
    opened, inside = fst.add_state(), fst.add_state()
    _arc(fst, loop, opening, 0.0, opened)
    where = {"begin": (opened, inside), "internal": (inside, inside), "end": (inside, end)}
    for number, position in enumerate(positions, start=1):
        if position in where:
            _arc(fst, where[position][0], (number, 0), _UNKNOWN_COST, where[position][1])


def _with_states(lexicon: Any, phones: int) -> Any:
    """Phones become transitions of their one state: enter it first, stay in it afterwards."""
    kaldifst = need("kaldifst")
    arcs = [
        (state, arc.ilabel, arc.olabel, _cost(arc.weight), arc.nextstate)
        for state in kaldifst.StateIterator(lexicon)
        for arc in kaldifst.ArcIterator(lexicon, state)
    ]
    into: defaultdict[int, set[int]] = defaultdict(set)
    for _, label, _, _, end in arcs:
        into[end].add(label)
    graph = kaldifst.StdVectorFst()
    for state in kaldifst.StateIterator(lexicon):
        graph.add_state()
        final = _cost(lexicon.final(state))
        if math.isfinite(final):
            graph.set_final(state, final)
    graph.start = lexicon.start
    entered: dict[tuple[int, int], int] = {}
    for state, label, word, cost, end in arcs:
        if label == 0 or label > phones:
            _arc(graph, state, (label + phones if label else 0, word), cost, end)
            continue
        if (label, end) not in entered:
            alone = into[end] == {label} and end != lexicon.start
            place = end if alone else graph.add_state()
            _arc(graph, place, (self_loop_id(label), 0), 0.0, place)
            if not alone:
                _arc(graph, place, (0, 0), 0.0, end)
            entered[label, end] = place
        _arc(graph, state, (forward_id(label), word), cost, entered[label, end])
    return graph


def _language_fst(model: LanguageModel, ids: Mapping[str, int]) -> Any:
    """The language model as an acceptor: a state a history, plain epsilons to shorter histories."""
    kaldifst = need("kaldifst")
    fst = kaldifst.StdVectorFst()
    states: dict[History, int] = {}
    for history in sorted(model.words, key=lambda words: (words != (START,), words)):
        states[history] = fst.add_state()
    fst.start = states[(START,)]
    for history, after in model.words.items():
        for word, probability in after.items():
            if word == END:
                fst.set_final(states[history], -math.log(probability))
                continue
            target = (*history, word)[-2:]
            while target not in states:
                target = target[1:]
            _arc(fst, states[history], (ids[word], ids[word]), -math.log(probability), states[target])
        if history:
            shorter = history[1:]
            while shorter not in states:
                shorter = shorter[1:]
            _arc(fst, states[history], (0, 0), -math.log(model.backoff[history]), states[shorter])
    kaldifst.arcsort(fst, sort_type="ilabel")
    return fst


def _write_with_look_ahead(graph: Any, path: Path) -> dict[int, int] | None:
    """Write the graph with OpenFst's tool; returns the new number of every word, or None without the tool."""
    if shutil.which("fstconvert") is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        plain, pairs = Path(scratch) / "plain.fst", Path(scratch) / "pairs.txt"
        graph.write(str(plain))
        found = subprocess.run(
            [
                "fstconvert",
                "--fst_type=olabel_lookahead",
                f"--save_relabel_opairs={pairs}",
                str(plain),
                str(path),
            ],
            env={**os.environ, "LD_LIBRARY_PATH": f"{_PLUGINS}:{os.environ.get('LD_LIBRARY_PATH', '')}"},
            capture_output=True,
            check=False,
        )
        if found.returncode != 0 or not pairs.exists():
            return None
        rows = (line.split() for line in pairs.read_text("ascii").splitlines())
        return {int(old): int(new) for old, new in rows}


def _cost(weight: Any) -> float:
    return float(getattr(weight, "value", weight))
