"""Detections judged at one IoU, box by box, for pictures; :mod:`udalib.metrics.detection` scores data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from udalib.core.errors import unknown_name
from udalib.metrics.detection import COCO
from udalib.metrics.detection.matching import overlap, partners
from udalib.ops.boxes import areas

SIZES: dict[str, tuple[float, float]] = {name: (low, high) for name, low, high in COCO.sizes}
"""COCO's size classes: name to the smallest and largest area in pixels."""


class Judged(NamedTuple):
    """Boxes of one image; all boxes (N, 4) x0 y0 x1 y1 in pixels.

    Attributes:
        found, labels, scores: detections that are shown, best first.
        hit: bool, which of them found a box of their class.
        truth, truth_labels: boxes that are shown.
        seen: bool, which of those were found.
    """

    found: Tensor
    labels: Tensor
    scores: Tensor
    hit: Tensor
    truth: Tensor
    truth_labels: Tensor
    seen: Tensor


def in_size(boxes: Tensor, size: str) -> Tensor:
    """Bool (N,): boxes of a size class of :data:`SIZES`.

    Raises:
        UnknownNameError: another class.
    """
    if size not in SIZES:
        raise unknown_name("size of boxes", size, SIZES)
    low, high = SIZES[size]
    own = areas(boxes)
    return (own >= low) & (own <= high)


def judge(
    sample: Mapping[str, Any],
    detections: Mapping[str, Tensor],
    *,
    threshold: float = 0.05,
    size: str = "all",
    iou: float = 0.5,
) -> Judged:
    """Match detections that score at least ``threshold`` with the boxes of their class; then keep one size.

    As in COCO, the best detection chooses first and a box is found once. What belongs to ``size``: true boxes of it,
    hits on such boxes, and detections of it that hit nothing.

    Args:
        sample: ``boxes`` (G, 4) and ``box_labels`` (G,).
        detections: ``boxes``, ``labels``, ``scores``.
        threshold: smallest score.
        size: of :data:`SIZES`.
        iou: smallest overlap of a hit.
    """
    order = detections["scores"].argsort(descending=True)
    order = order[detections["scores"][order] >= threshold]
    found, labels, scores = (detections[key][order] for key in ("boxes", "labels", "scores"))
    truth, kinds = sample["boxes"], sample["box_labels"]
    partner = torch.full((len(found),), -1)
    for kind in sorted(set(labels.tolist())):
        mine, own = (labels == kind).nonzero().flatten(), (kinds == kind).nonzero().flatten()
        if len(own):
            none = np.zeros(len(own), dtype=bool)
            values = overlap(found[mine].double().numpy(), truth[own].double().numpy(), none)
            chosen = torch.from_numpy(partners(values, none, none, np.array([iou]))[0])
            partner[mine] = torch.where(chosen >= 0, own[chosen], -1)
    hit, seen = partner >= 0, torch.zeros(len(truth), dtype=torch.bool)
    seen[partner[hit]] = True
    kept, alone = in_size(truth, size), in_size(found, size)
    shown = torch.where(hit, kept[partner.clamp(min=0)], alone) if len(truth) else alone
    return Judged(found[shown], labels[shown], scores[shown], hit[shown], truth[kept], kinds[kept], seen[kept])
