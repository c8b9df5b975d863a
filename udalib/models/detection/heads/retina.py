"""RetinaNet's head: anchors of nine shapes, focal loss, L1 on the shifts (cfpt sheet, 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.models.detection.anchors import Anchors
from udalib.models.detection.assign import IGNORED, assign_max_iou
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
from udalib.ops.boxes import decode_deltas, encode_deltas, focal_loss


@HEADS.register("retina")
class RetinaHead(DenseHead):
    """Classes and boxes of every anchor.

    Args:
        num_classes: K.
        in_channels: of every level.
        channels: of the towers.
        depth: blocks a tower.
        anchors: at every cell.
        selection: of detections.
        positive: smallest IoU of a positive anchor.
        negative: IoU below which an anchor is background.
        gamma, alpha: of the focal loss.
        means, stds: of the box numbers.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 256,
        *,
        channels: int = 256,
        depth: int = 4,
        anchors: Anchors = Anchors(),  # noqa: B008 (frozen)
        selection: Selection = Selection(),  # noqa: B008 (frozen)
        positive: float = 0.5,
        negative: float = 0.4,
        gamma: float = 2.0,
        alpha: float = 0.25,
        means: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
        stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    ) -> None:
        super().__init__(num_classes, in_channels, channels, depth, 0, anchors, selection)
        self.positive, self.negative, self.gamma, self.alpha = positive, negative, gamma, alpha
        self.retina_cls = nn.Conv2d(channels, anchors.per_cell * num_classes, 3, padding=1)
        self.retina_reg = nn.Conv2d(channels, anchors.per_cell * 4, 3, padding=1)
        self.register_buffer("_means", torch.tensor(means), persistent=False)
        self.register_buffer("_stds", torch.tensor(stds), persistent=False)
        self.initialise(self.retina_cls)

    def on_level(self, level: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the base."""
        classes, boxes = self.towers(x)
        return self.retina_cls(classes), self.retina_reg(boxes)

    def decode(self, level: int, anchors: Tensor, numbers: Tensor) -> Tensor:
        """See the base."""
        return decode_deltas(anchors, numbers * self._stds + self._means)  # type: ignore[operator]

    def losses(
        self, classes: Sequence[Tensor], boxes: Sequence[Tensor], true: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> Losses:
        """``loss_cls`` and ``loss_bbox``, each (L,), sums over the number of positives of the batch."""
        anchors = self.anchors.all(sizes_of(classes), classes[0].device)
        every, counts = torch.cat(anchors), [len(a) for a in anchors]
        assigned = torch.stack([assign_max_iou(every, b, self.positive, self.negative) for b in true])
        label = lookup(labels, assigned, self.num_classes)
        wanted = lookup(true, assigned, 0.0)
        total = positives(assigned)
        parts = zip(*(split_levels(v, counts) for v in (assigned, label, wanted)), strict=True)
        terms = []
        for anchor, c, r, (which, k, box) in zip(anchors, classes, boxes, parts, strict=True):
            focal = focal_loss(flat(c, self.num_classes).flatten(0, 1).float(), k, self.gamma, self.alpha)
            cls = (focal.sum(1) * (which != IGNORED)).sum()
            repeated = anchor.repeat(len(c), 1)
            safe = torch.where((which >= 0)[:, None], box, repeated)
            target = (encode_deltas(repeated, safe) - self._means) / self._stds  # type: ignore[operator]
            error = (flat(r, 4).flatten(0, 1).float() - target).abs().sum(1)
            terms.append((cls / total, (error * (which >= 0)).sum() / total))
        return {"loss_cls": torch.stack([c for c, _ in terms]), "loss_bbox": torch.stack([b for _, b in terms])}
