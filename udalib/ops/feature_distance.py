"""Thing-class feature distance to a frozen ImageNet encoder (Hoyer et al., "DAFormer", CVPR 2022; its sheet, 4.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX
from udalib.ops.losses import at_least_float32

THINGS = (6, 7, 11, 12, 13, 14, 15, 16, 17, 18)
"""Countable classes of Cityscapes by train id: lights, signs, people, vehicles."""


def pool_label(label: Tensor, num_classes: int, scale: int, min_ratio: float) -> Tensor:
    """The class that covers at least ``min_ratio`` of each ``scale`` x ``scale`` block of ``label``, else 255.

    Args:
        label: (B, H, W), ids below ``num_classes``, or 255.
        num_classes: C; ignored pixels are a class of their own here, which never wins.
        scale: side of a block in pixels; what remains of a side is cut off.
        min_ratio: share of a block's pixels; a class with exactly this share is kept.

    Returns:
        int64 (B, H // scale, W // scale).
    """
    ids = torch.where((label < 0) | (label >= num_classes), num_classes, label).long()
    shares = torch.stack([F.avg_pool2d((ids == c).float(), scale) for c in range(num_classes + 1)], dim=1)
    ratio, winner = shares.max(1)
    return torch.where((winner == num_classes) | (ratio < min_ratio), IGNORE_INDEX, winner)


def thing_mask(
    label: Tensor, size: Sequence[int], classes: Sequence[int], min_ratio: float, num_classes: int = 19
) -> Tensor:
    """Positions of a feature map of ``size`` (h, w) that show mostly one of ``classes``, bool (B, h, w).

    The block that is pooled has the side ``label width // feature width``, as published.

    Raises:
        ConfigError: label and feature map differ in shape, so that pooling does not give ``size``.
    """
    height, width = label.shape[-2:]
    scale = max(width // size[1], 1)
    if (height // scale, width // scale) != tuple(size):
        raise ConfigError(
            f"labels of {height} x {width} pooled by {scale} give {height // scale} x {width // scale} positions, "
            f"the features have {size[0]} x {size[1]}; use images whose sides are multiples of the encoder's stride."
        )
    pooled = pool_label(label, num_classes, scale, min_ratio)
    wanted = torch.tensor([i in classes for i in range(IGNORE_INDEX + 1)]).to(label.device, non_blocking=True)
    chosen: Tensor = wanted[pooled]
    return chosen


def feature_distance(features: Tensor, reference: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over positions (of ``mask``, bool (B, h, w)) of the L2 distance over channels of two maps (B, C, h, w).

    0 with zero gradient where the mask is empty; the published code logs NaN there, with the same zero gradient.
    """
    difference = at_least_float32(features) - at_least_float32(reference)
    distance: Tensor = torch.linalg.vector_norm(difference, dim=1)
    if mask is None:
        return distance.mean()
    mean: Tensor = torch.where(mask, distance, 0.0).sum() / mask.sum().clamp(min=1)
    return mean
