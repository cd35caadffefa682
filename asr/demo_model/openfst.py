"""OpenFst's files, written and read byte by byte, so that no tool of OpenFst is needed.

Two kinds are enough: ``olabel_lookahead`` for the lexicon (a constant FST and, for every state, which words
can come next) and ``ngram`` for the language model (8 bytes an n-gram where a plain FST takes 16). Layouts:
OpenFst 1.7 and 1.8, as libvosk 0.3.45 reads them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.demo_model.language import (
    BITS,
    END_ID,
    ORDER,
    START_ID,
    Keys,
    LanguageModel,
    NGrams,
    find,
    with_backoff,
)

Ints = NDArray[np.int64]
Arc = tuple[int, int, float, int]
"""Input label, output label, cost (negative logarithm), next state."""

_MAGIC, _ADD_ON_MAGIC = 2125659606, 446681434
_LEXICON_PROPERTIES = 0x65A565660001
"""Deterministic on the input, sorted by output, with epsilons, weighted, cyclic, every state of use."""
_NGRAM_PROPERTIES = 0x25A555550001
_HEADER = struct.Struct("<iiQqqq")
_WORD = 64


@dataclass(frozen=True, slots=True)
class Transducer:
    """Arcs and costs by state, and the words (as ranges) that may come next from each state."""

    start: int
    arcs: Sequence[Sequence[Arc]]
    final: dict[int, float]
    ahead: Sequence[Sequence[tuple[int, int]]]
    end_label: int
    """The number in ``ahead`` that stands for the end of the sentence."""


def look_ahead_file(graph: Transducer) -> bytes:
    """The bytes of an ``olabel_lookahead`` FST."""
    states = np.zeros(
        len(graph.arcs), dtype=[("final", "<f4"), *((name, "<u4") for name in ("at", "arcs", "ieps", "oeps"))]
    )
    states["final"] = np.inf
    for state, cost in graph.final.items():
        states["final"][state] = cost
    states["arcs"] = [len(arcs) for arcs in graph.arcs]
    states["at"] = np.cumsum(states["arcs"]) - states["arcs"]
    states["ieps"] = [sum(arc[0] == 0 for arc in arcs) for arcs in graph.arcs]
    states["oeps"] = [sum(arc[1] == 0 for arc in arcs) for arcs in graph.arcs]
    listed = [arc for arcs in graph.arcs for arc in sorted(arcs, key=lambda arc: arc[1])]
    arcs = np.array(listed, dtype=[("input", "<i4"), ("output", "<i4"), ("cost", "<f4"), ("next", "<i4")])
    outer = _header("olabel_lookahead", 1, _LEXICON_PROPERTIES, -1, 0, 0)
    inner = _header("const", 2, _LEXICON_PROPERTIES, graph.start, len(states), len(arcs))
    ranges = b"".join(
        struct.pack("<q", len(ahead))
        + b"".join(struct.pack("<ii", first, after) for first, after in ahead)
        + struct.pack("<i", sum(after - first for first, after in ahead))
        for ahead in graph.ahead
    )
    # an add-on, of which the first half (input labels) is absent, for output labels, without relabelling
    add_on = struct.pack("<???", True, False, True) + struct.pack("<??i", False, False, graph.end_label)
    tail = add_on + struct.pack("<q", len(graph.ahead)) + ranges
    return outer + struct.pack("<i", _ADD_ON_MAGIC) + inner + states.tobytes() + arcs.tobytes() + tail


def ngram_file(model: LanguageModel, labels: Sequence[int]) -> bytes:
    """The bytes of an ``ngram`` FST; ``labels`` are the numbers of the model's words in ``words.txt``."""
    label = np.array(labels, dtype=np.int64)
    label[START_ID] = 0  # the history of a sentence's beginning stands before all words
    levels, parents = _levels(model.orders, label)
    backoff = [np.array([np.inf])]
    words, costs, counts, finals, final_costs = [], [], [], [], []
    for length, histories in enumerate(levels, start=1):
        order = model.orders[length - 1]
        if length > 1:
            at, found = find(model.orders[length - 2].keys, histories)
            backoff.append(np.where(found, -np.log(model.orders[length - 2].backoff[at]), 0.0))
        place = _places(histories, order.keys >> np.uint64(BITS))
        last = (order.keys & np.uint64((1 << BITS) - 1)).astype(np.int64)
        cost = -np.log(np.maximum(order.probability, 1e-30))
        ends = last == END_ID
        final = np.full(len(histories), np.inf)
        final[place[ends]] = cost[ends]
        said = ~ends & (last != START_ID)
        sort = np.lexsort((label[last[said]], place[said]))
        words.append(label[last[said]][sort])
        costs.append(cost[said][sort])
        counts.append(np.bincount(place[said], minlength=len(histories)))
        finals.append(np.isfinite(final))
        final_costs.append(final[np.isfinite(final)])
    children = [np.bincount(up, minlength=len(level)) for level, up in zip(levels, parents[1:], strict=False)]
    children.append(np.zeros(len(levels[-1]), dtype=np.int64))
    context = [_oldest(level, length, label) for length, level in enumerate(levels) if length]
    sizes = (sum(map(len, levels)), sum(map(len, words)), sum(map(len, final_costs)))
    return b"".join(
        (
            _header("ngram", 4, _NGRAM_PROPERTIES, 1, sizes[0], 0),
            struct.pack("<QQQ", *sizes),
            _bits(np.concatenate([[True, False], _unary(np.concatenate(children))])),
            _bits(np.concatenate([[False], _unary(np.concatenate(counts))])),
            _bits(np.concatenate(finals)),
            np.concatenate([[-1], *context, [0]]).astype("<i4").tobytes(),
            np.concatenate(words).astype("<i4").tobytes(),
            np.concatenate([*backoff, [0.0], *final_costs, *costs, [0.0]]).astype("<f4").tobytes(),
        )
    )


