"""Which inputs of a neck move which of its outputs: gradients of one output cell, level by level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from udalib.core.errors import ConfigError
from udalib.core.seeding import seeded, torch_generator

Build = Callable[[], nn.Module]
"""A freshly initialised neck; called with torch's global state seeded."""


class NeckCost(NamedTuple):
    """Parameters, and multiply-adds of a forward pass with the products inside attention."""

    parameters: int
    multiply_adds: int


def noise_features(channels: Sequence[int], finest: tuple[int, int], seed: int = 0, batch: int = 1) -> list[Tensor]:
    """Standard normal maps (B, C, H, W) in place of C2..C5, each half of the one before; ``finest`` = (h, w) of C2."""
    random = torch_generator("neck features", seed)
    sizes = [(finest[0] >> i, finest[1] >> i) for i in range(len(channels))]
    return [torch.randn(batch, c, *size, generator=random) for c, size in zip(channels, sizes, strict=True)]


def level_fields(
    neck: nn.Module, features: Sequence[Tensor], level: int, place: tuple[float, float] = (0.5, 0.5)
) -> list[Tensor]:
    """How strongly each cell of C3..C5 moves one cell of an output level: non-negative maps (h, w).

    The gradient of the cell's channels, summed with alternating signs (a plain sum would be constant after a norm), its
    magnitude summed over channels. The neck is put into eval mode and back.

    Args:
        neck: C2..C5 to P3..P7.
        features: C2..C5 (1, C, H, W).
        level: of the output, 0 = P3.
        place: row and column of the cell as fractions of the map.

    Raises:
        ConfigError: no such output level.
    """
    training = neck.training
    leaves = [x.detach().clone().requires_grad_() for x in features]
    levels = neck.eval()(leaves)
    neck.train(training)
    if not 0 <= level < len(levels):
        raise ConfigError(f"level is {level}; the neck gives levels 0 to {len(levels) - 1}.")
    height, width = levels[level].shape[-2:]
    cell = levels[level][0, :, min(int(place[0] * height), height - 1), min(int(place[1] * width), width - 1)]
    signs = 1.0 - 2.0 * (torch.arange(len(cell)) % 2)
    gradients = torch.autograd.grad((cell * signs).sum(), leaves[1:], allow_unused=True)
    found = (torch.zeros_like(x) if g is None else g for x, g in zip(leaves[1:], gradients, strict=True))
    return [g[0].abs().sum(0) for g in found]


def mean_fields(build: Build, features: Sequence[Tensor], level: int, seeds: Sequence[int] = (0, 1, 2)) -> list[Tensor]:
    """Mean of :func:`level_fields` in the middle of a level over freshly initialised necks, one a seed."""
    fields = []
    for seed in seeds:
        with seeded(seed):
            neck = build()
        fields.append(level_fields(neck, features, level))
    return [torch.stack(list(maps)).mean(0) for maps in zip(*fields, strict=True)]


def level_reach(build: Build, features: Sequence[Tensor], levels: int = 5, seeds: Sequence[int] = (0, 1, 2)) -> Tensor:
    """Share of each of C3..C5 in what moves a middle cell of each output level: (levels, 3), rows sum to 1."""
    every = [mean_fields(build, features, level, seeds) for level in range(levels)]
    total = torch.tensor([[float(field.sum()) for field in fields] for fields in every])
    return total / total.sum(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)


def neck_cost(build: Build, features: Sequence[Tensor]) -> NeckCost:
    """Size and arithmetic of a neck on ``features``; convolutions, linear layers and matrix products are counted."""
    neck = build().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        neck(list(features))
    return NeckCost(sum(p.numel() for p in neck.parameters()), counter.get_total_flops() // 2)
