"""What a pass of self-training learns from, and what it gives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Labelled(NamedTuple):
    """What a batch of images (B, 3, H, W) is to be learned from.

    Attributes:
        image: float (B, 3, H, W) in [0, 1].
        label: int64 (B, H, W), 255 = ignore.
        weight: of each pixel, float (B, H, W); None = 1.
    """

    image: Tensor
    label: Tensor
    weight: Tensor | None = None


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
