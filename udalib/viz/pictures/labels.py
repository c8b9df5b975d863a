"""Label maps as pictures: colours, overlays, legends, and class names written where the class is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from udalib.core.errors import DataError
from udalib.data.labels import LabelSpace
from udalib.viz.theme import Picture, new_figure, shorten

IGNORE_COLOR = (0, 0, 0)
NAME_SIZE = 6.5
"""Font size of the names on a label map, in points."""

Box = tuple[float, float, float, float]
"""(row, column) of the centre, height and width, all in pixels of the map."""


def to_numpy(value: Any) -> NDArray[Any]:
    """Return a tensor (any device) or array as a NumPy array."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def to_hwc(image: Any) -> NDArray[np.uint8]:
    """Return an image as uint8 (H, W, 3), from (3, H, W) or (H, W, 3), uint8 or float in [0, 1]."""
    array = to_numpy(image)
    if array.ndim == 3 and array.shape[0] == 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] != 3:
        raise DataError(f"an image to show must be (3, H, W) or (H, W, 3), got shape {tuple(array.shape)}.")
    if array.dtype != np.uint8:
        array = (np.clip(array, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(array)


def colorize(label: Any, label_space: LabelSpace) -> NDArray[np.uint8]:
    """Colour an id map (H, W): uint8 (H, W, 3); ids outside the label space, such as 255, are black."""
    ids = to_numpy(label)
    if ids.ndim != 2:
        raise DataError(f"a label to show must be (H, W), got shape {tuple(ids.shape)}.")
    table = np.full((label_space.num_classes + 1, 3), IGNORE_COLOR, dtype=np.uint8)
    table[:-1] = label_space.palette
    known = (ids >= 0) & (ids < label_space.num_classes)
    return np.asarray(table[np.where(known, ids, label_space.num_classes)])


def overlay(image: Any, label: Any, label_space: LabelSpace, alpha: float = 0.5) -> NDArray[np.uint8]:
    """Blend the coloured label over the image, uint8 (H, W, 3); ignored pixels show the image alone."""
    base = to_hwc(image).astype(np.float32)
    ids = to_numpy(label)
    if base.shape[:2] != ids.shape:
        raise DataError(f"image {base.shape[:2]} and label {ids.shape} differ in size; resize one of them first.")
    known = ((ids >= 0) & (ids < label_space.num_classes))[..., None]
    blended = (1 - alpha) * base + alpha * colorize(ids, label_space)
    return np.where(known, blended, base).round().astype(np.uint8)


def present_ids(label: Any, label_space: LabelSpace, min_pixels: int = 1) -> list[int]:
    """Class ids with at least ``min_pixels`` pixels in ``label``, ascending; ignored pixels do not count."""
    ids = to_numpy(label).ravel()
    counts = np.bincount(ids[(ids >= 0) & (ids < label_space.num_classes)], minlength=label_space.num_classes)
    return [int(c) for c in np.flatnonzero(counts >= min_pixels)]


def inner_point(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return (row, column) of a pixel deep inside the largest part of ``mask``: the last one that erosion leaves."""
    depth = _depth(mask)
    rows, columns = np.nonzero(depth == depth.max())
    middle = len(rows) // 2
    return int(rows[middle]), int(columns[middle])


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many erosions each pixel of ``mask`` stands, counted from 1; 0 outside."""
    outside = torch.from_numpy(~mask).float()[None, None]
    depth = mask.astype(np.int64)
    while not (outside == 1).all():
        # Padding counts as outside, so a part that touches the border is eroded from there as well.
        outside = F.max_pool2d(F.pad(outside, (1, 1, 1, 1), value=1.0), 3, stride=1)
        depth += outside[0, 0].numpy() == 0
    return depth


def write_names(axes: Axes, label: Any, label_space: LabelSpace, min_pixels: int = 60) -> None:
    """Write each class's name inside its largest region, so that the map can be read without its colours.

    Small regions choose first; the name of a larger one gives way as far as its region allows.
    """
    ids = to_numpy(label)
    names = shorten(label_space.names, 14)
    taken: list[Box] = []
    for class_id in sorted(present_ids(ids, label_space, min_pixels), key=lambda c: int((ids == c).sum())):
        place = _free_place(ids == class_id, _text_size(axes, names[class_id], ids.shape[1]), taken)
        taken.append(place)
        dark = label_space.palette[class_id].astype(float) @ (0.299, 0.587, 0.114) < 128
        ink, halo = ("white", "black") if dark else ("black", "white")
        box = {"facecolor": halo, "alpha": 0.35, "pad": 0.8, "linewidth": 0}
        axes.text(
            place[1], place[0], names[class_id], color=ink, fontsize=NAME_SIZE, ha="center", va="center", bbox=box
        )


def _text_size(axes: Axes, text: str, across: int) -> tuple[float, float]:
    """Rough (height, width) of a written name in pixels of a map that is ``across`` pixels wide."""
    inches = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    point = across / max(72 * inches, 1e-6)
    return 1.5 * NAME_SIZE * point, (0.6 * len(text) + 0.5) * NAME_SIZE * point


def _free_place(mask: NDArray[np.bool_], size: tuple[float, float], taken: Sequence[Box]) -> Box:
    """Box (row, column, height, width) of a name: about the deepest pixel of ``mask`` where no taken box is in the way.

    If there is none, the deepest pixel of all; the box never leaves the map.
    """
    height, width = size
    places = np.indices(mask.shape)
    rows = np.clip(places[0], height / 2, max(mask.shape[0] - height / 2, height / 2))
    columns = np.clip(places[1], width / 2, max(mask.shape[1] - width / 2, width / 2))
    free = mask.copy()
    for row, column, high, wide in taken:
        free &= (abs(rows - row) >= (height + high) / 2) | (abs(columns - column) >= (width + wide) / 2)
    depth = _depth(mask)
    if free.any():
        depth[~free] = 0
    best = np.argwhere(depth == depth.max())
    y, x = (int(index) for index in best[len(best) // 2])
    return float(rows[y, x]), float(columns[y, x]), height, width


def legend(label_space: LabelSpace, ids: Sequence[int] | None = None, columns: int = 7) -> Picture:
    """Figure of colour patches with "id name" beside each; ``ids`` limits it to some classes."""
    shown = list(range(label_space.num_classes)) if ids is None else list(ids)
    rows = -(-len(shown) // columns)
    figure, (axes,) = new_figure(1.5 * min(columns, len(shown)) + 0.3, 0.25 * rows + 0.2)
    axes.axis("off")
    patches = [
        Patch(facecolor=label_space.palette[i] / 255.0, edgecolor="black", label=f"{i} {label_space.names[i]}")
        for i in shown
    ]
    axes.legend(handles=patches, ncols=columns, loc="center", frameon=False, fontsize=8, handlelength=1.2)
    return figure
