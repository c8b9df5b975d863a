"""Spatio-temporal aggregation: one vector a class from a score map, fused over frames, matched between domains.

The vector of a class is the mean of the scores where the network predicts it; the features that are compared are thus
the scores themselves (quadmix sheet, section 4.7). Every sample has centroids of its own; the published code has one
sample a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.entropy import self_information
from udalib.ops.losses import at_least_float32

Trust = Literal["equal", "sure", "unsure"]
TRUST: tuple[Trust, ...] = ("equal", "sure", "unsure")


class Centroids(NamedTuple):
    """Class vectors of a batch.

    Attributes:
        vectors: float32 (B, C, C), row c is that of class c; 0 for a class without one.
        present: which classes have one, bool (B, C).
    """

    vectors: Tensor
    present: Tensor


def class_centroids(
    scores: Tensor, label: Tensor | None = None, *, min_pixels: int = 5, threshold: float = -1.0
) -> Centroids:
    """Mean score vector of each predicted class.

    Args:
        scores: logits (B, C, h, w); the gradient goes to the scores that are averaged, not to the choice of pixels.
        label: (B, h, w) ids; only pixels that are predicted right count. None: all pixels count.
        min_pixels: a class with fewer pixels has no vector.
        threshold: soft-max that a pixel needs to exceed; -1: every pixel counts.
    """
    scores = at_least_float32(scores)
    confidence, predicted = scores.detach().softmax(1).max(1)
    counted = confidence > threshold
    if label is not None:
        counted = counted & (predicted == label)
    classes = torch.arange(scores.shape[1], device=scores.device).view(-1, 1, 1)
    chosen = ((predicted[:, None] == classes) & counted[:, None]).flatten(2).to(scores.dtype)
    count = chosen.sum(2)
    present = count >= min_pixels
    total = chosen @ scores.flatten(2).transpose(1, 2)
    return Centroids(total / count.clamp(min=1)[..., None] * present[..., None], present)


def class_entropy(scores: Tensor) -> Tensor:
    """Mean over pixels AND classes of -p log2 p / log2 C for logits (B, C, h, w), float32 (B,); no gradient."""
    return self_information(scores.detach().softmax(1)).mean((1, 2, 3))


def temporal_weights(scores: Sequence[Tensor], trust: Trust = "sure", *, scale: float = 1.0) -> Tensor:
    """Weight of each of N score maps of the same samples, float32 (N, B), summing to 1; no gradient.

    The soft-max over the maps of minus their :func:`class_entropy`: "sure" gives more to the map of less entropy, as
    the article says; "unsure", with the other sign, is what the published code computes where it is switched on, and
    "equal" what it runs. The entropy is a mean over the classes too and so at most 1 / C: of two maps of 19 classes
    none can weigh more than 0.513. ``scale`` multiplies it (1 as published; C gives the entropy of a pixel, up to 1).

    Raises:
        ConfigError: another ``trust``.
    """
    if trust not in TRUST:
        raise ConfigError(f"temporal_trust is {trust!r}; choose equal, sure or unsure.")
    entropy = torch.stack([class_entropy(each) for each in scores])
    sign = {"equal": 0.0, "sure": -1.0, "unsure": 1.0}[trust]
    return (sign * scale * entropy).softmax(0)


def fuse_over_time(vectors: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Weighted sum of N centroid matrices (B, C, C) with ``weights`` (N, B)."""
    return (torch.stack(list(vectors)) * weights[..., None, None]).sum(0)


def mmd_rbf(x: Tensor, y: Tensor, kernels: int = 5, factor: float = 2.0) -> Tensor:
    """Maximum mean discrepancy of the rows of ``x`` and ``y``, (B, N, D) each, mean over the samples; scalar.

    Sum of ``kernels`` Gaussian kernels; the middle bandwidth is the mean squared distance of all 2N rows to each other
    (no gradient), the others are ``factor`` times their neighbours. Rows of absent classes, zeros, take part. Rows that
    are all alike give 0 (in the published code NaN).
    """
    rows = torch.cat([x, y], 1).float()
    distance = (rows[:, :, None] - rows[:, None]).square().sum(-1)
    n = rows.shape[1]
    bandwidth = distance.detach().sum((1, 2)) / (n * n - n) / factor ** (kernels // 2)
    bandwidth = torch.where(bandwidth > 0, bandwidth, torch.ones_like(bandwidth))[:, None, None]
    kernel = sum((torch.exp(-distance / (bandwidth * factor**i)) for i in range(kernels)), torch.zeros_like(distance))
    half = n // 2
    within = kernel[:, :half, :half] + kernel[:, half:, half:]
    between = kernel[:, :half, half:] + kernel[:, half:, :half]
    return (within - between).mean()
