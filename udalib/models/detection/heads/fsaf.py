"""FSAF's anchor-free branch: every object chooses the level that fits it best (cfpt sheet, 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.models.detection.anchors import Anchors
from udalib.models.detection.assign import assign_centre_region
from udalib.models.detection.heads.dense import DenseHead, Losses, flat, sizes_of
from udalib.models.detection.heads.gfl import from_sides
from udalib.models.detection.registry import HEADS
from udalib.models.detection.select import Selection
from udalib.ops.boxes import focal_loss, log_iou_loss

CELLS = Anchors(base_scale=1, scales_per_octave=1, ratios=(1.0,))
"""A cell is a square of one stride (our reading; the facts sheet does not give the side)."""


@HEADS.register("fsaf")
class FsafHead(DenseHead):
    """One cell, one box: distances to its sides in units of ``normaliser`` strides, never negative.

    Args:
        num_classes: K.
        in_channels: of every level.
        channels: of the towers.
        depth: blocks a tower.
        anchors: one a cell.
        selection: of detections.
        region: share of a box's sides whose cells learn it.
        min_iof: smallest share of a cell that must lie in the box.
        normaliser: of the distances.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 256,
        *,
        channels: int = 256,
        depth: int = 4,
        anchors: Anchors = CELLS,
        selection: Selection = Selection(),  # noqa: B008 (frozen)
        region: float = 0.2,
        min_iof: float = 0.01,
        normaliser: float = 4.0,
    ) -> None:
        super().__init__(num_classes, in_channels, channels, depth, 0, anchors, selection)
        self.region, self.min_iof, self.normaliser = region, min_iof, normaliser
        self.retina_cls = nn.Conv2d(channels, num_classes, 3, padding=1)
        self.retina_reg = nn.Conv2d(channels, 4, 3, padding=1)
        self.initialise(self.retina_cls)
        nn.init.constant_(self.retina_reg.bias, 0.25)  # type: ignore[arg-type]  # a ReLU at 0 would not learn

    def on_level(self, level: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the base."""
        classes, boxes = self.towers(x)
        return self.retina_cls(classes), self.retina_reg(boxes).relu()

    def decode(self, level: int, anchors: Tensor, numbers: Tensor) -> Tensor:
        """See the base."""
        centres = (anchors[:, :2] + anchors[:, 2:]) / 2
        return from_sides(centres, numbers * self.normaliser * self.anchors.strides[level])

    def losses(
        self, classes: Sequence[Tensor], boxes: Sequence[Tensor], true: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> Losses:
        """``loss_cls`` and ``loss_bbox``, each (L,), sums over the number of positives that are kept."""
        anchors = self.anchors.all(sizes_of(classes), classes[0].device)
        logits = [flat(c, self.num_classes).float() for c in classes]
        numbers = [flat(r, 4).float() for r in boxes]
        images = [
            self._image(anchors, [x[i] for x in logits], [x[i] for x in numbers], true[i], labels[i])
            for i in range(len(true))
        ]
        cls, box, kept = (torch.stack(list(v)).sum(0) for v in zip(*images, strict=True))
        total = kept.clamp(min=1)
        return {"loss_cls": cls / total, "loss_bbox": box / total}

    def _image(
        self, anchors: list[Tensor], logits: list[Tensor], numbers: list[Tensor], true: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sums of both losses of an image, each (L,), and the number of positives of the chosen levels."""
        parts = [self._level(i, *v, true, labels) for i, v in enumerate(zip(anchors, logits, numbers, strict=True))]
        best = torch.stack([self._fit(*part[:3], len(true)) for part in parts]).argmin(0) if len(true) else None
        sums = [self._kept(i, best, part, logits[i].shape[1], labels) for i, part in enumerate(parts)]
        cls, box, kept = zip(*sums, strict=True)
        return torch.stack(cls), torch.stack(box), torch.stack(kept).sum()

    def _level(
        self, level: int, anchors: Tensor, logits: Tensor, numbers: Tensor, true: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Assignment (A,), focal loss (A, K), box loss (A,), cells in the shadow of a smaller box (G, A)."""
        assigned, shadowed = assign_centre_region(anchors, true, self.region, self.min_iof)
        padded = torch.cat([labels, labels.new_full((1,), self.num_classes)])
        focal = focal_loss(logits, padded[torch.where(assigned >= 0, assigned, len(true))])
        boxes = self.decode(level, anchors, numbers)
        own = torch.cat([true, true.new_zeros(1, 4)])[torch.where(assigned >= 0, assigned, len(true))]
        own = torch.where((assigned >= 0)[:, None], own, boxes.detach())
        return assigned, focal, log_iou_loss(boxes, own) * (assigned >= 0), shadowed

    def _fit(self, assigned: Tensor, focal: Tensor, box: Tensor, count: int) -> Tensor:
        """Mean loss of every object (G,) on a level, infinite where it has no cell."""
        loss = (focal.sum(1) + box).detach()
        mine = assigned[None] == torch.arange(count, device=assigned.device)[:, None]
        number = mine.sum(1)
        return torch.where(number > 0, (mine * loss).sum(1) / number.clamp(min=1), torch.inf)

    def _kept(
        self, level: int, best: Tensor | None, part: tuple[Tensor, ...], classes: int, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses of a level without the cells whose object chose another, and without shadowed classes."""
        assigned, focal, box, shadowed = part
        if best is None:
            return focal.sum(), box.sum(), focal.new_zeros(())
        positive = assigned >= 0
        which = assigned.clamp(min=0)
        dropped = positive & (best[which] != level)
        weight = torch.ones_like(focal)
        own = nn.functional.one_hot(labels[which], classes).bool()
        weight = weight.masked_fill(dropped[:, None] & own, 0)
        of_class = nn.functional.one_hot(labels, classes).float()
        weight = weight.masked_fill((shadowed.float().t() @ of_class) > 0, 0)
        return (focal * weight).sum(), (box * ~dropped).sum(), (positive & ~dropped).sum().float()
