"""One image and its label file: the ids as stored, the classes that a training sees at its size, and their shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import DataError
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace, label_space, listed, lookup_table
from udalib.data.transforms.geometry import size_of
from udalib.data.transforms.spatial import SameArea
from udalib.viz.pictures.labels import overlay, to_hwc, write_names
from udalib.viz.theme import Picture, bar_style, new_figure, show_image, tidy

IGNORED = "ignored"
LEAST = 0.01
"""Percent at the left end of the bars."""
MOST_IDS = 8
"""Ids that a title lists."""


@dataclass(frozen=True)
class LabelView:
    """What a training sees of an image.

    Attributes:
        space: the classes.
        image: uint8 (3, h, w) at the size of training.
        label: train ids (h, w) at that size.
        stored: share of the pixels of the file by class, in the order of the train ids, then of the ignored ones.
        trained: the same of ``label``.
    """

    space: LabelSpace
    image: Tensor
    label: Tensor
    stored: NDArray[np.float64]
    trained: NDArray[np.float64]


def seen(
    image: Tensor,
    ids: NDArray[np.integer],
    classes: Mapping[int, str],
    side: int | None = None,
    ignored: Sequence[int] = (),
) -> LabelView:
    """Map and shrink one image and its label as a training does.

    Args:
        image: uint8 (3, H, W).
        ids: (H, W) as the label file stores them, up to 16 bits.
        classes: raw id to name; ids of one name are one class, others are ignored.
        side: of the square crop, hence of the area 2 side^2 to which images are brought; None = their own size.
        ignored: raw ids that are no class all the same.

    Raises:
        DataError: image and label differ in size.
    """
    if tuple(image.shape[-2:]) != ids.shape:
        raise DataError(f"image {tuple(image.shape[-2:])} and label {ids.shape} differ in size; they do not belong.")
    names = tuple(dict.fromkeys(classes.values()))
    kept = {raw: names.index(name) for raw, name in classes.items() if raw not in ignored}
    table = lookup_table(kept, entries=65536)
    label = torch.from_numpy(table[ids])
    batch = {"image": image[None], "label": label[None]}
    if side is not None and size_of(batch) != (side, 2 * side):
        batch = SameArea((side, 2 * side))(batch, Draws.for_batch(0, "view", 0, [0]))
    small = batch["label"][0]
    return LabelView(label_space(listed(names)), batch["image"][0], small, shares(label, names), shares(small, names))


def shares(label: Tensor, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Share of each class, and of what is ignored, in a label of train ids (H, W): float64 (C + 1,)."""
    counts = torch.bincount(label.flatten().long(), minlength=IGNORE_INDEX + 1).double().numpy()
    return np.asarray(np.append(counts[: len(names)], counts[IGNORE_INDEX]) / counts.sum())


def label_figure(image: Tensor, ids: NDArray[np.integer], view: LabelView, alpha: float = 0.5) -> Picture:
    """Draw the image, the ids as stored, the classes over the image at the training's size, and the shares.

    Args:
        image: uint8 (3, H, W) as stored.
        ids: (H, W) as stored.
        view: of the same image, see :func:`seen`.
        alpha: opacity of the classes.
    """
    height, width = ids.shape
    rows = 0.42 * (view.space.num_classes + 1) + 1.1
    figure, axes = new_figure(9.0, max(4.2 * 2 * height / width + 1.0, rows), 2, 2)
    show_image(axes[0], to_hwc(image), f"the image, {width} x {height}")
    present, ranks = np.unique(ids, return_inverse=True)
    listed_ids = ", ".join(map(str, present[:MOST_IDS])) + (", ..." if len(present) > MOST_IDS else "")
    show_image(axes[1], ranks.reshape(ids.shape), f"ids in the file: {listed_ids}", cmap="cividis")
    small = f"{view.image.shape[-1]} x {view.image.shape[-2]}"
    show_image(axes[2], overlay(view.image, view.label, view.space, alpha), f"what the training sees, {small}")
    write_names(axes[2], view.label, view.space, min_pixels=max(4, view.label.numel() // 200))
    _bars(axes[3], view)
    return figure


def _bars(axes: Axes, view: LabelView) -> None:
    names = [*view.space.names, IGNORED]
    for series, (title, values) in enumerate((("in the file", view.stored), ("at the training's size", view.trained))):
        places = np.arange(len(names)) - 0.2 + 0.4 * series
        axes.barh(
            places, np.maximum(100 * values - LEAST, 0), left=LEAST, height=0.38, label=title, **bar_style(series)
        )
        for place, value in zip(places, 100 * values, strict=True):
            text = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
            axes.text(max(value, LEAST) * 1.15, place, text, va="center", fontsize=7)
    axes.set(xscale="log", xlim=(LEAST, 400), yticks=range(len(names)), xlabel="percent of the pixels (logarithmic)")
    axes.set_yticklabels(names, fontsize=8)
    axes.invert_yaxis()
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    tidy(axes, grid="x")
