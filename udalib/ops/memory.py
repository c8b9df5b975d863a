"""What a memory with one item a class is made of: soft class averages, reading weights, and the losses that shape it.

Kim et al., "Pin the Memory: Learning to Generalize Semantic Segmentation", CVPR 2022 (pin_memory sheet, section 2.2).
An item is a unit vector; a memory is (K, D). Everything is computed in float32 or wider, whatever the precision of the
run.

Legend: B batch, D channels, (h, w) the feature's size, K items (= classes), (H, W) the label's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.ops.losses import at_least_float32, cross_entropy
from udalib.ops.resize import resize


class ClassSums(NamedTuple):
    """Weighted sums of features over pixels: ``total`` (K, D), and the weights' sums ``weight`` (K,)."""

    total: Tensor
    weight: Tensor


def similarity(feature: Tensor, items: Tensor) -> Tensor:
    """Cosine between unit features (B, D, h, w) and unit items (K, D): scores (B, K, h, w) in [-1, 1]."""
    with torch.autocast(feature.device.type, enabled=False):
        return torch.einsum("bdhw,kd->bkhw", feature, items.to(feature.dtype))


def mixture(weights: Tensor, items: Tensor) -> Tensor:
    """Items (K, D) averaged with ``weights`` (B, K, h, w) at each pixel: (B, D, h, w)."""
    with torch.autocast(weights.device.type, enabled=False):
        return torch.einsum("bkhw,kd->bdhw", weights, items.to(weights.dtype))


def unit_features(feature: Tensor) -> Tensor:
    """``feature`` (B, D, ...) scaled to length 1 over its channels, in float32 or wider; zero vectors stay zero."""
    return F.normalize(at_least_float32(feature), dim=1)


def gumbel_noise(uniform: Tensor) -> Tensor:
    """Standard Gumbel noise from numbers in [0, 1): ``-log(-log u)``, finite everywhere."""
    tiny = torch.finfo(uniform.dtype).tiny
    below_one = 1 - torch.finfo(uniform.dtype).eps
    return -torch.log(-torch.log(uniform.clamp(tiny, below_one)))


def soft_labels(label: Tensor, size: Sequence[int], num_classes: int) -> Tensor:
    """One-hot label (B, H, W), reduced bilinearly (corners aligned) to ``size`` = (h, w): float32 (B, K, h, w).

    Pixels to be ignored have no class, so near them the weights of a place add up to less than 1.
    """
    classes = torch.arange(num_classes, device=label.device).view(1, -1, 1, 1)
    return resize((label[:, None] == classes).float(), size, align_corners=True)


def class_sums(feature: Tensor, weights: Tensor) -> ClassSums:
    """Sum ``feature`` (B, D, h, w) over batch and places, weighted for each class by ``weights`` (B, K, h, w)."""
    with torch.autocast(feature.device.type, enabled=False):
        feature = at_least_float32(feature)
        total = torch.einsum("bkhw,bdhw->kd", weights.to(feature.dtype), feature)
    return ClassSums(total, weights.to(feature.dtype).sum((0, 2, 3)))


def class_means(sums: ClassSums) -> Tensor:
    """Mean feature of each class (K, D); 0 for a class without weight."""
    weight = torch.where(sums.weight > 0, sums.weight, 1.0)
    return sums.total / weight[:, None]


def written(items: Tensor, sums: ClassSums, momentum: float, min_weight: float = 0.0) -> Tensor:
    """Items (K, D) after a write: ``momentum * item + (1 - momentum) * class mean``, scaled to length 1.

    An item is written if its class has more weight than ``min_weight``, and kept otherwise. With 0, as published, the
    smallest share of a border pixel moves an item by ``1 - momentum``. Gradients reach the sums, not ``items``.
    """
    items = items.detach().to(sums.total.dtype)
    moved = momentum * items + (1 - momentum) * class_means(sums)
    return F.normalize(torch.where(sums.weight[:, None] > min_weight, moved, items), dim=1)


def cohesion_loss(scores: Tensor, label: Tensor, temperature: float = 1.0, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Cross-entropy of noise-free ``scores`` (B, K, h, w), divided by ``temperature`` and enlarged, to the label.

    Scores are cosines, so without a temperature the loss stays near ln K: the best item can have no more than e^2 times
    the weight of the worst. Mean over valid pixels, 0 without one.
    """
    large = resize(scores / temperature, label.shape[-2:], align_corners=True)
    return cross_entropy(large, label, ignore_index=ignore_index)


def divergence_loss(items: Tensor, margin: float = 0.0) -> Tensor:
    """Mean over ordered pairs of different items of ``max(0, cosine - margin)``; ``items`` (K, D) are unit vectors.

    Negative cosines are not punished, and after a ReLU all are positive, so it starts well above 0. 0 for one item.
    """
    count = len(items)
    positive = F.relu(items @ items.T - margin)
    off_diagonal = positive.sum() - positive.diagonal().sum()
    return off_diagonal / max(1, count * (count - 1))


def identity_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of a classifier's ``logits`` (K, K) of the items to the classes they stand for, mean over items."""
    return F.cross_entropy(at_least_float32(logits), torch.arange(len(logits), device=logits.device))
