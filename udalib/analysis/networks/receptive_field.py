"""Effective receptive fields averaged over initialisations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from udalib.models import effective_receptive_field


def mean_field(
    build: Callable[[int], nn.Module], size: tuple[int, int], seeds: Sequence[int] = (0, 1, 2), batch: int = 2
) -> Tensor:
    """Mean of :func:`udalib.models.effective_receptive_field` over freshly initialised modules: (H, W), at most 1.

    Args:
        build: seed -> module that takes RGB images in [0, 1] and gives a map (B, C, h, w).
        size: (H, W) of the noise images it looks at.
        seeds: one module a seed.
        batch: noise images a module.
    """
    fields = []
    for seed in seeds:
        noise = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(seed))
        fields.append(effective_receptive_field(build(seed), noise))
    return torch.stack(fields).mean(dim=0)
