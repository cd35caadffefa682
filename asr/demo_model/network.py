"""The acoustic network: a factorised time-delay network with bypasses, folded into affine layers.

Each block narrows what it hears to a few numbers over two points in time and widens these over two again,
and adds what it was given: many layers and a long view with few weights. It is trained frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model.corpus import Corpus, Progress
from asr.demo_model.extras import need
from asr.demo_model.features import DIMENSION
from asr.demo_model.lexicon import SILENCE

Matrix = NDArray[np.float32]

FIRST = tuple(range(-4, 5))
"""The frames of 10 ms that the first layer sees; it answers every third frame, and so do the others."""
BLOCKS = (3, 3, 3, 3, 6, 6)
"""How far each block looks back, and then forward, in frames."""
CONTEXT = 4 + sum(BLOCKS)
STEP = 3
WINDOW = 192  # frames answered at once in training
BYPASS = 0.66
SILENCE_PRIOR = 0.25


@dataclass(frozen=True, slots=True)
class Layer:
    """``weights`` [out, in x offsets] over the layer before.

    ``rectified``: negative answers become 0. ``bypass``: BYPASS times the input of the layer before is added.
    """

    weights: Matrix
    bias: NDArray[np.float32]
    offsets: tuple[int, ...]
    rectified: bool = True
    bypass: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """How large a network and how long a training."""

    width: int = 256
    narrow: int = 96
    epochs: float = 5
    batch: int = 64
    peak_rate: float = 2e-3
    settling_steps: int = 600
    settling_rate: float = 6e-4
    seed: int = 12345


def train(corpus: Corpus, outputs: int, size: Size, progress: Progress) -> list[Layer]:
    """The trained network as affine layers, input first: all voices first, then those that exist."""
    torch = need("torch")
    torch.manual_seed(size.seed)
    mean, deviation = _statistics(corpus)
    model = _model(torch, size, outputs)
    steps = round(size.epochs * len(corpus.labels) / (WINDOW * size.batch))
    starts = _starts(corpus, np.random.default_rng(size.seed))
    batches = _batches(corpus, size.batch, steps, starts)
    _descend(model, batches, (mean, deviation), size.peak_rate, steps, "training", progress)
    model.eval()
    return settle(_folded(model, mean, deviation), corpus, size, progress)


def settle(layers: Sequence[Layer], corpus: Corpus, size: Size, progress: Progress) -> list[Layer]:
    """The layers trained on with voices that exist: invented ones teach much, but nobody has to hear them."""
    torch = need("torch")
    mean, deviation = _statistics(corpus)
    model = _plain(torch, layers, mean, deviation)
    starts = _starts(corpus, np.random.default_rng(size.seed + 1), calm=True)
    batches = _batches(corpus, size.batch, size.settling_steps, starts)
    _descend(model, batches, (mean, deviation), size.settling_rate, size.settling_steps, "settling", progress)
    weights = [parameter.detach().numpy().astype(np.float64) for parameter in model.weights]
    biases = [parameter.detach().numpy().astype(np.float64) for parameter in model.biases]
    weights[0], biases[0] = _scaled(weights[0], biases[0], mean, deviation)
    return [
        replace(layer, weights=weight.astype(np.float32), bias=bias.astype(np.float32))
        for layer, weight, bias in zip(layers, weights, biases, strict=True)
    ]


def _descend(
    model: Any,
    batches: Iterator[tuple[Matrix, NDArray[np.int64]]],
    scaling: tuple[Matrix, Matrix],
    peak_rate: float,
    steps: int,
    doing: str,
    progress: Progress,
) -> None:
    """Train the model with all batches, ``steps`` of them."""
    torch = need("torch")
    mean, deviation = scaling
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    loss_of = torch.nn.CrossEntropyLoss()
    half = _halves_help(torch)
    for step, (frames, answers) in enumerate(batches, start=1):
        x = torch.from_numpy((frames - mean) / deviation)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            scores = model(x)
        loss = loss_of(scores.float().flatten(0, 1), torch.from_numpy(answers).flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 20 == 0 or step == steps:
            progress(f"{doing}, loss {loss.item():.3f}", step, steps)


def priors(corpus: Corpus, outputs: int, exponent: float = 0.6) -> NDArray[np.float32]:
    """How often each unit is the answer, floored and flattened; the decoder divides by them.

    Silence counts for less, so that the decoder believes in it: where nobody speaks no word is heard.
    """
    counts = np.bincount(corpus.labels, minlength=outputs).astype(np.float64)
    often: Matrix = np.asarray(np.maximum(counts / counts.sum(), 1e-4) ** exponent, dtype=np.float32)
    often[SILENCE] *= SILENCE_PRIOR
    return often


def _halves_help(torch: Any) -> bool:
    """Whether this processor multiplies 16-bit numbers faster than 32-bit ones."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(torch.cpu._is_avx512_bf16_supported())


