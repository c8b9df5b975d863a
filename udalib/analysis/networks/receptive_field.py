"""Effective receptive fields averaged over initialisations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.seeding import seeded
from udalib.models import create_encoder, create_network, effective_receptive_field

Build = Callable[[int], nn.Module]
"""Seed -> freshly initialised module that takes RGB images in [0, 1] and gives a map (B, C, h, w)."""


def mean_field(build: Build, size: tuple[int, int], seeds: Sequence[int] = (0, 1, 2), batch: int = 2) -> Tensor:
    """Mean of :func:`udalib.models.effective_receptive_field` over freshly initialised modules: (H, W), at most 1.

    Args:
        build: such as :func:`fresh_stage` and :func:`fresh_network` return.
        size: (H, W) of the noise images it looks at.
        seeds: one module a seed.
        batch: noise images a module.
    """
    fields = []
    for seed in seeds:
        noise = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(seed))
        fields.append(effective_receptive_field(build(seed), noise))
    return torch.stack(fields).mean(dim=0)


def fresh_stage(encoder: str, stage: int) -> Build:
    """Build the encoder named ``encoder`` from a seed, and give the map of its ``stage`` (1 = the finest)."""

    def build(seed: int) -> nn.Module:
        return _Stage(_seeded(seed, lambda: create_encoder(encoder)), stage)

    return build


def fresh_network(name: str, **options: Any) -> Build:
    """Build the network ``name`` from a seed; ``options`` are those of :func:`udalib.models.create_network`."""
    return lambda seed: _seeded(seed, lambda: create_network(name, **options))


def _seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """What ``make`` returns with its weights drawn from ``seed``; the state of the caller's generator stays."""
    with seeded(seed):
        return make()


class _Stage(nn.Module):
    """One map of an encoder's list, for images in [0, 1] that are roughly normalised first."""

    def __init__(self, encoder: nn.Module, stage: int) -> None:
        super().__init__()
        self.encoder, self.stage = encoder, stage

    def forward(self, images: Tensor) -> Tensor:
        maps: list[Tensor] = self.encoder((images - 0.5) / 0.25)
        return maps[self.stage - 1]
