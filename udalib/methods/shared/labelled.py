"""What a pass of self-training learns from, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class Labelled(NamedTuple):
    """What a batch of images (B, 3, H, W) is to be learned from.

    Attributes:
        image: float (B, 3, H, W) in [0, 1].
        label: int64 (B, H, W), 255 = ignore.
        weight: of each pixel, float (B, H, W); None = 1.
        confidence: of pseudo labels, float (B, H, W); None for labels that are given.
    """

    image: Tensor
    label: Tensor
    weight: Tensor | None = None
    confidence: Tensor | None = None


class Pass(NamedTuple):
    """A forward pass of the student.

    Attributes:
        losses: its terms, weighted; their sum is what is minimised.
        features: of the encoder, finest first.
    """

    losses: dict[str, Tensor]
    features: list[Tensor]


def pixel_weight(batch: Labelled) -> Tensor:
    """Weight of each pixel of ``batch``, float32 (B, H, W)."""
    return torch.ones_like(batch.label, dtype=torch.float32) if batch.weight is None else batch.weight


def named(name: str, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Terms of the pass ``name`` under their names in the log.

    >>> list(named("mixed", {"": torch.zeros(()), "detail": torch.zeros(())}))
    ['mixed', 'mixed_detail']
    """
    return {f"{name}_{term}" if term else name: loss for term, loss in losses.items()}