def _model(torch: Any, size: Size, outputs: int) -> Any:
    nn = torch.nn

    class Spliced(nn.Module):  # type: ignore[misc, name-defined]
        """Points in time side by side, an affine layer over them; normalised and rectified or as it is."""

        def __init__(
            self, width: int, answers: int, offsets: tuple[int, ...], stride: int, plain: bool
        ) -> None:
            super().__init__()
            self.offsets, self.stride = offsets, stride
            self.affine = nn.Linear(width * len(offsets), answers, bias=not plain)
            self.norm = None if plain else nn.BatchNorm1d(answers)

        def forward(self, x: Any) -> Any:
            y = self.affine(_spliced(torch, x, self.offsets, self.stride))
            if self.norm is None:
                return y
            return nn.functional.relu(self.norm(y.flatten(0, 1))).view(y.shape)

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Narrow, wide, and what was given."""

        def __init__(self, reach: int) -> None:
            super().__init__()
            self.reach = reach // STEP
            self.narrow = Spliced(size.width, size.narrow, (-self.reach, 0), 1, plain=True)
            self.wide = Spliced(size.narrow, size.width, (0, self.reach), 1, plain=False)

        def forward(self, x: Any) -> Any:
            return self.wide(self.narrow(x)) + BYPASS * x[:, self.reach : -self.reach]

    first = Spliced(DIMENSION, size.width, FIRST, STEP, plain=False)
    return nn.Sequential(first, *(Block(reach) for reach in BLOCKS), nn.Linear(size.width, outputs))


def _plain(torch: Any, layers: Sequence[Layer], mean: Matrix, deviation: Matrix) -> Any:
    """The folded layers as a network that can be trained on; its features are scaled outside."""
    nn = torch.nn

    class Plain(nn.Module):  # type: ignore[misc, name-defined]
        """Affine layers over points in time."""

        def __init__(self) -> None:
            super().__init__()
            weights = [layer.weights for layer in layers]
            biases = [layer.bias for layer in layers]
            times = len(layers[0].offsets)
            biases[0] = biases[0] + weights[0] @ np.tile(mean, times)
            weights[0] = weights[0] * np.tile(deviation, times)
            self.weights = nn.ParameterList([torch.from_numpy(np.float32(weight)) for weight in weights])
            self.biases = nn.ParameterList([torch.from_numpy(np.float32(bias)) for bias in biases])

        def forward(self, x: Any) -> Any:
            given = x
            for number, (layer, weight, bias) in enumerate(
                zip(layers, self.weights, self.biases, strict=True)
            ):
                stride, unit = (STEP, 1) if number == 0 else (1, STEP)
                y = nn.functional.linear(
                    _spliced(torch, x, [at // unit for at in layer.offsets], stride), weight, bias
                )
                if layer.rectified:
                    y = nn.functional.relu(y)
                if layer.bypass:
                    lost = (given.shape[1] - y.shape[1]) // 2
                    y = y + BYPASS * given[:, lost : lost + y.shape[1]]
                given, x = x, y
            return x

    return Plain()


def _spliced(torch: Any, x: Any, offsets: Sequence[int], stride: int) -> Any:
    """Points in time side by side: [batch, time, features x offsets], only where all of them exist."""
    count = (x.shape[1] - 1 - offsets[-1] + offsets[0]) // stride + 1
    firsts = [offset - offsets[0] for offset in offsets]
    return torch.cat([x[:, at : at + (count - 1) * stride + 1 : stride] for at in firsts], 2)


def _statistics(corpus: Corpus) -> tuple[Matrix, Matrix]:
    sample = corpus.features[:: max(1, len(corpus.features) // 400_000)].astype(np.float32)
    return sample.mean(axis=0), sample.std(axis=0) + 1e-3


def _rate(step: int, steps: int, warm_up: int = 200) -> float:
    """Warm up, then down along a cosine."""
    if step < warm_up:
        return (step + 1) / warm_up
    return float(
        0.005 + 0.995 * 0.5 * (1 + np.cos(np.pi * min(1.0, (step - warm_up) / max(1, steps - warm_up))))
    )


def _starts(corpus: Corpus, rng: np.random.Generator, *, calm: bool = False) -> Iterator[NDArray[np.int64]]:
    """Windows of all speech on end, each time around from another phase and in another order."""
    calm_frames = np.repeat(corpus.calm, np.diff(corpus.starts))
    while True:
        around = np.arange(CONTEXT + int(rng.integers(WINDOW)), len(corpus.labels) - WINDOW - CONTEXT, WINDOW)
        if calm:
            around = around[calm_frames[around + WINDOW // 2]]
        yield rng.permutation(around)


def _batches(
    corpus: Corpus, batch: int, steps: int, starts: Iterator[NDArray[np.int64]]
) -> Iterator[tuple[Matrix, NDArray[np.int64]]]:
    inputs, asked = np.arange(-CONTEXT, WINDOW + CONTEXT - STEP + 1), np.arange(0, WINDOW, STEP)
    waiting = np.zeros(0, dtype=np.int64)
    for _ in range(steps):
        while len(waiting) < batch:
            waiting = np.concatenate([waiting, next(starts)])
        first, waiting = waiting[:batch, None], waiting[batch:]
        yield (
            corpus.features[first + inputs].astype(np.float32),
            corpus.labels[first + asked].astype(np.int64),
        )


def _folded(model: Any, mean: Matrix, deviation: Matrix) -> list[Layer]:
    """The scaling of the features and all normalisations inside affine layers."""
    first, *blocks, last = model
    layers = [_affine(first.affine, first.norm, FIRST, scaling=(mean, deviation))]
    for block, reach in zip(blocks, BLOCKS, strict=True):
        layers.append(_affine(block.narrow.affine, None, (-reach, 0), rectified=False))
        layers.append(_affine(block.wide.affine, block.wide.norm, (0, reach), bypass=True))
    return [*layers, _affine(last, None, (0,), rectified=False)]


def _affine(
    linear: Any,
    norm: Any,
    offsets: tuple[int, ...],
    *,
    scaling: tuple[Matrix, Matrix] | None = None,
    rectified: bool = True,
    bypass: bool = False,
) -> Layer:
    weights = linear.weight.detach().numpy().astype(np.float64)
    bias = np.zeros(len(weights)) if linear.bias is None else linear.bias.detach().numpy().astype(np.float64)
    if scaling is not None:
        weights, bias = _scaled(weights, bias, *scaling)
    if norm is not None:
        scale = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
        weights = weights * scale[:, None]
        bias = (bias - norm.running_mean.numpy()) * scale + norm.bias.detach().numpy()
    return Layer(weights.astype(np.float32), bias.astype(np.float32), offsets, rectified, bypass)


def _scaled(
    weights: NDArray[np.float64], bias: NDArray[np.float64], mean: Matrix, deviation: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights over features as they are, made of weights over features of mean 0 and deviation 1."""
    times = weights.shape[1] // len(mean)
    unscaled = weights / np.tile(deviation, times)
    return unscaled, bias - unscaled @ np.tile(mean, times)
