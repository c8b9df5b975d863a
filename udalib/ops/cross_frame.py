"""Pseudo labels of a frame from the scores of the frame before it, carried along by optical flow.

Quadmix sheet, section 4.5, step 10: d is the current frame, b the frame before it; the flow lies on d's grid and points
to b.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32
from udalib.ops.pseudo_labels import PseudoLabels, pseudo_labels
from udalib.ops.resize import resize
from udalib.ops.warp import resize_flow, warp


def carried_labels(
    logits: Tensor,
    flow: Tensor,
    size: Sequence[int] | None = None,
    *,
    mirrored: Tensor | None = None,
    align_corners: bool = True,
    official: bool = False,
) -> PseudoLabels:
    """Labels of the current frame: arg-max and maximum of the warped soft-max of the previous frame.

    Args:
        logits: (B, C, h, w) of the previous frame.
        flow: float (B, 2, H', W') from the current frame to the previous one, of any size.
        size: (H, W) to which the logits are enlarged first; None: as they are.
        mirrored: bool (B,): samples whose previous frame was mirrored before it was scored.
        align_corners: how logits and flow are resized.
        official: a mirrored frame is warped by the flow of the frame that was not, and mirrored back afterwards; flows
            are resized as in :func:`udalib.ops.warp.resize_flow`. By default it is mirrored back first.
    """
    if mirrored is not None and not official:
        logits = mirrored_back(logits, mirrored)
    probability = enlarged(logits, size, align_corners).softmax(1)
    flow = resize_flow(flow, probability.shape[-2:], align_corners, official=official)
    probability = warp(probability, flow)
    if mirrored is not None and official:
        probability = mirrored_back(probability, mirrored)
    confidence, label = probability.max(1)
    return PseudoLabels(label, confidence)


def own_labels(
    logits: Tensor,
    size: Sequence[int] | None = None,
    *,
    mirrored: Tensor | None = None,
    align_corners: bool = True,
    official: bool = False,
) -> PseudoLabels:
    """Labels of the scored frame itself. ``official``: the "confidence" is the largest LOGIT, not a probability."""
    if mirrored is not None:
        logits = mirrored_back(logits, mirrored)
    logits = enlarged(logits, size, align_corners)
    if not official:
        return pseudo_labels(logits)
    confidence, label = logits.max(1)
    return PseudoLabels(label, confidence)


def enlarged(logits: Tensor, size: Sequence[int] | None, align_corners: bool) -> Tensor:
    """Detached logits (B, C, h, w), at least float32, resized to ``size`` = (H, W) unless it is None."""
    logits = at_least_float32(logits.detach())
    return logits if size is None else resize(logits, size, align_corners)


def mirrored_back(x: Tensor, mirrored: Tensor) -> Tensor:
    """``x`` (B, ..., W) with the samples where ``mirrored``, bool (B,), is true mirrored.

    Raises:
        ConfigError: not one entry a sample.
    """
    if mirrored.shape != x.shape[:1]:
        raise ConfigError(f"mirrored has shape {tuple(mirrored.shape)}; expected one entry for {x.shape[0]} samples.")
    choice = mirrored.to(x.device, non_blocking=True).view(-1, *[1] * (x.ndim - 1))
    return torch.where(choice, x.flip(-1), x)
