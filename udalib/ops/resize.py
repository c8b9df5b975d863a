"""Bilinear resizing of logits and features, with the corner convention always spelled out."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Resize ``x`` (B, C, h, w) bilinearly to (B, C, H, W), ``size`` = (H, W); the same tensor if it has that size.

    ``align_corners`` is part of a published model: AdaptSegNet, AdvEnt and their kin need True (their GTA5 checkpoint
    loses 1.6 mIoU with False, adaptsegnet sheet, section 7), SegFormer and DAFormer False.
    """
    height, width = size
    if x.shape[-2:] == (height, width):
        return x
    return F.interpolate(x, size=(height, width), mode="bilinear", align_corners=align_corners)
