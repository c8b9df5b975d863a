"""From dense predictions to detections: the best cells of a level, a threshold, NMS (cfpt sheet, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from udalib.core.lazy import LazyModule
from udalib.ops.boxes import clip_boxes

vision = LazyModule("torchvision.ops")


class Detections(TypedDict):
    """Of one image, best first: ``boxes`` (N, 4) x0 y0 x1 y1 in pixels, ``scores`` (N,) in [0, 1], ``labels`` (N,)."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Selection:
    """Limits of a test.

    Attributes:
        per_level: anchors (with all their classes) kept of a level, before the threshold.
        threshold: smallest score.
        nms: IoU above which the lower of two boxes of a class is dropped.
        per_image: detections kept.
    """

    per_level: int = 1000
    threshold: float = 0.05
    nms: float = 0.5
    per_image: int = 500

    def keep_best(self, scores: Tensor) -> Tensor:
        """Indices of the cells of a level (A, K) with the highest best class."""
        best = scores.amax(1)
        return best.topk(min(self.per_level, len(best))).indices

    def __call__(self, boxes: Sequence[Tensor], scores: Sequence[Tensor], size: tuple[int, int]) -> Detections:
        """Detections of one image of ``size`` (h, w) from the levels' boxes (A, 4) and scores (A, K)."""
        kept = [self.keep_best(level) for level in scores]
        every = torch.cat([b[i] for b, i in zip(boxes, kept, strict=True)])
        score = torch.cat([s[i] for s, i in zip(scores, kept, strict=True)])
        cell, label = (score > self.threshold).nonzero(as_tuple=True)
        chosen, value = clip_boxes(every.float(), size)[cell], score[cell, label].float()
        left = vision.batched_nms(chosen, value, label, self.nms)[: self.per_image]
        return {"boxes": chosen[left], "scores": value[left], "labels": label[left]}
