"""Made-up detections (the truth, moved, with misses and false alarms), for pictures before any training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from udalib.core.seeding import torch_generator
from udalib.models.detection.select import Detections
from udalib.ops.boxes import areas, clip_boxes


def stand_in_detections(
    sample: Mapping[str, Any], num_classes: int, *, skill: float = 0.7, alarms: int = 12, seed: int = 0
) -> Detections:
    """Made-up detections of a picture that is worse at small boxes, as real detectors are.

    Each box is kept with a chance and a score that grow with ``skill`` and with its size, its corners move by about a
    pixel, a tenth get a wrong class, and ``alarms`` boxes stand where nothing is, mostly with low scores.

    Args:
        sample: ``image`` (3, H, W), ``boxes`` (G, 4), ``box_labels`` (G,), ``name``.
        num_classes: K.
        skill: in [0, 1].
        alarms: boxes that are wrong.
        seed: of all that is made up, together with the sample's name.
    """
    random = torch_generator("stand-in detections", seed, str(sample.get("name", "")))
    boxes, labels = sample["boxes"].float(), sample["box_labels"].long()
    height, width = sample["image"].shape[-2:]
    ease = skill * (areas(boxes).sqrt() / 16).clamp(0.15, 1) ** 0.5
    kept = torch.rand(len(boxes), generator=random) < ease
    moved = boxes + 0.7 * torch.randn(boxes.shape, generator=random)
    score = (ease + 0.2 * torch.randn(len(boxes), generator=random)).clamp(0.02, 0.99)
    other = torch.randint(num_classes, labels.shape, generator=random)
    named = torch.where(torch.rand(len(boxes), generator=random) < 0.1, other, labels)
    corner = torch.rand(alarms, 2, generator=random) * torch.tensor([width - 4.0, height - 4.0])
    extent = 3 + 12 * torch.rand(alarms, 2, generator=random)
    false = torch.cat([corner, corner + extent], dim=1)
    every = clip_boxes(torch.cat([moved[kept], false]), (height, width))
    scores = torch.cat([score[kept], 0.02 + 0.5 * torch.rand(alarms, generator=random) ** 2])
    kinds = torch.cat([named[kept], torch.randint(num_classes, (alarms,), generator=random)])
    order = scores.argsort(descending=True)
    return {"boxes": every[order], "scores": scores[order], "labels": kinds[order]}
