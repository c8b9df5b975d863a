"""Average precision and recall over a data set, at 101 points, by class and size of the boxes.

Legend: T thresholds, R 101 recalls, K classes, A size classes, M limits of detections an image and class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udalib.metrics.detection.matching import Bools, Floats, ImageBoxes, absorbed, areas, match, overlap

RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Protocol:
    """How detections are scored.

    Attributes:
        thresholds: of the IoU.
        sizes: name of a size class to the smallest and largest area, both inclusive.
        limits: best detections an image and class that count, ascending.
        absorb: a detection without a box that lies in an ignored one counts neither way (TinyPerson).
    """

    thresholds: tuple[float, ...]
    sizes: tuple[tuple[str, float, float], ...]
    limits: tuple[int, ...]
    absorb: bool = False


COCO = Protocol(
    tuple(np.linspace(0.5, 0.95, 10).tolist()),
    (("all", 0, 1e10), ("small", 0, 32.0**2), ("medium", 32.0**2, 96.0**2), ("large", 96.0**2, 1e10)),
    (1, 10, 100),
)
"""The protocol of COCO, and of VisDrone with the best 100 detections of an image and class."""

TINY_SIZES = (
    ("all", 1, 1e10),
    ("tiny", 1, 20.0**2),
    ("tiny1", 1, 8.0**2),
    ("tiny2", 8.0**2, 12.0**2),
    ("tiny3", 12.0**2, 20.0**2),
    ("small", 20.0**2, 32.0**2),
    ("reasonable", 32.0**2, 1e10),
)
TINY = Protocol((0.25, 0.5, 0.75), TINY_SIZES, (200,), absorb=True)
"""The official protocol of TinyPerson."""

TINY_PLAIN = Protocol((0.25, 0.5, 0.75), TINY_SIZES, (200,))
"""The same without its rule for detections in ignored boxes."""


@dataclass(frozen=True)
class Scores:
    """What :func:`evaluate` gives; -1 where a class has no box of a size.

    Attributes:
        precision: (T, R, K, A, M) at the recalls of :data:`RECALLS`.
        recall: (T, K, A, M) the largest.
    """

    protocol: Protocol
    precision: Floats
    recall: Floats

    def mean(
        self, *, recall: bool = False, size: str = "all", limit: int = -1, threshold: float | None = None
    ) -> float:
        """Mean over classes (and recalls) of a size class, over all thresholds or at one; NaN if nothing counts."""
        a = [name for name, _, _ in self.protocol.sizes].index(size)
        values = (self.recall if recall else self.precision)[..., a, limit]
        if threshold is not None:
            values = values[int(np.abs(np.array(self.protocol.thresholds) - threshold).argmin())]
        values = values[values > -1]
        return float(values.mean()) if values.size else float("nan")

    def by_class(self) -> Floats:
        """AP of every class (K,), over all thresholds, all sizes; NaN for one without a box."""
        values = self.precision[:, :, :, 0, -1]
        return np.array([v[v > -1].mean() if (v > -1).any() else np.nan for v in np.moveaxis(values, 2, 0)])


def evaluate(images: Sequence[ImageBoxes], num_classes: int, protocol: Protocol = COCO) -> Scores:
    """Score ``images`` with classes 0 .. ``num_classes`` - 1."""
    shape = (len(protocol.thresholds), len(RECALLS), num_classes, len(protocol.sizes), len(protocol.limits))
    precision, recall = -np.ones(shape), -np.ones((shape[0], *shape[2:]))
    for k in range(num_classes):
        parts = [p for image in images if (p := _of_class(image, k, protocol)) is not None]
        for a, (_, low, high) in enumerate(protocol.sizes):
            matched = [part.matched(low, high, protocol) for part in parts]
            for m, limit in enumerate(protocol.limits):
                curve = _curves(parts, matched, limit)
                if curve is not None:
                    precision[:, :, k, a, m], recall[:, k, a, m] = curve
    return Scores(protocol, precision, recall)


@dataclass
class _Part:
    """One image and class: detections best first."""

    image: ImageBoxes
    mine: Bools
    found: Floats
    scores: Floats
    iou: Floats

    def matched(self, low: float, high: float, protocol: Protocol) -> tuple[Bools, Bools, int]:
        """True positives and detections that count neither way (T, D), and the number of boxes that count."""
        image, thresholds = self.image, np.array(protocol.thresholds)
        assert image.area is not None
        area, crowd = image.area[self.mine], image.crowd[self.mine]
        ignored = crowd | image.ignored[self.mine] | (area < low) | (area > high)
        found, neither = match(self.iou, ignored, crowd, thresholds)
        if protocol.absorb:
            boxes = image.boxes[self.mine]
            neither |= ~found & absorbed(self.found, boxes, area, ignored, thresholds)
        own = areas(self.found)
        neither |= ~found & ((own < low) | (own > high))[None]
        return found, neither, int((~ignored).sum())


def _of_class(image: ImageBoxes, k: int, protocol: Protocol) -> _Part | None:
    mine, found = image.labels == k, image.found_labels == k
    if not mine.any() and not found.any():
        return None
    order = np.argsort(-image.scores[found], kind="mergesort")[: protocol.limits[-1]]
    boxes = image.found[found][order]
    iou = overlap(boxes, image.boxes[mine], image.crowd[mine])
    return _Part(image, mine, boxes, image.scores[found][order], iou)


def _curves(
    parts: Sequence[_Part], matched: Sequence[tuple[Bools, Bools, int]], limit: int
) -> tuple[Floats, NDArray[np.float64]] | None:
    """Precision (T, R) and largest recall (T,); None if no box counts."""
    total = sum(count for _, _, count in matched)
    if not total:
        return None
    scores = np.concatenate([part.scores[:limit] for part in parts])
    order = np.argsort(-scores, kind="mergesort")
    found = np.concatenate([f[:, :limit] for f, _, _ in matched], axis=1)[:, order]
    neither = np.concatenate([n[:, :limit] for _, n, _ in matched], axis=1)[:, order]
    right = np.cumsum(found & ~neither, axis=1, dtype=np.float64)
    wrong = np.cumsum(~found & ~neither, axis=1, dtype=np.float64)
    recall, precision = right / total, right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    curves = np.zeros((len(recall), len(RECALLS)))
    for t, (r, p) in enumerate(zip(recall, best, strict=True)):
        place = np.searchsorted(r, RECALLS, side="left")
        inside = place < len(r)
        curves[t, inside] = p[place[inside]]
    return curves, recall[:, -1] if recall.shape[1] else np.zeros(len(recall))
