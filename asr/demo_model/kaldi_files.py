"""Kaldi's files, written byte by byte: the acoustic model, the configuration and the word boundaries."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.demo_model import pitch
from asr.demo_model.features import DIMENSION, MFCC_CONF
from asr.demo_model.network import BYPASS, Layer

MODEL_CONF = """\
--min-active=200
--max-active=3000
--beam=13
--lattice-beam=6
--acoustic-scale=0.35
--frame-subsampling-factor=3
--phone-determinize=false
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""


def self_loop_id(phone: int) -> int:
    """The transition that stays in a phone (its one state)."""
    return 2 * phone - 1


def forward_id(phone: int) -> int:
    """The transition that enters a phone; in a graph it comes before the self-loop."""
    return 2 * phone


def write_acoustic_model(
    path: Path, phone_units: Sequence[int], layers: Sequence[Layer], priors: NDArray[np.float32]
) -> None:
    """``final.mdl``: one emitting state a phone, then the network and the priors of its outputs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0B" + _transition_model(phone_units) + _network(layers) + _vector(priors))


def write_configuration(directory: Path) -> None:
    """``conf/model.conf``, ``conf/mfcc.conf`` and ``conf/pitch.conf``."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.conf").write_text(MODEL_CONF, "ascii")
    (directory / "mfcc.conf").write_text(MFCC_CONF, "ascii")
    (directory / "pitch.conf").write_text(pitch.configuration(), "ascii")


def write_word_boundaries(path: Path, positions: Sequence[str]) -> None:
    """``word_boundary.int``: where in a word each phone stands, phone 1 first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{number} {position}\n" for number, position in enumerate(positions, start=1))
    path.write_text("".join(lines), "ascii")


def _transition_model(phone_units: Sequence[int]) -> bytes:
    phones = range(1, len(phone_units) + 1)
    staying = _int(0) + _float(0.5)
    leaving = _int(1) + _float(0.5)
    states = _int(0) + _int(2) + staying + leaving + _int(-1) + _int(0)
    topology = _ints(phones) + _ints([-1] + [0] * len(phone_units)) + _int(1) + _int(2) + states
    triples = b"".join(
        _int(phone) + _int(0) + _int(unit) for phone, unit in zip(phones, phone_units, strict=True)
    )
    log_half = np.full(2 * len(phone_units) + 1, np.log(0.5), dtype=np.float32)
    log_half[0] = 0
    return (
        b"<TransitionModel> <Topology> "
        + topology
        + b"</Topology> <Triples> "
        + _int(len(phone_units))
        + triples
        + b"</Triples> <LogProbs> "
        + _vector(log_half)
        + b"</LogProbs> </TransitionModel> "
    )


def _network(layers: Sequence[Layer]) -> bytes:
    lines = [f"input-node name=input dim={DIMENSION}"]
    components: list[tuple[str, bytes]] = []

    def add(name: str, input_: str, component: bytes) -> str:
        lines.append(f"component-node name={name} component={name} input={input_}")
        components.append((name, component))
        return name

    given = before = "input"
    for number, layer in enumerate(layers, start=1):
        size, bypassed = len(layer.bias), given
        given = before
        before = add(f"affine{number}", _descriptor(before, layer.offsets), _affine(layer))
        if layer.rectified:
            before = add(f"relu{number}", before, _nonlinear("RectifiedLinearComponent", size))
        if layer.bypass:
            before = add(f"sum{number}", f"Sum(Scale({BYPASS}, {bypassed}), {before})", _nothing(size))
    add("log-softmax", before, _nonlinear("LogSoftmaxComponent", len(layers[-1].bias)))
    lines.append("output-node name=output input=log-softmax objective=linear")
    body = b"".join(f"<ComponentName> {name} ".encode() + data for name, data in components)
    head = ("<Nnet3> \n" + "\n".join(lines) + "\n\n<NumComponents> ").encode()
    tail = b"</Nnet3> <LeftContext> " + _int(0) + b"<RightContext> " + _int(0) + b"<Priors> "
    return head + _int(len(components)) + body + tail


def _descriptor(node: str, offsets: Sequence[int]) -> str:
    if tuple(offsets) == (0,):
        return node
    return "Append(" + ", ".join(f"Offset({node}, {at})" if at else node for at in offsets) + ")"


def _affine(layer: Layer) -> bytes:
    return (
        b"<FixedAffineComponent> <LinearParams> "
        + _two_bytes_each(layer.weights)
        + b"<BiasParams> "
        + _vector(layer.bias)
        + b"</FixedAffineComponent> "
    )


def _two_bytes_each(weights: NDArray[np.float32]) -> bytes:
    """A compressed matrix of Kaldi's kind CM2: every weight as one of 65,536 steps from least to most."""
    rows, columns = weights.shape
    least, span = float(weights.min()), float(weights.max() - weights.min()) or 1.0
    steps = np.rint((weights.astype(np.float64) - least) / span * 65535).astype("<u2")
    return b"CM2 " + struct.pack("<ffii", least, span, rows, columns) + steps.tobytes()


def _nothing(dimension: int) -> bytes:
    return (
        b"<NoOpComponent> <Dim> " + _int(dimension) + b"<BackpropScale> " + _float(1.0) + b"</NoOpComponent> "
    )


def _nonlinear(kind: str, dimension: int) -> bytes:
    empty = _vector(np.zeros(0, dtype=np.float32))
    zero = _double(0.0)
    return (
        f"<{kind}> <Dim> ".encode()
        + _int(dimension)
        + b"<ValueAvg> " + empty
        + b"<DerivAvg> " + empty
        + b"<Count> " + zero
        + b"<OderivRms> " + empty
        + b"<OderivCount> " + zero
        + b"<NumDimsSelfRepaired> " + zero
        + b"<NumDimsProcessed> " + zero
        + f"</{kind}> ".encode()
    )  # fmt: skip


def _int(value: int) -> bytes:
    return b"\x04" + struct.pack("<i", value)


def _float(value: float) -> bytes:
    return b"\x04" + struct.pack("<f", value)


def _double(value: float) -> bytes:
    return b"\x08" + struct.pack("<d", value)


def _ints(values: Sequence[int]) -> bytes:
    return b"\x04" + struct.pack("<i", len(values)) + np.array(values, dtype="<i4").tobytes()


def _vector(values: NDArray[np.float32]) -> bytes:
    return b"FV " + _int(len(values)) + values.astype("<f4").tobytes()
