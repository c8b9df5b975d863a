"""Accuracy over many-, medium- and few-shot classes (dscl sheet, sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from udalib.core.errors import ConfigError

MANY, FEW = 100, 20
"""ImageNet-LT: many above 100 training images, few below 20, medium between."""
GROUPS = ("many", "medium", "few")


def shot_groups(class_counts: Sequence[int], many: int = MANY, few: int = FEW) -> dict[str, list[int]]:
    """Classes of each group by their number of training pictures: more than ``many``, fewer than ``few``, the rest.

    >>> shot_groups([500, 100, 20, 3])
    {'many': [0], 'medium': [1, 2], 'few': [3]}

    Raises:
        ConfigError: the thresholds are not in order.
    """
    if not 0 <= few <= many + 1:
        raise ConfigError(f"many > {many} and few < {few} overlap; the second must not exceed the first.")
    place = ["many" if n > many else "few" if n < few else "medium" for n in class_counts]
    return {group: [c for c, name in enumerate(place) if name == group] for group in GROUPS}


def long_tail_scores(
    right: Tensor, total: Tensor, groups: dict[str, list[int]], names: Sequence[str]
) -> dict[str, Any]:
    """Scores from counts by class as plain values, ready for JSON.

    Args:
        right: int64 (C,), pictures of each class that are classified right.
        total: int64 (C,), pictures of each class.
        groups: of :func:`shot_groups`.
        names: the C class names.

    Returns:
        ``accuracy`` over all pictures, ``mean_accuracy`` over classes, ``many``, ``medium``, ``few`` (means over their
        classes, as all classes have equally many test pictures where the numbers are published), ``class_accuracy``
        {name: fraction}. Fractions in [0, 1]; None where there is no picture.
    """
    shown = total > 0
    by_class = right.double() / total.clamp(min=1)

    def mean(classes: Tensor) -> float | None:
        chosen = classes[shown[classes]]
        return float(by_class[chosen].mean()) if len(chosen) else None

    everything = torch.arange(len(total))
    result: dict[str, Any] = {"accuracy": float(right.sum() / total.sum()) if shown.any() else None}
    result["mean_accuracy"] = mean(everything)
    result |= {group: mean(torch.tensor(classes, dtype=torch.long)) for group, classes in groups.items()}
    values = [float(v) if s else None for v, s in zip(by_class, shown, strict=True)]
    return result | {"class_accuracy": dict(zip(names, values, strict=True))}


def top_accuracy(logits: Tensor, target: Tensor, top: int = 1) -> float:
    """Share of the pictures whose class is among the ``top`` largest of logits (N, C); ``target`` (N,)."""
    best = logits.topk(min(top, logits.shape[1]), dim=1).indices
    return float((best == target[:, None]).any(1).double().mean())
