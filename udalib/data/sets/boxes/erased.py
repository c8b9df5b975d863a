"""Boxes to be ignored painted over, as TinyPerson's protocol does before training (cfpt sheet, 4.2)."""

from __future__ import annotations

from typing import Any

import torch

from udalib.core.types import Sample


def erase_ignored(sample: Sample) -> Sample:
    """The sample without its ignored boxes, whose pixels get the picture's mean colour.

    Our sources say "the mean colour" and not of what: the picture's own is taken. They do not say either what becomes
    of boxes that are learned and lie in an ignored region: here they keep their pixels.
    """
    ignored = sample.get("box_ignore")
    rest = {key: value for key, value in sample.items() if key != "box_ignore"}
    if ignored is None or not bool(ignored.any()):
        return rest
    image = sample["image"]
    covered = _inside(image.shape[-2:], sample["boxes"][ignored]) & ~_inside(
        image.shape[-2:], sample["boxes"][~ignored]
    )
    mean = image.float().mean((1, 2)).round().to(image.dtype)
    painted = torch.where(covered, mean[:, None, None], image)
    return {**rest, "image": painted, "boxes": sample["boxes"][~ignored], "box_labels": sample["box_labels"][~ignored]}


def _inside(size: tuple[int, int], boxes: Any) -> torch.Tensor:
    """Bool (H, W): pixels that some box (N, 4) touches."""
    inside = torch.zeros(size, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes.tolist():
        inside[int(y0) : -int(-y1 // 1), int(x0) : -int(-x1 // 1)] = True
    return inside


class Erased(torch.utils.data.Dataset[Sample]):
    """A set of boxes, read with its ignored ones, whose samples are :func:`erase_ignored`."""

    def __init__(self, dataset: Any) -> None:
        self.dataset, self.label_space, self.name = dataset, dataset.label_space, dataset.name

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        return erase_ignored(self.dataset[index])
