"""The numbers that tables show, read from :class:`Scores`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from udalib.metrics.detection.average_precision import Scores
from udalib.metrics.detection.matching import Floats

COCO_NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def coco_stats(scores: Scores) -> Floats:
    """COCO's twelve: AP, AP50, AP75, AP of small, medium, large; AR of 1, 10, 100 detections and of the three sizes.

    -1 where it is not defined, as in COCO.
    """
    average = [scores.mean(), scores.mean(threshold=0.5), scores.mean(threshold=0.75)]
    sized = [scores.mean(size=s) for s in ("small", "medium", "large")]
    recalls = [scores.mean(recall=True, limit=i) for i in range(3)]
    reached = [scores.mean(recall=True, size=s) for s in ("small", "medium", "large")]
    found: Floats = np.nan_to_num(np.array([*average, *sized, *recalls, *reached]), nan=-1.0)
    return found


def coco_scores(scores: Scores, names: Sequence[str]) -> dict[str, Any]:
    """AP, AP50, AP75, AP by size, AR of the largest limit and AP by class: fractions, None where not defined."""
    values = dict(zip(COCO_NAMES, coco_stats(scores)[:6].tolist(), strict=True))
    values["ar"] = scores.mean(recall=True)
    plain: dict[str, Any] = {k: defined(v) for k, v in values.items()}
    return plain | {"class_ap": {n: defined(v) for n, v in zip(names, scores.by_class().tolist(), strict=True)}}


def tiny_scores(scores: Scores) -> dict[str, Any]:
    """``ap50_tiny``, ``ap25_tiny1``, ...: TinyPerson's AP at each threshold and size class."""
    return {
        f"ap{round(t * 100)}_{size}": defined(scores.mean(size=size, threshold=t))
        for t in scores.protocol.thresholds
        for size, _, _ in scores.protocol.sizes
    }


def defined(value: float) -> float | None:
    """``value``, or None for NaN and for COCO's -1."""
    return None if math.isnan(value) or value < 0 else value
