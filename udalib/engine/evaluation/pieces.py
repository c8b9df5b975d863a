"""A detector run on overlapping pieces of large pictures, what the pieces found put together (cfpt sheet, 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from udalib.data.sets.boxes.tiles import merge, tiles
from udalib.engine.evaluation.inference import Sliding

Detect = Callable[[Tensor], Sequence[Any]]
"""RGB float images (B, 3, H, W) in [0, 1] -> for each ``boxes``, ``scores``, ``labels``."""

OVERLAP = 0.3
"""Share of a side that neighbouring pieces have in common in the paper of CFPT."""


def boxed_windows(crop: tuple[int, int]) -> Sliding:
    """Windows of ``crop`` (h, w) that share :data:`OVERLAP` of a side.

    >>> boxed_windows((512, 640)).stride
    (358, 448)
    """
    return Sliding(crop, (max(1, int(crop[0] * (1 - OVERLAP))), max(1, int(crop[1] * (1 - OVERLAP)))))


def detect_in_pieces(detect: Detect, image: Tensor, pieces: Sliding) -> dict[str, Tensor]:
    """Detections of one picture, found in windows, doubles removed by NMS 0.5 of each class, at most 500.

    Args:
        detect: the model.
        image: (1, 3, H, W); smaller than a window along an axis, it is one window there.
        pieces: windows; the smaller of both axes' overlaps counts for both.
    """
    overlap = min(1 - stride / crop for stride, crop in zip(pieces.stride, pieces.crop, strict=True))
    places = tiles((image.shape[2], image.shape[3]), pieces.crop, overlap)
    found: list[Any] = []
    for start in range(0, len(places), pieces.max_batch):
        part = places[start : start + pieces.max_batch]
        found += detect(torch.cat([image[..., t : t + h, x : x + w] for t, x, h, w in part]))
    return merge(found, places)
