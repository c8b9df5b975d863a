"""Cells of a feature grid that show one class alone, and the features there.

The cell (i, j) of a grid of h x w over an image of H x W covers the pixels that it touches: rows floor(i H / h) up to
ceil((i + 1) H / h), columns likewise. Boxes are (top, bottom, left, right) in pixels, the ends not included.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX

Ints = NDArray[np.int64]


def edges(side: int, cells: int) -> tuple[Ints, Ints]:
    """First pixel of each of ``cells`` along an axis of ``side`` pixels, and the one after its last.

    >>> [ends.tolist() for ends in edges(8, 3)]
    [[0, 2, 5], [3, 6, 8]]
    """
    places = np.arange(cells, dtype=np.int64)
    return places * side // cells, -((-(places + 1) * side) // cells)


def pure_cells(label: Tensor, grid: Sequence[int], num_classes: int, purity: float = 1.0) -> Tensor:
    """The class of each cell that is pure, else 255.

    Args:
        label: int (B, H, W), ids below ``num_classes``; all others are ignored, and count as impurity.
        grid: (h, w).
        num_classes: C.
        purity: least share of a cell's pixels that one class covers, above 0.5 so that there is one such class.

    Returns:
        int64 (B, h, w).

    Raises:
        ConfigError: ``purity`` outside (0.5, 1].
    """
    if not 0.5 < purity <= 1:
        raise ConfigError(f"purity is {purity}; the share of a cell that its class covers lies above 0.5, up to 1.")
    rows, columns = (edges(side, cells) for side, cells in zip(label.shape[-2:], grid, strict=True))
    area = torch.as_tensor(np.outer(rows[1] - rows[0], columns[1] - columns[0]), device=label.device)
    result = torch.full((len(label), *area.shape), IGNORE_INDEX, dtype=torch.int64, device=label.device)
    for c in torch.unique(label[(label >= 0) & (label < num_classes)]).tolist():
        pixels = _box_sums(label == c, rows, columns)
        result[pixels >= purity * area] = c
    return result


def _box_sums(mask: Tensor, rows: tuple[Ints, Ints], columns: tuple[Ints, Ints]) -> Tensor:
    """How many pixels of ``mask`` (B, H, W) each box holds, (B, h, w), from a table of sums."""
    table = mask.new_zeros(len(mask), mask.shape[1] + 1, mask.shape[2] + 1, dtype=torch.int32)
    table[:, 1:, 1:] = mask.to(torch.int32).cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32)
    top, bottom, left, right = (torch.as_tensor(end, device=mask.device) for end in (*rows, *columns))
    upper, lower = table[:, top], table[:, bottom]
    return lower[:, :, right] - lower[:, :, left] - upper[:, :, right] + upper[:, :, left]


def cell_boxes(cells: Ints, grid: Sequence[int], size: Sequence[int]) -> Ints:
    """Boxes int64 (n, 4) of ``cells`` (n, 2), (row, column) in a grid (h, w) over an image of ``size`` (H, W)."""
    (top, bottom), (left, right) = (edges(side, count) for side, count in zip(size, grid, strict=True))
    i, j = cells.T
    return np.stack([top[i], bottom[i], left[j], right[j]], axis=1)


def box_means(maps: Tensor, image: Ints, boxes: Ints, size: Sequence[int]) -> Tensor:
    """What a map holds in boxes: the mean over the map's cells that each box touches, float32 (n, C).

    The map is taken as a plain grid over the image; where its corners lie on the image's corners (DeepLab-v2) this is
    off by half a cell at most.

    Args:
        maps: (B, C, h, w), at any stride: in a coarse map a small box gets the one cell that holds it.
        image: (n,), which of the B images each box lies in.
        boxes: (n, 4) in pixels.
        size: (H, W) in pixels.
    """
    (height, width), (rows, columns) = size, maps.shape[-2:]
    if not len(boxes):
        return maps.new_zeros(0, maps.shape[1])
    means = [
        maps[b, :, t * rows // height : -(-e * rows // height), f * columns // width : -(-r * columns // width)]
        .float()
        .mean(dim=(1, 2))
        for b, (t, e, f, r) in zip(image.tolist(), boxes.tolist(), strict=True)
    ]
    return torch.stack(means)
