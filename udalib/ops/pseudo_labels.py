"""Pseudo labels and what they weigh (DACS, Tranheden et al., WACV 2021; daformer sheet, section 5, steps 5 and 6)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32


def class_map(logits: Tensor) -> Tensor:
    """Id of the largest of the logits (B, C, ...) of each place, the first of equals; int64 (B, ...)."""
    return logits.max(1).indices  # on a CPU four times as fast as argmax over a dimension that is not the last


class PseudoLabels(NamedTuple):
    """What a teacher says of images it has no labels for.

    Attributes:
        label: most probable class, int64 (B, H, W).
        confidence: its soft-max probability, float32 (B, H, W).
    """

    label: Tensor
    confidence: Tensor


def pseudo_labels(logits: Tensor) -> PseudoLabels:
    """Arg-max and maximum of the soft-max over classes of ``logits`` (B, C, H, W), detached."""
    confidence, label = at_least_float32(logits.detach()).softmax(1).max(1)
    return PseudoLabels(label, confidence)


def confident_fraction(confidence: Tensor, threshold: float | None) -> Tensor:
    """Share of ALL pixels of the batch whose ``confidence`` (B, H, W) is at least ``threshold``, float32 ().

    One number for the whole batch: the weight that DACS gives every pixel (not a mask of confident pixels).
    ``threshold`` None gives 1.
    """
    if threshold is None:
        return confidence.new_ones(())
    return (confidence >= threshold).float().mean()


def ignore_rows(weight: Tensor, top: int = 0, bottom: int = 0) -> Tensor:
    """``weight`` (B, H, W) with the first ``top`` and the last ``bottom`` rows set to 0; a copy if there are any.

    Raises:
        ConfigError: fewer than 0 rows.
    """
    if top < 0 or bottom < 0:
        raise ConfigError(f"rows to ignore are {top} at the top and {bottom} at the bottom; neither may be negative.")
    if top == bottom == 0:
        return weight
    row = torch.arange(weight.shape[-2], device=weight.device)[:, None]
    return weight * ((row >= top) & (row < weight.shape[-2] - bottom))
