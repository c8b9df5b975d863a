"""Scores of a classifier, read from the confusion matrix of :mod:`udalib.metrics.segmentation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from udalib.metrics.segmentation import segmentation_scores


def classification_scores(confusion: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """All scores of a confusion matrix of pictures as plain values, ready for JSON.

    Args:
        confusion: integer (C, C) or (C, C + 1), rows are true classes.
        names: the C class names.

    Returns:
        ``accuracy`` (share of the pictures that are classified right) and ``mean_accuracy`` (mean over classes) as
        fractions in [0, 1], ``class_accuracy`` {name: fraction} and ``confusion`` (C lists of C counts). A value that
        is not defined (a class without a picture) is None and does not enter a mean.

    Raises:
        ConfigError: the number of names is not C.
    """
    scores = segmentation_scores(confusion, names)
    return {key: scores[key] for key in ("accuracy", "mean_accuracy", "class_accuracy", "confusion")}
