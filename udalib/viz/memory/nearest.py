"""What an item remembers, shown by the pixels that are most like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from matplotlib.patches import Rectangle

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.viz.memory.reading import Recall
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import Picture, new_figure, show_image


class Near(NamedTuple):
    """A pixel of the context: number of its image, its row and column, its cosine with the item, its true class."""

    image: int
    row: int
    column: int
    cosine: float
    label: int


def nearest_pixels(recalls: Sequence[Recall], item: int, count: int) -> list[Near]:
    """The pixels most like ``item``, the nearest first, no more than one an image, ``count`` at most."""
    found = []
    for number, recall in enumerate(recalls):
        scores = recall.scores[item]
        place = int(scores.argmax())
        row, column = divmod(place, scores.shape[1])
        found.append(Near(number, row, column, float(scores.max()), int(recall.small_label()[row, column])))
    return sorted(found, key=lambda near: -near.cosine)[:count]


def nearest_figure(recalls: Sequence[Recall], items: Sequence[int], space: LabelSpace, *, count: int = 4) -> Picture:
    """One row an item: the images with the pixels most like it, each outlined, with its cosine and true class.

    Raises:
        ConfigError: no image or no item.
    """
    if not recalls or not items:
        raise ConfigError(f"give an image and an item at least; got {len(recalls)} images and {len(items)} items.")
    columns = min(count, len(recalls))
    figure, axes = new_figure(3.1 * columns, 1.85 * len(items), len(items), columns)
    panels = iter(axes)
    for item in items:
        for near in nearest_pixels(recalls, item, columns):
            panel, recall = next(panels), recalls[near.image]
            true = "void" if near.label == IGNORE_INDEX else space.names[near.label]
            show_image(panel, to_hwc(recall.image), f"'{space.names[item]}': {near.cosine:.2f}, is {true}")
            cell = torch.tensor(recall.image.shape[-2:]) / torch.tensor(recall.scores.shape[-2:])
            high, wide = cell.tolist()
            corner = (near.column * wide - 0.5, near.row * high - 0.5)
            for color, width in (("white", 3.0), ("black", 1.2)):
                panel.add_patch(Rectangle(corner, wide, high, facecolor="none", edgecolor=color, linewidth=width))
    return figure
