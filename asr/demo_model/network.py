"""The acoustic network: a factorised time-delay network with bypasses, folded into affine layers.

Each block narrows what it hears to a few numbers over two points in time and widens these over two again,
and adds what it was given: many layers and a long view with few weights. It is trained frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.demo_model.corpus import Corpus, Progress
from asr.demo_model.extras import need
from asr.demo_model.features import DIMENSION

Matrix = NDArray[np.float32]

FIRST = tuple(range(-4, 5))
"""The frames of 10 ms that the first layer sees; it answers every third frame, and so do the others."""
BLOCKS = (3, 3, 3, 3, 6)
"""How far each block looks back, and then forward, in frames."""
CONTEXT = 4 + sum(BLOCKS)
STEP = 3
WINDOW = 192  # frames answered at once in training
BYPASS = 0.66


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
    epochs: float = 8
    batch: int = 64
    peak_rate: float = 2e-3
    seed: int = 12345


def train(corpus: Corpus, outputs: int, size: Size, progress: Progress) -> list[Layer]:
    """The trained network as affine layers, input first."""
    torch = need("torch")
    torch.manual_seed(size.seed)
    rng = np.random.default_rng(size.seed)
    mean, deviation = _statistics(corpus)
    model = _model(torch, size, outputs)
    optimiser = torch.optim.AdamW(model.parameters(), lr=size.peak_rate, weight_decay=1e-4)
    steps = round(size.epochs * len(corpus.labels) / (WINDOW * size.batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    loss_of = torch.nn.CrossEntropyLoss()
    half = _halves_help(torch)
    for step, (frames, answers) in enumerate(_batches(corpus, size.batch, steps, rng), start=1):
        x = torch.from_numpy((frames - mean) / deviation)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            scores = model(x)
        loss = loss_of(scores.float().flatten(0, 1), torch.from_numpy(answers).flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 20 == 0 or step == steps:
            progress(f"training, loss {loss.item():.3f}", step, steps)
    model.eval()
    return _folded(model, mean, deviation)


def priors(corpus: Corpus, outputs: int, exponent: float = 0.6) -> NDArray[np.float32]:
    """How often each unit is the answer, floored and flattened; the decoder divides by them."""
    counts = np.bincount(corpus.labels, minlength=outputs).astype(np.float64)
    return np.asarray(np.maximum(counts / counts.sum(), 1e-4) ** exponent, dtype=np.float32)


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
            count = (x.shape[1] - 1 - self.offsets[-1] + self.offsets[0]) // self.stride + 1
            points = [
                x[:, at : at + (count - 1) * self.stride + 1 : self.stride]
                for at in (offset - self.offsets[0] for offset in self.offsets)
            ]
            y = self.affine(torch.cat(points, 2))
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


def _batches(
    corpus: Corpus, batch: int, steps: int, rng: np.random.Generator
) -> Iterator[tuple[Matrix, NDArray[np.int64]]]:
    """Windows of all speech on end, each time around from another phase and in another order."""
    inputs, asked = np.arange(-CONTEXT, WINDOW + CONTEXT - STEP + 1), np.arange(0, WINDOW, STEP)
    last = len(corpus.labels) - WINDOW - CONTEXT
    waiting = np.zeros(0, dtype=np.int64)
    for _ in range(steps):
        if len(waiting) < batch:
            around = np.arange(CONTEXT + int(rng.integers(WINDOW)), last, WINDOW)
            waiting = np.concatenate([waiting, rng.permutation(around)])
        starts, waiting = waiting[:batch, None], waiting[batch:]
        yield (
            corpus.features[starts + inputs].astype(np.float32),
            corpus.labels[starts + asked].astype(np.int64),
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
        mean, deviation = (np.tile(values, len(offsets)) for values in scaling)
        bias = bias - weights @ (mean / deviation)
        weights = weights / deviation
    if norm is not None:
        scale = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
        weights = weights * scale[:, None]
        bias = (bias - norm.running_mean.numpy()) * scale + norm.bias.detach().numpy()
    return Layer(weights.astype(np.float32), bias.astype(np.float32), offsets, rectified, bypass)
