"""How far two sets of pictures are apart: in their colours, and in what stands in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

BINS = 16
Histograms = NDArray[np.float64]
"""(N, K): one histogram a picture; each row sums to 1 (to less where pixels are ignored)."""


def color_histograms(samples: Iterable[Mapping[str, Any]]) -> Histograms:
    """Shares of the pixels in 16 bins of brightness, the three channels one after the other: (N, 48).

    ``samples`` hold ``image``, uint8 (3, H, W).
    """
    return np.stack([np.concatenate([_shares(c // BINS, BINS) / 3 for c in s["image"]]) for s in samples])


def class_histograms(samples: Iterable[Mapping[str, Any]], num_classes: int) -> Histograms:
    """Share of each class in the pixels of each picture: (N, num_classes); ``samples`` hold ``label`` (H, W)."""
    return np.stack([_shares(sample["label"], num_classes) for sample in samples])


def mean_distance(one: Histograms, other: Histograms) -> float:
    """Total variation in percent, 0 equal and 100 disjoint, as a mean over all pairs of ``one`` and ``other``.

    >>> mean_distance(np.asarray([[1.0, 0.0]]), np.asarray([[1.0, 0.0], [0.5, 0.5]]))
    25.0
    """
    return float(50 * np.abs(one[:, None] - other[None]).sum(axis=2).mean())


def _shares(values: Tensor, bins: int) -> Histograms:
    return np.bincount(values.flatten().long().numpy(), minlength=bins)[:bins] / values.numel()
