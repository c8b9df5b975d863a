"""Scores of multi-label recognition: mean average precision, CP/CR/CF1, OP/OR/OF1 and their top-k versions.

Facts: gkgnet sheet, sections 6.2 and 7. Legend: N images, L classes; scores float (N, L), targets (N, L) of 1, 0
    and -1,
where -1 (VOC: only difficult instances) neither counts as a hit nor as a miss. All results are fractions in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from udalib.core.errors import ConfigError

Floats = NDArray[np.float64]
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, np.inf)}
"""Areas in pixels; an entry without area counts in every size."""
TINY = float(np.finfo(np.float32).eps)


def average_precision(scores: ArrayLike, targets: ArrayLike, *, official: bool = False) -> Floats:
    """AP of every class, float64 (L,): the mean, over the images that show it, of the precision down to their rank.

    No interpolation. Among equal scores the later image comes first, as the published code's reversed sort has it. A
    class that no image shows is NaN.

    Args:
        scores: (N, L).
        targets: (N, L).
        official: repeat the published COCO class: the divisor is the count plus 1e-8, and a class that no image shows
            scores 0. Where every class is shown the difference is below 1e-8.

    Raises:
        ConfigError: the shapes differ.
    """
    score, target = _checked(scores, targets)
    return np.array(
        [_class_ap(score[:, c], target[:, c], 1e-8 if official else 0.0, official) for c in _classes(score)]
    )


def _class_ap(score: Floats, target: Floats, extra: float, official: bool) -> float:
    order = np.argsort(score, kind="stable")[::-1]
    order = order[target[order] >= 0]
    hits = target[order] > 0
    if not hits.any():
        return 0.0 if official else float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / (hits.sum() + extra))


def mean_average_precision(ap: Floats) -> float:
    """Mean of :func:`average_precision` over the classes that some image shows; NaN if there is none."""
    shown = ap[~np.isnan(ap)]
    return float(shown.mean()) if len(shown) else float("nan")


def average_precision_by_size(scores: ArrayLike, targets: ArrayLike, areas: ArrayLike) -> dict[str, Floats]:
    """AP of every class among objects of a size, {"small", "medium", "large"}: float64 (L,).

    An image enters the ranking of a class if its area there is of that size or 0 (nothing there). A class without a hit
    in a size is NaN here and counts 0 in the published mean: ``np.nan_to_num(ap).mean()``.

    Args:
        scores: (N, L).
        targets: (N, L).
        areas: (N, L), area in pixels of the class's objects in each image, 0 = none.
    """
    score, target = _checked(scores, targets)
    area = np.asarray(areas, dtype=np.float64)
    result = {}
    for name, (low, high) in SIZES.items():
        inside = ((area >= low) & (area < high)) | (area == 0)
        ranked = np.where(inside, target, -1.0)
        result[name] = average_precision(score, ranked)
    return result


def predicted_labels(scores: ArrayLike, threshold: float | None = 0.5, top: int | None = None) -> NDArray[np.bool_]:
    """Which classes are called present, bool (N, L).

    Args:
        scores: (N, L).
        threshold: least score; None = any.
        top: only scores not below the ``top``-th largest of their image; None = all. The published COCO class asks
            for both, a third place of at least 0.5; many papers ask for the place alone (``threshold=None``).
    """
    score = np.asarray(scores, dtype=np.float64)
    chosen = np.ones(score.shape, dtype=bool) if threshold is None else score >= threshold
    if top is not None:
        if top < 1:
            raise ConfigError(f"top is {top}; ask for at least one label an image.")
        place = min(top, score.shape[1])
        chosen &= score >= -np.partition(-score, place - 1, axis=1)[:, place - 1 : place]
    return chosen


def precision_recall(predicted: NDArray[np.bool_], targets: ArrayLike) -> dict[str, float]:
    """CP, CR (means over classes) and OP, OR (over all entries) with their F1, keys ``cp cr cf1 op or of1``.

    CF1 is the harmonic mean of the two means. What is not defined (a class never predicted) counts 0 in a mean, as
    published. Entries of -1 are not there: a prediction of one is a miss, as the framework's function has it.

    Args:
        predicted: bool (N, L).
        targets: (N, L).
    """
    truth = np.asarray(targets) > 0
    hits = (predicted & truth).sum(0).astype(np.float64)
    called, shown = predicted.sum(0).astype(np.float64), truth.sum(0).astype(np.float64)
    cp, cr = (float((hits / np.maximum(n, TINY)).mean()) for n in (called, shown))
    op, overall = (float(hits.sum() / max(n.sum(), TINY)) for n in (called, shown))
    return {"cp": cp, "cr": cr, "cf1": _f1(cp, cr), "op": op, "or": overall, "of1": _f1(op, overall)}


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def multi_label_scores(
    scores: ArrayLike, targets: ArrayLike, names: Sequence[str], areas: ArrayLike | None = None
) -> dict[str, Any]:
    """All scores as plain values, ready for JSON.

    Returns:
        ``map``; ``cp cr cf1 op or of1`` at 0.5; the same ending in ``_top3`` (third place, any score) and
        ``_top3_official``
        (third place of at least 0.5); ``class_ap`` {name: fraction}; with ``areas`` ``map_small``, ``map_medium`` and
        ``map_large``. None where nothing is defined.
    """
    ap = average_precision(scores, targets)
    result: dict[str, Any] = {"map": _plain(mean_average_precision(ap))}
    rules: Mapping[str, dict[str, Any]] = {
        "": {},
        "_top3": {"threshold": None, "top": 3},
        "_top3_official": {"threshold": 0.5, "top": 3},
    }
    for ending, rule in rules.items():
        values = precision_recall(predicted_labels(scores, **rule), targets)
        result |= {f"{key}{ending}": value for key, value in values.items()}
    if areas is not None:
        sized = average_precision_by_size(scores, targets, areas)
        result |= {f"map_{size}": _plain(mean_average_precision(values)) for size, values in sized.items()}
    return result | {"class_ap": dict(zip(names, map(_plain, ap), strict=True))}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _classes(score: Floats) -> range:
    return range(score.shape[1])


def _checked(scores: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
    score, target = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if score.shape != target.shape or score.ndim != 2:
        raise ConfigError(f"scores {score.shape} and targets {target.shape} do not fit; expected (N, L) of both.")
    return score, target
