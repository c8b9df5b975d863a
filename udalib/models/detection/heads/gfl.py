"""Generalised focal loss: the class score is the box's quality, a side is a distribution (cfpt sheet, 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.models.detection.anchors import Anchors
from udalib.models.detection.assign import assign_atss
from udalib.models.detection.heads.dense import (
    DenseHead,
    Losses,
    flat,
    lookup,
    positives,
    sizes_of,
    split_levels,
)
from udalib.models.detection.registry import HEADS
from udalib.models.detection.select import Selection
from udalib.ops.boxes import distribution_focal_loss, giou_loss, paired_iou, quality_focal_loss

SQUARE = Anchors(base_scale=8, scales_per_octave=1, ratios=(1.0,))


class Integral(nn.Module):
    """Expected value of a distribution over 0 .. reg_max for each of four sides."""

    project: Tensor

    def __init__(self, reg_max: int) -> None:
        super().__init__()
        self.register_buffer("project", torch.linspace(0, reg_max, reg_max + 1))

    def forward(self, logits: Tensor) -> Tensor:
        """(N, 4 * (reg_max + 1)) -> (N, 4)."""
        return logits.view(len(logits), 4, -1).softmax(-1) @ self.project


class Scale(nn.Module):
    """A learned factor."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * self.scale


def to_sides(points: Tensor, boxes: Tensor) -> Tensor:
    """Distances (N, 4) left, top, right, bottom from points (N, 2) to the sides of boxes (N, 4)."""
    return torch.cat([points - boxes[:, :2], boxes[:, 2:] - points], dim=1)


def from_sides(points: Tensor, sides: Tensor) -> Tensor:
    """The inverse of :func:`to_sides`."""
    return torch.cat([points - sides[:, :2], points + sides[:, 2:]], dim=1)


@HEADS.register("gfl")
class GflHead(DenseHead):
    """One square anchor a cell, whose middle is the point that the sides are measured from, in strides.

    Args:
        num_classes: K.
        in_channels: of every level.
        channels: of the towers.
        depth: blocks a tower.
        groups: of GroupNorm.
        anchors: one a cell.
        selection: of detections.
        reg_max: largest distance in strides.
        topk: candidates a level of ATSS.
        beta: of the quality focal loss.
        box_weight, side_weight: of the GIoU and of the distribution focal loss.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 256,
        *,
        channels: int = 256,
        depth: int = 4,
        groups: int = 32,
        anchors: Anchors = SQUARE,
        selection: Selection = Selection(nms=0.6),  # noqa: B008 (frozen)
        reg_max: int = 16,
        topk: int = 9,
        beta: float = 2.0,
        box_weight: float = 2.0,
        side_weight: float = 0.25,
    ) -> None:
        super().__init__(num_classes, in_channels, channels, depth, groups, anchors, selection)
        self.width, self.reg_max, self.topk, self.beta = 4 * (reg_max + 1), reg_max, topk, beta
        self.box_weight, self.side_weight = box_weight, side_weight
        self.gfl_cls = nn.Conv2d(channels, num_classes, 3, padding=1)
        self.gfl_reg = nn.Conv2d(channels, self.width, 3, padding=1)
        self.scales = nn.ModuleList([Scale() for _ in anchors.strides])
        self.integral = Integral(reg_max)
        self.initialise(self.gfl_cls)

    def on_level(self, level: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the base."""
        classes, boxes = self.towers(x)
        return self.gfl_cls(classes), self.scales[level](self.gfl_reg(boxes)).float()

    def decode(self, level: int, anchors: Tensor, numbers: Tensor) -> Tensor:
        """See the base."""
        centres = (anchors[:, :2] + anchors[:, 2:]) / 2
        return from_sides(centres, self.integral(numbers) * self.anchors.strides[level])

    def losses(
        self, classes: Sequence[Tensor], boxes: Sequence[Tensor], true: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> Losses:
        """``loss_cls``, ``loss_bbox`` and ``loss_dfl``, each (L,)."""
        anchors = self.anchors.all(sizes_of(classes), classes[0].device)
        counts = [len(a) for a in anchors]
        assigned = torch.stack([assign_atss(anchors, b, self.topk) for b in true])
        label, wanted = lookup(labels, assigned, self.num_classes), lookup(true, assigned, 0.0)
        total = positives(assigned)
        terms, weights = [], []
        parts = list(zip(*(split_levels(v, counts) for v in (label, wanted)), strict=True))
        for level, (anchor, c, r) in enumerate(zip(anchors, classes, boxes, strict=True)):
            logits, numbers = flat(c, self.num_classes).flatten(0, 1).float(), flat(r, self.width).flatten(0, 1).float()
            *values, weight = self._level(level, anchor.repeat(len(c), 1), logits, numbers, *parts[level])
            terms.append(values)
            weights.append(weight)
        norm = torch.stack(weights).sum().clamp(min=1)
        quality, box, side = (torch.stack(list(v)) for v in zip(*terms, strict=True))
        return {
            "loss_cls": quality / total,
            "loss_bbox": box * self.box_weight / norm,
            "loss_dfl": side * self.side_weight / norm,
        }

    def _level(
        self, level: int, anchors: Tensor, logits: Tensor, numbers: Tensor, label: Tensor, wanted: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sums of the three losses of a level, and of the weights of its positives."""
        stride, positive = self.anchors.strides[level], label < self.num_classes
        points = (anchors[:, :2] + anchors[:, 2:]) / 2 / stride
        own = torch.where(positive[:, None], wanted / stride, anchors / stride)
        weight = logits.detach().sigmoid().amax(1) * positive
        predicted = from_sides(points, self.integral(numbers))
        quality = torch.where(positive, paired_iou(predicted.detach(), own), 0.0)
        cls = quality_focal_loss(logits, label, quality, self.beta).sum()
        box = (giou_loss(predicted, own) * weight).sum()
        sides = to_sides(points, own).clamp(0, self.reg_max - 0.1)
        spread = distribution_focal_loss(numbers.view(-1, self.reg_max + 1), sides.flatten()).view(-1, 4)
        return cls, box, (spread.sum(1) * weight).sum() / 4, weight.sum()