def read_ngram_file(data: bytes, words: Sequence[str], labels: Sequence[int]) -> LanguageModel:
    """The model that ``ngram_file`` wrote; ValueError when it is another kind of file."""
    kind, at = _read_header(data)
    if kind != "ngram":
        raise ValueError(f"the language model is a file of the kind {kind!r}, not 'ngram'")
    states, futures, finals = struct.unpack_from("<QQQ", data, at)
    at += 24
    vectors: list[NDArray[np.bool_]] = []
    for length in (2 * states + 1, futures + states + 1, states):
        size = -(-length // _WORD) * 8
        packed = np.frombuffer(data, np.uint8, size, at)
        vectors.append(np.unpackbits(packed, bitorder="little")[:length].astype(np.bool_))
        at += size
    context = np.frombuffer(data, "<i4", states + 1, at)
    future = np.frombuffer(data, "<i4", futures, at + 4 * (states + 1))
    costs = np.frombuffer(data, "<f4", states + 1 + finals + futures, at + 4 * (states + 1 + futures))
    number = np.zeros(max(labels) + 1, dtype=np.uint64)
    number[list(labels)] = np.arange(len(words))
    number[0] = START_ID
    parent = np.repeat(np.arange(states), _counted(vectors[0][2:]))
    history = np.zeros(states, dtype=np.uint64)
    depth = np.zeros(states, dtype=np.int64)
    for state, up in enumerate(parent, start=1):  # parents come first: the order is by levels
        depth[state] = depth[up] + 1
        history[state] = history[up] + (number[context[state]] << np.uint64(BITS * int(depth[up])))
    of = np.repeat(np.arange(states), _counted(vectors[1][1:]))
    ending = np.flatnonzero(vectors[2])
    said = (history[of] << np.uint64(BITS)) + number[future]
    keys = np.concatenate([said, (history[ending] << np.uint64(BITS)) + np.uint64(END_ID)])
    spoken = np.concatenate([costs[states + 1 + finals :], costs[states + 1 : states + 1 + finals]])
    lengths = np.concatenate([depth[of], depth[ending]])
    orders = []
    for order in range(ORDER):
        mine = lengths == order
        sort = np.argsort(keys[mine])
        found = np.exp(-spoken[mine][sort].astype(np.float64))
        orders.append(NGrams(keys[mine][sort], found, np.ones(len(found))))
    return LanguageModel(tuple(words), with_backoff(orders))


def _levels(orders: Sequence[NGrams], label: Ints) -> tuple[list[Keys], list[Ints]]:
    """Histories by length, each level sorted by its shorter history's place and then by its oldest word."""
    needed: list[Keys] = [np.zeros(0, dtype=np.uint64)] * ORDER
    for length in range(ORDER - 1, 0, -1):
        begun = np.unique(orders[length].keys >> np.uint64(BITS))
        suffixes = needed[length] & np.uint64((1 << (BITS * length)) - 1)
        opening = [np.uint64(START_ID)] if length == 1 else []
        needed[length - 1] = np.unique(np.concatenate([begun, suffixes, opening]).astype(np.uint64))
    levels, parents = [np.zeros(1, dtype=np.uint64)], [np.zeros(1, dtype=np.int64)]
    for length in range(1, ORDER):
        keys = needed[length - 1]
        up = _places(levels[-1], keys & np.uint64((1 << (BITS * (length - 1))) - 1))
        sort = np.lexsort((_oldest(keys, length, label), up))
        levels.append(keys[sort])
        parents.append(up[sort])
    return levels, parents


def _oldest(keys: Keys, length: int, label: Ints) -> Ints:
    found: Ints = label[(keys >> np.uint64(BITS * (length - 1))).astype(np.int64)]
    return found


def _places(keys: Keys, wanted: Keys) -> Ints:
    """Where each of ``wanted`` stands in ``keys``, which are in any order and hold them all."""
    sort = np.argsort(keys)
    found: Ints = sort[np.searchsorted(keys[sort], wanted)]
    return found


def _unary(counts: Ints) -> NDArray[np.bool_]:
    """Every count as so many ones and a zero."""
    flags = np.ones(int(counts.sum()) + len(counts), dtype=bool)
    flags[np.cumsum(counts + 1) - 1] = False
    return flags


def _counted(flags: NDArray[np.bool_]) -> Ints:
    """The counts that ``_unary`` wrote."""
    zeros = np.flatnonzero(~flags)
    found: Ints = np.diff(np.concatenate([[-1], zeros])) - 1
    return found


def _bits(flags: NDArray[np.bool_]) -> bytes:
    packed = np.packbits(flags.astype(bool), bitorder="little").tobytes()
    return packed + bytes(-len(packed) % 8)


def _header(kind: str, version: int, properties: int, start: int, states: int, arcs: int) -> bytes:
    name, semiring = kind.encode(), b"standard"
    sized = struct.pack(f"<ii{len(name)}si{len(semiring)}s", _MAGIC, len(name), name, len(semiring), semiring)
    return sized + _HEADER.pack(version, 0, properties, start, states, arcs)


def _read_header(data: bytes) -> tuple[str, int]:
    """The kind of an FST's file, and where its content begins."""
    if len(data) < 12 or struct.unpack_from("<i", data)[0] != _MAGIC:
        raise ValueError("the language model is no FST")
    (size,) = struct.unpack_from("<i", data, 4)
    kind = data[8 : 8 + size].decode("ascii", "replace")
    (semiring,) = struct.unpack_from("<i", data, 8 + size)
    return kind, 12 + size + semiring + _HEADER.size
