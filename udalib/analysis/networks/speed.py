"""Size and speed of networks: parameters, and time of a forward or a training pass."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Cost:
    """Millions of parameters, and median milliseconds a pass at ``size`` (H, W) with ``batch`` images."""

    parameters: float
    forward_ms: float
    train_ms: float
    size: tuple[int, int]
    batch: int


def parameters_in_millions(module: nn.Module) -> float:
    """Number of parameters in millions, buffers not counted."""
    return sum(p.numel() for p in module.parameters()) / 1e6


def measure(
    network: nn.Module, size: tuple[int, int], *, batch: int = 8, repeats: int = 3, device: str = "cpu"
) -> Cost:
    """Time ``network`` (images (B, 3, H, W) in [0, 1] -> logits) after one untimed pass; the median of ``repeats``.

    The training pass is forward, cross-entropy at the logits' size and backward; no optimiser step. The network keeps
    its mode and gets no gradient.
    """
    images = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    was_training = network.training
    network = network.to(device).eval()
    with torch.inference_mode():
        forward = _median(lambda: network(images), repeats, device)
    train = _median(lambda: _train_pass(network.train(), images), repeats, device)
    network.train(was_training).zero_grad(set_to_none=True)
    return Cost(parameters_in_millions(network), forward, train, size, batch)


def _train_pass(network: nn.Module, images: torch.Tensor) -> None:
    logits = network(images)
    label = torch.zeros(logits.shape[0], *logits.shape[2:], dtype=torch.int64, device=logits.device)
    F.cross_entropy(logits, label).backward()  # type: ignore[no-untyped-call]


def _median(run: Callable[[], object], repeats: int, device: str) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])
