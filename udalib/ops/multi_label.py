"""Losses of multi-label recognition: smoothed cross-entropy and the asymmetric loss (gkgnet sheet, section 4).

Legend: B images, L classes, z logits, y in {0, 1}, p = sigmoid(z). An entry of -1 (VOC: only difficult instances) says
nothing of its class and is left out. Every loss is a sum over images and classes divided by the number of
images, so that
it is about L times a plain mean; ``reduction="mean"`` divides by B L.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32

Reduction = Literal["images", "mean"]


def smoothed_bce(logits: Tensor, target: Tensor, smoothing: float = 0.1, reduction: Reduction = "images") -> Tensor:
    """Binary cross-entropy with targets 1 - eps for what is there and eps for what is not.

    It is eps, not eps / 2 as label smoothing has it elsewhere.

    Args:
        logits: (B, L).
        target: (B, L) of 1, 0 and -1.
        smoothing: eps.
        reduction: see the top of this file.

    Returns:
        Scalar, float32 or wider; 0 if nothing is labelled.

    Raises:
        ConfigError: logits and target differ in shape, or eps is not in [0, 0.5).
    """
    known, present = _checked(logits, target)
    if not 0 <= smoothing < 0.5:
        raise ConfigError(f"smoothing is {smoothing}; give a number in [0, 0.5).")
    wanted = present * (1 - 2 * smoothing) + smoothing
    loss = F.binary_cross_entropy_with_logits(at_least_float32(logits), wanted, reduction="none")
    return _reduced(loss, known, reduction)


def asymmetric_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_pos: float = 0.0,
    gamma_neg: float = 2.0,
    clip: float = 0.05,
    eps: float = 1e-8,
    reduction: Reduction = "images",
) -> Tensor:
    """Asymmetric loss: ``-(1 - q)^gamma log q``, q = p for what is there and min(1 - p + clip, 1) for what is not.

    Gradients flow through the weight as well.

    Args:
        logits: (B, L).
        target: (B, L) of 1, 0 and -1.
        gamma_pos: power for what is there.
        gamma_neg: power for what is not.
        clip: shift of the probability of what is not there; below it such an entry has no loss.
        eps: least q in the logarithm.
        reduction: see the top of this file.

    Returns:
        Scalar, float32 or wider; 0 if nothing is labelled.

    Raises:
        ConfigError: logits and target differ in shape.
    """
    known, present = _checked(logits, target)
    p = at_least_float32(logits).sigmoid()
    q = torch.where(present > 0, p, (1 - p + clip).clamp(max=1))
    gamma = gamma_pos * present + gamma_neg * (1 - present)
    loss = -q.clamp(min=eps).log() * (1 - q).pow(gamma)
    return _reduced(loss, known, reduction)


def _checked(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Which entries are labelled, and which are there; both of the logits' type, float32 or wider."""
    if logits.shape != target.shape or logits.ndim != 2:
        raise ConfigError(
            f"logits {tuple(logits.shape)} and classes {tuple(target.shape)} do not fit; expected (B, L) of both, one "
            "entry of 0 or 1 a class."
        )
    dtype = at_least_float32(logits).dtype
    return (target >= 0).to(dtype), (target > 0).to(dtype)


def _reduced(loss: Tensor, known: Tensor, reduction: Reduction) -> Tensor:
    total = torch.where(known > 0, loss, 0.0).sum()
    if reduction == "mean":
        return total / known.sum().clamp(min=1)
    return total / max(len(loss), 1)
