"""Boxes and their losses, without reduction (cfpt sheet, 3 and 3.1).

Boxes are float (N, 4): x0 y0 x1 y1 in pixels. Legend: N boxes or cells, G true boxes, A anchors, K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

IOU_EPS = 1e-6
GIOU_EPS = 1e-7


def areas(boxes: Tensor) -> Tensor:
    """Areas (N,) of boxes (N, 4)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Intersection areas of broadcast boxes (..., 4)."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    return (high - low).clamp(min=0).prod(-1)


def paired_iou(a: Tensor, b: Tensor, eps: float = IOU_EPS) -> Tensor:
    """Intersection over union of broadcast boxes; empty pairs give 0."""
    both = overlaps(a, b)
    return both / (areas(a) + areas(b) - both).clamp(min=eps)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """All pairs: (N, 4), (M, 4) -> (N, M)."""
    return paired_iou(a[:, None], b[None])


def giou_loss(prediction: Tensor, target: Tensor, eps: float = GIOU_EPS) -> Tensor:
    """1 - generalised IoU of paired boxes: (N,)."""
    both = overlaps(prediction, target)
    union = (areas(prediction) + areas(target) - both).clamp(min=eps)
    low = torch.minimum(prediction[..., :2], target[..., :2])
    high = torch.maximum(prediction[..., 2:], target[..., 2:])
    hull = (high - low).clamp(min=0).prod(-1).clamp(min=eps)
    return 1 - both / union + (hull - union) / hull


def log_iou_loss(prediction: Tensor, target: Tensor, eps: float = IOU_EPS) -> Tensor:
    """-log IoU of paired boxes (the IoU at least ``eps``): (N,)."""
    return -paired_iou(prediction, target).clamp(min=eps).log()


def one_hot(label: Tensor, num_classes: int) -> Tensor:
    """(N,) of classes, ``num_classes`` for background -> float (N, K); background is a row of zeros."""
    return (label[:, None] == torch.arange(num_classes, device=label.device)).float()


def focal_loss(logits: Tensor, label: Tensor, gamma: float = 2.0, alpha: float = 0.25) -> Tensor:
    """Sigmoid focal loss (N, K) of logits (N, K) for ``label`` int64 (N,), K = background."""
    target = one_hot(label, logits.shape[1])
    p = logits.sigmoid()
    wrong = (1 - p) * target + p * (1 - target)
    weight = (alpha * target + (1 - alpha) * (1 - target)) * wrong**gamma
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight


def quality_focal_loss(logits: Tensor, label: Tensor, quality: Tensor, beta: float = 2.0) -> Tensor:
    """Quality focal loss (N,): BCE * |quality - p|**beta, the quality (N,) of a class being its box's IoU.

    ``label`` int64 (N,), K = background; every other class of a cell has the target 0.
    """
    target = one_hot(label, logits.shape[1]) * quality[:, None]
    scale = (target - logits.sigmoid()).abs() ** beta
    return (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * scale).sum(1)


def distribution_focal_loss(logits: Tensor, distance: Tensor) -> Tensor:
    """Cross-entropy (N,) of logits (N, reg_max + 1) with the two whole numbers around ``distance`` (N,)."""
    left = distance.long().clamp(max=logits.shape[1] - 2)
    share = distance - left
    lower, upper = (F.cross_entropy(logits, bin_, reduction="none") for bin_ in (left, left + 1))
    return lower * (1 - share) + upper * share


def encode_deltas(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Shift of the centre in anchor sides and log of the side ratios: (N, 4), (N, 4) -> (N, 4)."""
    size, wanted = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    shift = ((boxes[:, :2] + boxes[:, 2:]) - (anchors[:, :2] + anchors[:, 2:])) / (2 * size)
    return torch.cat([shift, (wanted / size).clamp(min=1e-12).log()], dim=1)


LARGEST_LOG = 4.135166556742356
"""|log(16 / 1000)|, the bound of the log side ratios."""


def decode_deltas(anchors: Tensor, deltas: Tensor) -> Tensor:
    """The inverse of :func:`encode_deltas`."""
    size = anchors[:, 2:] - anchors[:, :2]
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2 + deltas[:, :2] * size
    half = size * deltas[:, 2:].clamp(-LARGEST_LOG, LARGEST_LOG).exp() / 2
    return torch.cat([centre - half, centre + half], dim=1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut to an image of ``size`` (h, w)."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], dim=-1)
