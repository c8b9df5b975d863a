"""Pictures on the disk with boxes in memory: what all sets of boxes are once their annotations are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from udalib.core.errors import DataError
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace
from udalib.data.sets.reading import read_image


@dataclass(frozen=True)
class Box:
    """A box as its file has it: x0 y0 x1 y1 in pixels, the name of its class, and whether it is to be ignored."""

    corners: tuple[float, float, float, float]
    category: str
    ignored: bool = False

    @property
    def degenerate(self) -> bool:
        """Whether it has no area (or a side that is no number)."""
        x0, y0, x1, y1 = self.corners
        return not (x1 > x0 and y1 > y0)


@dataclass(frozen=True)
class BoxItem:
    """A picture and its boxes."""

    name: str
    image: Path
    boxes: tuple[Box, ...]


class BoxFiles(torch.utils.data.Dataset[Sample]):
    """Pictures with boxes.

    Args:
        name: of the data set, for messages.
        items: pictures and boxes.
        label_space: classes; boxes of other categories raise.
        root: folder of the data set.
        keep_ignored: give ignored boxes too, marked in ``box_ignore``, as an evaluation wants; training leaves them
            out.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``boxes`` float32 (G, 4), ``box_labels`` int64 (G,),
    ``name``, with ``keep_ignored`` also ``box_ignore`` bool (G,). Boxes without area are left out,
    the others cut to the picture.

    Raises:
        DataError: no picture, or a category that the label space lacks.
    """

    def __init__(
        self, name: str, items: Sequence[BoxItem], label_space: LabelSpace, root: Path, *, keep_ignored: bool = False
    ) -> None:
        if not items:
            raise DataError(f"{name} has no picture in {root}; complete or move the data set.")
        self.name, self.items, self.label_space, self.root = name, list(items), label_space, root
        self.keep_ignored = keep_ignored
        self._ids = {category: i for i, category in enumerate(label_space.names)}
        unknown = sorted({b.category for item in items for b in item.boxes if not b.ignored} - self._ids.keys())
        if unknown:
            raise DataError(
                f"{name} has boxes of {', '.join(unknown[:5])}, which {label_space.name} lacks (it has "
                f"{', '.join(label_space.names)}); `udalib data check {name}` names the files."
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        item = self.items[index]
        image = read_image(item.image)
        kept = [b for b in item.boxes if not b.degenerate and (self.keep_ignored or not b.ignored)]
        boxes = torch.tensor([b.corners for b in kept], dtype=torch.float32).view(-1, 4)
        limit = torch.tensor([image.shape[2], image.shape[1]] * 2, dtype=torch.float32)
        boxes = torch.minimum(boxes.clamp(min=0), limit)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(1)
        labels = torch.tensor([self._ids.get(b.category, 0) for b in kept], dtype=torch.int64)
        sample = {"image": image, "boxes": boxes[inside], "box_labels": labels[inside], "name": item.name}
        if self.keep_ignored:
            ignored: Tensor = torch.tensor([b.ignored for b in kept], dtype=torch.bool)
            sample["box_ignore"] = ignored[inside]
        return sample
