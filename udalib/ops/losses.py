"""Pixel-wise classification losses with the averaging rules of the published codes."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX

Reduction = Literal["valid_mean", "all_mean"]


def cross_entropy(
    logits: Tensor,
    label: Tensor,
    pixel_weight: Tensor | None = None,
    class_weight: Tensor | None = None,
    reduction: Reduction = "valid_mean",
    *,
    official: bool = False,
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Cross-entropy of each pixel, weighted and averaged.

    ``valid_mean`` divides by the number of pixels that are not ignored (with ``class_weight``: by the sum of their
    class weights), torch's rule and that of AdaptSegNet and AdvEnt. ``all_mean`` divides by all B*H*W pixels, ignored
    ones included, the rule of mmsegmentation and DAFormer (daformer sheet, 4.1). Pixel weights multiply each pixel's
    loss and never change the divisor.

    Args:
        logits: (B, C, H, W), any float type; 16-bit logits are computed in float32.
        label: (B, H, W) ids, any integer type; ``ignore_index`` and negative ids are ignored.
        pixel_weight: (B, H, W), or what broadcasts to it.
        class_weight: (C,).
        reduction: the divisor, as above.
        official: with ``valid_mean`` a batch without a valid pixel gives NaN as in the published code, not 0.
        ignore_index: the id of ignored pixels.

    Returns:
        Scalar; 0 with zero gradient if every pixel is ignored (unless ``official``).

    Raises:
        ConfigError: logits and label differ in size (resize the logits first), or an unknown reduction.
    """
    _check(logits, label, reduction)
    label = label.long()
    label = label.masked_fill(label < 0, ignore_index)
    loss = F.cross_entropy(at_least_float32(logits), label, class_weight, ignore_index=ignore_index, reduction="none")
    total = (loss if pixel_weight is None else loss * pixel_weight).sum()
    if reduction == "all_mean":
        return total / label.numel()
    divisor = _valid_mass(label, class_weight, ignore_index)
    if official:
        return total / divisor
    return total / torch.where(divisor > 0, divisor, torch.ones_like(divisor))


def batch_accuracy(logits: Tensor, label: Tensor) -> Tensor:
    """Share of ALL pixels, ignored ones included, that the arg-max gets right, float32 () in [0, 1].

    What mmsegmentation logs while training (times 100); a training curve, not a score.
    """
    return (logits.argmax(1) == label).float().mean()


def _valid_mass(label: Tensor, class_weight: Tensor | None, ignore_index: int) -> Tensor:
    """Number of valid pixels, or the sum of their class weights; stays on the device."""
    valid = label != ignore_index
    if class_weight is None:
        return valid.sum()
    return class_weight[label.masked_fill(~valid, 0)].mul(valid).sum()


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` itself, or as float32 if it has 16 bits: what a logarithm or a sum over many pixels needs."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _check(logits: Tensor, label: Tensor, reduction: str) -> None:
    if reduction not in ("valid_mean", "all_mean"):
        raise ConfigError(f"unknown reduction {reduction!r}; choose valid_mean or all_mean.")
    if (logits.shape[0], *logits.shape[2:]) != tuple(label.shape):
        raise ConfigError(
            f"logits {tuple(logits.shape)} do not fit the label {tuple(label.shape)}; expected (B, C, H, W) and "
            "(B, H, W). Resize the logits with udalib.ops.resize first."
        )
