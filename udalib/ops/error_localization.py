"""What ELN learns from: auxiliary losses behind a gate, a balanced loss on right and wrong pixels, filtered labels.

Kwon & Kwak, CVPR 2022 (eln sheet, section 3). Every resize has ``align_corners=True``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX
from udalib.ops.pseudo_labels import class_map
from udalib.ops.resize import resize


def gates_open(losses: Sequence[Tensor], reference: Tensor, alphas: Sequence[float]) -> list[Tensor]:
    """Whether each auxiliary loss is at least ``alpha_k`` times the main one, bool scalars on the device.

    Args:
        losses: scalars CE_k, one a decoder.
        reference: scalar, the main decoder's loss.
        alphas: one factor a decoder (20 and 50 as published).

    Raises:
        ConfigError: not one factor for each loss.
    """
    if len(losses) != len(alphas):
        raise ConfigError(f"{len(losses)} auxiliary losses and {len(alphas)} factors alpha; give one for each decoder.")
    limit = reference.detach()
    return [loss.detach() >= alpha * limit for loss, alpha in zip(losses, alphas, strict=True)]


def gated_sum(losses: Sequence[Tensor], gates: Sequence[Tensor]) -> Tensor:
    """Sum of the losses, at least one, whose gate, a bool scalar, is open.

    An auxiliary decoder learns only while it is much worse than the main one, so it goes on making errors to learn
    from. A closed gate gives its decoder gradients of zero, and nothing is read back from the device. The published
    code asks on the host and leaves the term out; its decoder then has no gradient, and Adam's moments of it stand
    still where here they decay.
    """
    kept = [torch.where(gate, loss, torch.zeros_like(loss)) for gate, loss in zip(gates, losses, strict=True)]
    return torch.stack(kept).sum()


def correct_pixels(logits: Tensor, label: Tensor) -> Tensor:
    """Where the arg-max of ``logits`` (B, C, h, w), resized to ``label`` (B, H, W), is the label: bool (B, H, W).

    A void pixel (255) is never correct.
    """
    return class_map(resize(logits, label.shape[-2:], align_corners=True)) == label


def localization_loss(verdict: Tensor, correct: Tensor, label: Tensor, *, void_is_wrong: bool = False) -> Tensor:
    """Binary cross-entropy of ELN's verdicts, the rare "wrong" pixels weighing n_correct / n_wrong.

    ``(1 / N) * (sum over correct of bce + n1 / n0 * sum over wrong of bce)`` = n1 / N times the sum of the two means: a
    balanced loss, scaled by the share of correct pixels. N counts all pixels of the batch that take part. It is
    computed in float32 from the resized verdict on, whatever the rest runs in, as published.

    Args:
        verdict: logit (B, 1, h, w) that a pixel is correct; resized to the label.
        correct: bool (B, H, W), see :func:`correct_pixels`.
        label: (B, H, W), 255 = void.
        void_is_wrong: void pixels count as wrong ones, as published: ELN then learns that the borders of objects are
            errors. By default they take no part.

    Returns:
        Scalar float32; 0 with zero gradient where no pixel is wrong or none is correct (the published code divides by
        zero in the first case).
    """
    logit = resize(verdict, label.shape[-2:], align_corners=True)[:, 0].float()
    bce = F.binary_cross_entropy_with_logits(logit, correct.float(), reduction="none")
    counted = torch.ones_like(correct) if void_is_wrong else label != IGNORE_INDEX
    right, wrong = counted & correct, counted & ~correct
    n_right, n_wrong = right.sum(), wrong.sum()
    ratio = n_right / n_wrong.clamp(min=1)
    weight = torch.where(wrong, ratio, right.float())
    total = (weight * bce).sum() / counted.sum().clamp(min=1)
    return torch.where(n_wrong > 0, total, torch.zeros_like(total))


def accepted_pixels(verdict: Tensor) -> Tensor:
    """Where the rounded probability of a verdict (B, 1, h, w) is 1: bool (B, h, w).

    Half rounds to even, so a logit of exactly 0 is rejected (and, in float16, any below 2^-10).
    """
    return verdict[:, 0].sigmoid().round().bool()


def filtered_labels(label: Tensor, accepted: Tensor) -> Tensor:
    """Pseudo labels (B, h, w) with 255 where ``accepted``, bool (B, h, w), is false."""
    return torch.where(accepted, label, IGNORE_INDEX)
