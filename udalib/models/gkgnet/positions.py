"""Relative positions of patches without the table: codes of rows and of columns (gkgnet sheet, 2.7).

The published table is ``-resize(2 P P' / D)`` with P the sin-cos codes of all n patches and a bicubic resize of the
columns to n / r^2 sources, over the flattened index. The resize is linear and leaves rows alone, so that the table is
``-(2 / D) P resize(P)'``: two thin matrices, which is what is kept here. Over the flattened index a source gets about
the right row and hardly ever its column; :func:`pool_codes` gives each the mean of the codes of its own patches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError


def grid_codes(size: tuple[int, int], width: int) -> Tensor:
    """Sin-cos codes of a grid of patches, float64 (h * w, width): column index first, then row index.

    Args:
        size: (h, w) of the grid; the published one is square.
        width: D, a multiple of 4.

    Raises:
        ConfigError: D is no multiple of 4.
    """
    if width % 4:
        raise ConfigError(f"position codes need a width that is a multiple of 4, got {width}.")
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing="ij")
    return torch.cat([_axis_codes(p.flatten(), width // 2) for p in (columns, rows)], dim=1)


def _axis_codes(places: Tensor, width: int) -> Tensor:
    half = width // 2
    omega = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = places[:, None] * omega
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def pool_codes(codes: Tensor, size: tuple[int, int], reduction: int) -> Tensor:
    """Codes (h * w, D) of a grid averaged over squares of ``reduction`` x ``reduction``, as its patches are.

    So the similarity of a patch to a source is its mean similarity to the patches of that source.
    """
    if reduction == 1:
        return codes
    maps = torch.unflatten(codes.T, 1, size)
    return F.avg_pool2d(maps, reduction).flatten(1).T


def resize_grid(codes: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Codes of a grid (h * w, D) for another one, bicubic in both directions."""
    if old == new:
        return codes
    maps = torch.unflatten(codes.T, 1, old)[None]
    resized: Tensor = F.interpolate(maps, new, mode="bicubic", align_corners=False)
    return resized[0].flatten(1).T


def resize_codes(codes: Tensor, count: int) -> Tensor:
    """Codes (n, D) resized to ``count`` nodes along the flattened index, bicubic without antialiasing."""
    if count == len(codes):
        return codes
    size = (count, codes.shape[1])
    resized: Tensor = F.interpolate(codes[None, None], size, mode="bicubic", align_corners=False)
    return resized[0, 0]
