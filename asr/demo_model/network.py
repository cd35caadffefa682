"""The acoustic network: five convolutions over time, trained by frames, folded into plain affine layers."""

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

OFFSETS: tuple[tuple[int, ...], ...] = ((-2, -1, 0, 1, 2), (-1, 0, 1), (-3, 0, 3), (-6, 0, 6), (-6, 0, 6))
"""Where each layer looks, in frames of 10 ms; the answers come every third frame."""
CONTEXT = 18
WINDOW = 192  # frames answered at once in training
STEP = 3


@dataclass(frozen=True, slots=True)
class Layer:
    """``weights`` [out, in x offsets] over the layer before; a rectifier follows all layers but the last."""

    weights: Matrix
    bias: NDArray[np.float32]
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a network and how long a training."""

    width: int = 224
    epochs: int = 9
    batch: int = 64
    peak_rate: float = 2e-3
    seed: int = 12345


def train(corpus: Corpus, outputs: int, size: Size, progress: Progress) -> list[Layer]:
    """The trained network as affine layers, input first."""
    torch = need("torch")
    torch.manual_seed(size.seed)
    rng = np.random.default_rng(size.seed)
    mean, deviation = _statistics(corpus)
    model = _model(torch, size.width, outputs)
    optimiser = torch.optim.AdamW(model.parameters(), lr=size.peak_rate, weight_decay=1e-4)
    steps = size.epochs * (1 + sum(1 for _ in _windows(corpus, np.random.default_rng(0))) // size.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=-1)
    done = 0
    for epoch in range(size.epochs):
        for frames, answers in _batches(corpus, size.batch, rng):
            x = torch.from_numpy((frames - mean) / deviation).transpose(1, 2)
            loss = loss_of(model(x), torch.from_numpy(answers))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
            if done % 20 == 0:
                progress(f"training, epoch {epoch + 1}, loss {loss.item():.3f}", min(done, steps), steps)
    model.eval()
    return _folded(model, mean, deviation)


def priors(corpus: Corpus, outputs: int, exponent: float = 0.6) -> NDArray[np.float32]:
    """How often each unit is the answer, floored and flattened; the decoder divides by them."""
    counts = np.bincount(corpus.labels, minlength=outputs).astype(np.float64)
    return np.asarray(np.maximum(counts / counts.sum(), 1e-4) ** exponent, dtype=np.float32)


def _model(torch: Any, width: int, outputs: int) -> Any:
    nn = torch.nn
    shapes = ((DIMENSION, 5, 1, 1), (width, 3, 3, 1), (width, 3, 1, 1), (width, 3, 1, 2), (width, 3, 1, 2))
    parts: list[Any] = []
    for channels, kernel, stride, dilation in shapes:
        parts += [
            nn.Conv1d(channels, width, kernel, stride=stride, dilation=dilation),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        ]
    return nn.Sequential(*parts, nn.Conv1d(width, outputs, 1))


def _statistics(corpus: Corpus) -> tuple[Matrix, Matrix]:
    sample = corpus.features[:: max(1, len(corpus.features) // 400_000)].astype(np.float32)
    return sample.mean(axis=0), sample.std(axis=0) + 1e-3


def _rate(step: int, steps: int, warm_up: int = 200) -> float:
    if step < warm_up:
        return (step + 1) / warm_up
    return float(
        0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, (step - warm_up) / max(1, steps - warm_up))))
    )


def _windows(corpus: Corpus, rng: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    """(utterance's first frame, frame after its last, first frame answered), from a random phase."""
    for first, last in zip(corpus.starts[:-1], corpus.starts[1:], strict=True):
        for start in range(int(rng.integers(-60, 3)), int(last - first), WINDOW):
            yield int(first), int(last), start


def _batches(
    corpus: Corpus, batch: int, rng: np.random.Generator
) -> Iterator[tuple[Matrix, NDArray[np.int64]]]:
    windows = np.array(list(_windows(corpus, rng)), dtype=np.int64)
    rng.shuffle(windows)
    inputs = np.arange(-CONTEXT, WINDOW + CONTEXT)
    answers = np.arange(0, WINDOW, STEP)
    for at in range(0, len(windows), batch):
        first, last, start = (windows[at : at + batch, column, None] for column in range(3))
        seen = np.clip(first + start + inputs, first, last - 1)
        asked = first + start + answers
        inside = (asked >= first) & (asked < last)
        wanted = np.where(inside, corpus.labels[np.clip(asked, first, last - 1)], -1).astype(np.int64)
        yield corpus.features[seen].astype(np.float32), wanted


def _folded(model: Any, mean: Matrix, deviation: Matrix) -> list[Layer]:
    """Convolution, batch normalisation and the scaling of the features as one affine layer each."""
    convolutions = [part for part in model if hasattr(part, "dilation")]
    norms = [part for part in model if hasattr(part, "running_mean")]
    layers: list[Layer] = []
    for index, convolution in enumerate(convolutions):
        weights = convolution.weight.detach().numpy().astype(np.float64)
        bias = convolution.bias.detach().numpy().astype(np.float64)
        if index == 0:
            bias = bias - (weights * (mean / deviation)[None, :, None]).sum(axis=(1, 2))
            weights = weights / deviation[None, :, None]
        if index < len(norms):
            norm = norms[index]
            scale = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
            weights = weights * scale[:, None, None]
            bias = (bias - norm.running_mean.numpy()) * scale + norm.bias.detach().numpy()
        offsets = OFFSETS[index] if index < len(OFFSETS) else (0,)
        flat = weights.transpose(0, 2, 1).reshape(len(weights), -1)
        layers.append(Layer(flat.astype(np.float32), bias.astype(np.float32), offsets))
    return layers
