"""Which detection finds which box: COCO's greedy matching, and TinyPerson's addition (cfpt sheet, 4.2).

Legend: D detections of an image and class, best first; G true boxes; T thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _none() -> NDArray[Any]:
    return np.zeros(0)


@dataclass
class ImageBoxes:
    """True boxes and detections of an image; boxes are (N, 4) x0 y0 x1 y1.

    Attributes:
        boxes, labels: true ones.
        found, found_labels, scores: detections.
        area: of the true boxes; None = computed from them.
        crowd: true boxes that absorb any number of detections, which count neither way.
        ignored: true boxes whose detection counts neither way.
    """

    boxes: NDArray[Any]
    labels: NDArray[Any]
    found: NDArray[Any]
    found_labels: NDArray[Any]
    scores: NDArray[Any]
    area: NDArray[Any] | None = None
    crowd: NDArray[Any] = field(default_factory=_none)
    ignored: NDArray[Any] = field(default_factory=_none)

    def __post_init__(self) -> None:
        self.boxes = np.asarray(self.boxes, dtype=np.float64).reshape(-1, 4)
        self.found = np.asarray(self.found, dtype=np.float64).reshape(-1, 4)
        self.labels, self.found_labels = np.asarray(self.labels), np.asarray(self.found_labels)
        self.scores = np.asarray(self.scores, dtype=np.float64)
        count = len(self.boxes)
        self.area = areas(self.boxes) if self.area is None else np.asarray(self.area, dtype=np.float64)
        self.crowd = np.asarray(self.crowd if len(self.crowd) else np.zeros(count), dtype=bool)
        self.ignored = np.asarray(self.ignored if len(self.ignored) else np.zeros(count), dtype=bool)


def areas(boxes: Floats) -> Floats:
    """Areas (N,) of boxes (N, 4)."""
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def intersections(a: Floats, b: Floats) -> Floats:
    """All pairs (N, M)."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    area: Floats = np.clip(high - low, 0, None).prod(-1)
    return area


def overlap(found: Floats, true: Floats, crowd: Bools) -> Floats:
    """IoU (D, G); with a crowd box the share of the detection that lies in it."""
    both = intersections(found, true)
    own = areas(found)[:, None]
    union = np.where(crowd[None], own, own + areas(true)[None] - both)
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def match(iou: Floats, ignored: Bools, crowd: Bools, thresholds: Floats) -> tuple[Bools, Bools]:
    """What COCO needs of :func:`partners`: bool (T, D), a detection has a box; that box is an ignored one."""
    found = partners(iou, ignored, crowd, thresholds)
    matched = found >= 0
    return matched, matched & (np.append(ignored, False)[found])


def partners(iou: Floats, ignored: Bools, crowd: Bools, thresholds: Floats) -> NDArray[np.int64]:
    """Greedy matching at every threshold, best detection first: the box of each detection (T, D), -1 for none.

    A detection takes the free box of largest IoU (of equal ones the last); boxes that are ignored only if no other
    is left.
    """
    count, limits = len(thresholds), np.minimum(thresholds, 1 - 1e-10)[:, None]
    found = np.full((count, len(iou)), -1, dtype=np.int64)
    if not iou.shape[1]:
        return found
    taken = np.zeros((count, iou.shape[1]), dtype=bool)
    rows, last = np.arange(count), iou.shape[1] - 1
    for d, values in enumerate(iou):
        free = (values[None] >= limits) & (~taken | crowd[None])
        wanted = free & ~ignored[None]
        pool = np.where(wanted.any(1, keepdims=True), wanted, free)
        choice = last - np.where(pool, values[None], -1.0)[:, ::-1].argmax(1)
        some = pool.any(1)
        found[some, d] = choice[some]
        taken[rows[some], choice[some]] = True
    return found


def absorbed(found: Floats, true: Floats, true_area: Floats, ignored: Bools, thresholds: Floats) -> Bools:
    """Bool (T, D): at least ``threshold`` of the detection's area lies in an ignored box (TinyPerson's rule)."""
    if not ignored.any():
        return np.zeros((len(thresholds), len(found)), dtype=bool)
    iou = overlap(found, true[ignored], np.zeros(int(ignored.sum()), dtype=bool))
    share = iou / (1 + iou) * (1 + true_area[ignored][None] / np.maximum(areas(found), 1e-12)[:, None])
    result: Bools = share.max(1)[None] >= thresholds[:, None]
    return result
