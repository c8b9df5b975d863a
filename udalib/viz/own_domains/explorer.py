"""The explorer of label files: another reading of the ids, ids left out, another size of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Several, Slider, Stops
from udalib.viz.own_domains.label_view import label_figure, seen

SIDES = (16, 32, 64, 128)


class LabelExplorer(Explorer):
    """What a training sees of image and label files, by what their ids are taken to mean.

    Args:
        images: uint8 (3, H, W) each, any sizes.
        ids: (H, W) each, as the files store them.
        readings: title to {raw id: class name}; ids without a name are ignored.
        sides: of the square crop of a training.

    Controls: ``reading``, ``ignored`` ids, ``side``, ``alpha``, ``index`` of the image.

    Raises:
        ConfigError: no image, images and labels that differ in number, or a reading without classes.
    """

    def __init__(
        self,
        images: Sequence[Tensor],
        ids: Sequence[NDArray[np.integer]],
        readings: Mapping[str, Mapping[int, str]],
        *,
        sides: Sequence[int] = SIDES,
    ) -> None:
        if not images or len(images) != len(ids):
            raise ConfigError(f"there are {len(images)} images and {len(ids)} labels; give as many, at least one.")
        if not readings or not all(readings.values()):
            raise ConfigError("each reading of the ids is {raw id: class name} with at least one class; one has none.")
        present = sorted({int(raw) for each in ids for raw in np.unique(each)})
        titles = tuple(readings)

        def figure(reading: str, ignored: tuple[str, ...], side: int, alpha: float, index: int) -> Figure:
            view = seen(images[index], ids[index], readings[reading], int(side), [int(raw) for raw in ignored])
            return label_figure(images[index], ids[index], view, alpha)

        controls: dict[str, Control] = {
            "reading": Choice("Ids to classes", titles, titles[0]),
            "ignored": Several("Ids to ignore as well", tuple(map(str, present))),
            "side": Stops("Side of the training's crop", tuple(map(float, sides)), float(sides[len(sides) // 2])),
            "alpha": Slider("Opacity", 0.0, 1.0, 0.25, 0.5),
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
        }
        super().__init__("What is in your labels", figure, controls, sheet_columns=1)
