"""Large pictures in overlapping pieces, and the detections of the pieces merged back (cfpt sheet, 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.core.types import Sample

vision = LazyModule("torchvision.ops")

Tile = tuple[int, int, int, int]
"""top, left, height, width."""


def tiles(size: tuple[int, int], piece: tuple[int, int] = (512, 640), overlap: float = 0.3) -> list[Tile]:
    """Pieces of ``piece`` (h, w) that cover ``size`` (h, w), neighbours sharing at least ``overlap`` of a side.

    >>> tiles((512, 1000))
    [(0, 0, 512, 640), (0, 360, 512, 640)]

    Raises:
        ConfigError: an overlap outside [0, 1).
    """
    if not 0 <= overlap < 1 or min(piece) < 1:
        raise ConfigError(f"pieces {piece} with overlap {overlap}: sides must be positive and the overlap in [0, 1).")
    rows, columns = (_starts(n, p, overlap) for n, p in zip(size, piece, strict=True))
    return [(t, x, min(piece[0], size[0]), min(piece[1], size[1])) for t in rows for x in columns]


def _starts(length: int, piece: int, overlap: float) -> list[int]:
    if length <= piece:
        return [0]
    step = max(1, int(piece * (1 - overlap)))
    starts = list(range(0, length - piece, step))
    return [*starts, length - piece]


def cut_sample(sample: Sample, tile: Tile, smallest: float = 0.5) -> Sample:
    """The part of a sample in ``tile``; boxes with less than ``smallest`` of their area inside are dropped."""
    top, left, height, width = tile
    boxes = sample["boxes"]
    shifted = boxes - boxes.new_tensor([left, top, left, top])
    limit = boxes.new_tensor([width, height, width, height])
    inside = torch.minimum(shifted.clamp(min=0), limit)
    area, whole = ((b[:, 2:] - b[:, :2]).clamp(min=0).prod(1) for b in (inside, boxes))
    keep = (area >= smallest * whole) & (area > 0)
    own: dict[str, Any] = {k: v[keep] for k, v in sample.items() if k in ("box_labels", "box_ignore")}
    image = sample["image"][..., top : top + height, left : left + width]
    return {**sample, **own, "image": image, "boxes": inside[keep], "name": f"{sample.get('name', '')}_{top}_{left}"}


def merge(
    found: Sequence[dict[str, Tensor]], places: Sequence[Tile], *, nms: float = 0.5, limit: int = 500
) -> dict[str, Tensor]:
    """Detections of pieces, in the pixels of the whole picture, doubles removed by NMS of each class."""
    moved = [f["boxes"] + f["boxes"].new_tensor([x, t, x, t]) for f, (t, x, _, _) in zip(found, places, strict=True)]
    boxes, scores = torch.cat(moved), torch.cat([f["scores"] for f in found])
    labels = torch.cat([f["labels"] for f in found])
    kept = vision.batched_nms(boxes, scores, labels, nms)[:limit]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


class Tiled(torch.utils.data.Dataset[Sample]):
    """The pieces of a data set's pictures as samples; the pictures' sizes (h, w) must be known beforehand."""

    def __init__(
        self,
        dataset: Any,
        sizes: Sequence[tuple[int, int]],
        *,
        piece: tuple[int, int] = (512, 640),
        overlap: float = 0.3,
    ) -> None:
        self.dataset, self.label_space, self.name = dataset, dataset.label_space, dataset.name
        self.places = [(i, tile) for i, size in enumerate(sizes) for tile in tiles(size, piece, overlap)]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        picture, tile = self.places[index]
        return cut_sample(self.dataset[picture], tile)
