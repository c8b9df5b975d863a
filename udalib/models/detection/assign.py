"""Which anchor learns which box (cfpt sheet, 3 and 3.1): int64 (A,), -1 = background, -2 = not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from udalib.ops.boxes import areas, box_iou, overlaps

BACKGROUND, IGNORED = -1, -2


def assign_max_iou(anchors: Tensor, boxes: Tensor, positive: float = 0.5, negative: float = 0.4) -> Tensor:
    """The box of largest IoU, where that is at least ``positive``; between the two limits nothing is learned.

    Every box also takes its best anchors, ties included; of two boxes that want one, the later gets it. Unlike the
    published code, a box that touches no anchor takes none (there it ties with all that it does not touch).
    """
    if not len(boxes):
        return torch.full((len(anchors),), BACKGROUND, device=anchors.device)
    iou = box_iou(boxes, anchors)
    best, which = iou.max(0)
    which = torch.where(best >= positive, which, torch.where(best < negative, BACKGROUND, IGNORED))
    own = iou.amax(1, keepdim=True)
    number = torch.arange(len(boxes), device=anchors.device)[:, None]
    wanted = torch.where((iou == own) & (own > 0), number, BACKGROUND).amax(0)
    return torch.where(wanted >= 0, wanted, which)


def assign_atss(anchors: Sequence[Tensor], boxes: Tensor, topk: int = 9) -> Tensor:
    """ATSS: of the ``topk`` nearest anchors a level, those above the mean + std of the candidates' IoU.

    Their centres must lie in the box by more than 0.01; one wanted by several boxes goes to that of the highest IoU.
    """
    every = torch.cat(list(anchors))
    if not len(boxes):
        return torch.full((len(every),), BACKGROUND, device=every.device)
    centres = (every[:, :2] + every[:, 2:]) / 2
    distance = torch.cdist((boxes[:, :2] + boxes[:, 2:]) / 2, centres, compute_mode="donot_use_mm_for_euclid_dist")
    chosen, start = [], 0
    for level in anchors:
        part = distance[:, start : start + len(level)]
        chosen.append(part.topk(min(topk, len(level)), dim=1, largest=False).indices + start)
        start += len(level)
    candidates = torch.cat(chosen, dim=1)
    iou = box_iou(boxes, every)
    values = iou.gather(1, candidates)
    threshold = values.mean(1) + (values.std(1) if values.shape[1] > 1 else 0)
    inside = torch.cat([centres[None] - boxes[:, None, :2], boxes[:, None, 2:] - centres[None]], dim=-1).amin(-1) > 0.01
    positive = torch.zeros_like(iou, dtype=torch.bool).scatter_(1, candidates, values >= threshold[:, None]) & inside
    best, which = torch.where(positive, iou, -1.0).max(0)
    return torch.where(best >= 0, which, BACKGROUND)


def assign_centre_region(
    cells: Tensor, boxes: Tensor, scale: float = 0.2, min_iof: float = 0.01
) -> tuple[Tensor, Tensor]:
    """FSAF: cells (A, 4) whose centre lies in the middle of a box, its sides times ``scale``; the smallest box wins.

    Returns:
        The assignment, and bool (G, A): cells that lie in the middle of a box and went to a smaller one; its class is
        not trained there.
    """
    if not len(boxes):
        nothing = torch.full((len(cells),), BACKGROUND, device=cells.device)
        return nothing, torch.zeros(0, len(cells), dtype=torch.bool, device=cells.device)
    centres = ((cells[:, :2] + cells[:, 2:]) / 2)[None]
    middle, half = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2, scale * (boxes[:, None, 2:] - boxes[:, None, :2]) / 2
    inside = ((centres - middle).abs() < half).all(-1)
    covered = overlaps(boxes[:, None], cells[None]) / areas(cells).clamp(min=1e-6)
    inside &= covered > min_iof
    size, which = torch.where(inside, areas(boxes)[:, None], torch.inf).min(0)
    assigned = torch.where(size.isfinite(), which, BACKGROUND)
    number = torch.arange(len(boxes), device=cells.device)[:, None]
    return assigned, inside & (number != assigned)
