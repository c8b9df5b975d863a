"""Segmentation scores, all read from one confusion matrix that is summed over the whole set.

Rows are true classes, columns predicted ones. A matrix may carry one column more than rows: pixels whose prediction is
none of the classes. They are misses of their true class, so they count in its union and in its accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX

BYTES = 256


def confusion_matrix(pred: Tensor, label: Tensor, num_classes: int, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """Count pixels by true and predicted class.

    Args:
        pred: predicted ids, any integer type and shape; ids outside 0..C-1 are counted in the last column.
        label: true ids, the shape of ``pred``; ``ignore_index`` and every id outside 0..C-1 are left out.
        num_classes: C.
        ignore_index: label of the pixels that do not count.

    Returns:
        int64 (C, C + 1) on the device of ``pred``; no value is copied to the host.

    Raises:
        ConfigError: the shapes differ.
    """
    if pred.shape != label.shape:
        raise ConfigError(
            f"prediction {tuple(pred.shape)} and label {tuple(label.shape)} have different shapes; "
            "resize the logits to the label before the arg-max."
        )
    # torch.bincount rather than torchmetrics: its update selects valid pixels with a boolean mask (a host sync) and,
    # under deterministic algorithms, allocates pixels x C^2 elements. The tests hold the two equal.
    size = num_classes + 1
    if pred.device.type == "cpu" and pred.dtype == label.dtype == torch.uint8 and num_classes < BYTES:
        return _bytes_counted(pred, label, num_classes, ignore_index)
    true = _ids_or_last(label, num_classes, ignore_index)
    counts = torch.bincount((true * size + _ids_or_last(pred, num_classes)).flatten(), minlength=size * size)
    return counts.view(size, size)[:num_classes]


def _bytes_counted(pred: Tensor, label: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """:func:`confusion_matrix` of uint8 ids on the CPU: every pair of bytes is counted, and what is no class summed."""
    pairs = label.numpy().astype(np.uint16) << 8 | pred.numpy()
    counts = torch.from_numpy(np.bincount(pairs.ravel(), minlength=BYTES * BYTES)).view(BYTES, BYTES)
    if 0 <= ignore_index < BYTES:
        counts[ignore_index] = 0
    counts = counts[:num_classes]
    return torch.cat([counts[:, :num_classes], counts[:, num_classes:].sum(1, keepdim=True)], dim=1)


def _ids_or_last(ids: Tensor, num_classes: int, ignore_index: int | None = None) -> Tensor:
    ids = ids.long()
    outside = (ids < 0) | (ids >= num_classes)
    if ignore_index is not None:
        outside |= ids == ignore_index
    return ids.masked_fill(outside, num_classes)


class ConfusionMatrix:
    """A confusion matrix accumulated on the device over batches and, by summation, over processes.

    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 255]))
    >>> matrix.counts
    tensor([[1, 1, 0],
            [0, 0, 0]])
    """

    def __init__(self, num_classes: int, ignore_index: int = IGNORE_INDEX, device: torch.device | str = "cpu") -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes + 1, dtype=torch.int64, device=device)

    def update(self, pred: Tensor, label: Tensor) -> None:
        """Add one batch of predicted and true ids (same shape, any device); see :func:`confusion_matrix`."""
        self.counts += confusion_matrix(pred, label, self.num_classes, self.ignore_index).to(self.counts.device)

    def scores(self, names: Sequence[str], subsets: Mapping[str, Sequence[int]] | None = None) -> dict[str, Any]:
        """:func:`segmentation_scores` of what has been counted so far."""
        return segmentation_scores(self.counts, names, subsets)


def class_iou(confusion: Tensor) -> Tensor:
    """Intersection over union of each class, float64 (C,) in [0, 1]; NaN for a class in no label or prediction."""
    hits, true, predicted = _marginals(confusion)
    return hits / (true + predicted - hits)


def class_accuracy(confusion: Tensor) -> Tensor:
    """Share of each class's pixels that is predicted right, float64 (C,) in [0, 1]; NaN where a class has no pixel."""
    hits, true, _ = _marginals(confusion)
    return hits / true


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """Share of all counted pixels that is predicted right, float64 () in [0, 1]; NaN without a pixel."""
    hits, true, _ = _marginals(confusion)
    return hits.sum() / true.sum()


def mean_iou(iou: Tensor, ids: Sequence[int] | None = None) -> Tensor:
    """Mean of ``iou`` (C,) over the classes ``ids`` (default: all), leaving out NaN; NaN if nothing is left.

    The mean over a subset judges a network with all C outputs: a pixel predicted as a class outside the subset still
    counts as a miss of its true class (the 16- and 13-class protocols of SYNTHIA -> Cityscapes).
    """
    return torch.nanmean(iou if ids is None else iou[list(ids)])


def _marginals(confusion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    counts = confusion.to("cpu", torch.float64)
    square = counts[:, : counts.shape[0]]
    return square.diagonal(), counts.sum(1), square.sum(0)


def segmentation_scores(
    confusion: Tensor, names: Sequence[str], subsets: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """All scores of a confusion matrix as plain values, ready for JSON.

    Args:
        confusion: integer (C, C) or (C, C + 1).
        names: the C class names.
        subsets: name -> class ids; each gets its own mean.

    Returns:
        ``miou``, ``accuracy`` (of pixels) and ``mean_accuracy`` (of classes) as fractions in [0, 1];
        ``iou`` and ``class_accuracy`` {name: fraction}; ``subsets`` {name: mean IoU}; ``confusion`` (C lists of C
        counts); ``outside``, the pixels predicted as none of the classes. A value that is not defined (a class absent
        from labels and predictions, an empty set) is None and does not enter a mean.

    Raises:
        ConfigError: the number of names is not C.
    """
    classes = confusion.shape[0]
    if len(names) != classes:
        raise ConfigError(
            f"{len(names)} class names for a confusion matrix of {classes} classes; give one name a class."
        )
    iou, accuracy = class_iou(confusion), class_accuracy(confusion)
    return {
        "miou": _value(mean_iou(iou)),
        "accuracy": _value(pixel_accuracy(confusion)),
        "mean_accuracy": _value(torch.nanmean(accuracy)),
        "iou": dict(zip(names, map(_value, iou), strict=True)),
        "class_accuracy": dict(zip(names, map(_value, accuracy), strict=True)),
        "subsets": {name: _value(mean_iou(iou, ids)) for name, ids in (subsets or {}).items()},
        "confusion": confusion[:, :classes].tolist(),
        "outside": int(confusion[:, classes:].sum()),
    }


def _value(x: Tensor) -> float | None:
    number = float(x)
    return None if math.isnan(number) else number
