"""Feature-level mixing: what both mixed images show is seen in both contexts (quadmix sheet, section 4.6)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def nearest(label: Tensor, size: Sequence[int]) -> Tensor:
    """A label (B, H, W) resized to ``size`` = (h, w): the pixel floor(i * in / out), torch's "nearest"; own type."""
    height, width = size
    if label.shape[-2:] == (height, width):
        return label
    return F.interpolate(label[:, None].float(), (height, width), mode="nearest")[:, 0].to(label.dtype)


def shrink_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """A mask (B, H, W), true or above 0 where something was pasted, on a grid of ``size``; float32 (B, 1, h, w).

    Nearest neighbour with the index floor(i * in / out): the top left pixel of every cell.
    """
    return nearest((mask > 0).float(), size)[:, None]


def mix_features(x: Tensor, other: Tensor, mask: Tensor, weight: float = 0.3) -> Tensor:
    """``weight * other + (1 - weight) * x`` where something was pasted, ``x`` elsewhere.

    In the published code the result is overwritten before it is used, or ignored by the network.

    Args:
        x: features (B, C, h, w) of one mixed image.
        other: those of the other one, into which the same was pasted at the same place.
        mask: where, (B, H, W) at the images' size; see :func:`shrink_mask`.
        weight: share of ``other``.

    Returns:
        (B, C, h, w).
    """
    pasted = shrink_mask(mask, x.shape[-2:]).to(x.dtype)
    return x + weight * pasted * (other - x)
