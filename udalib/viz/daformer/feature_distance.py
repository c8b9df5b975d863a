"""DAFormer's feature distance in pictures: which positions count as things, and how far features moved there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import DataError
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops.feature_distance import pool_label, thing_mask
from udalib.viz.pictures.labels import colorize, to_hwc, to_numpy, write_names
from udalib.viz.pictures.regions import hatch, outline
from udalib.viz.theme import Picture, bar_style, new_figure, show_image, tidy


def feature_distance_figure(
    image: Any,
    label: Any,
    space: LabelSpace,
    *,
    scale: int = 32,
    classes: Sequence[int] | None = None,
    min_ratio: float = 0.75,
    distance: Any = None,
    limit: float | None = None,
    title: str = "",
) -> Picture:
    """Draw an image, its label, the label pooled in blocks, and the positions at which the feature distance counts.

    Args:
        image: (3, H, W) or (H, W, 3).
        label: train ids (H, W).
        space: of the ids.
        scale: side of a block in pixels, the stride of the features; H and W are multiples of it.
        classes: ids that count; by default the things of ``space``.
        min_ratio: share of a block that its class must cover.
        distance: L2 distance of the features to the reference at each position, (H / scale, W / scale), for two
            more panels: the map, whose title has the mean over what counts (the loss before its factor), and by class.
        limit: upper end of the distances' colours, to compare pictures; by default the largest.
        title: above the panels.

    Raises:
        DataError: ``scale`` does not divide the image, or the distance has another size.
    """
    truth = torch.as_tensor(to_numpy(label)).long()
    size = _positions(truth, scale)
    chosen = space.things if classes is None else tuple(classes)
    pooled = pool_label(truth[None], space.num_classes, scale, min_ratio)[0]
    mask = thing_mask(truth[None], size, chosen, min_ratio, space.num_classes)[0]
    rows, columns = (1, 4) if distance is None else (2, 3)
    tall = 12.2 / columns * truth.shape[0] / truth.shape[1] + (0.38 if distance is None else 0.55)
    figure, axes = new_figure(12.6, rows * tall + 0.25 * bool(title), rows, columns)
    show_image(axes[0], to_hwc(image), "image")
    show_image(axes[1], colorize(truth, space), "label")
    write_names(axes[1], truth, space)
    _pooled(axes[2], pooled, space, truth.shape, f"label in blocks of {scale}; black: no class >= {min_ratio:g}")
    _things(axes[3], image, mask, scale)
    if distance is not None:
        values = to_numpy(distance).astype(np.float64)
        _distance(axes[4], values, mask.numpy(), scale, limit)
        _by_class(axes[5], values, pooled.numpy(), space, chosen, limit)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _positions(label: Tensor, scale: int) -> tuple[int, int]:
    height, width = label.shape
    if height % scale or width % scale:
        raise DataError(f"blocks of {scale} do not divide a label of {height} x {width}; crop it or change the scale.")
    return height // scale, width // scale


def _enlarged(cells: Any, scale: int) -> NDArray[Any]:
    return np.kron(to_numpy(cells), np.ones((scale, scale), dtype=int))


def _pooled(axes: Axes, pooled: Tensor, space: LabelSpace, size: Sequence[int], title: str) -> None:
    shown = _enlarged(pooled, size[0] // pooled.shape[0])
    show_image(axes, colorize(shown, space), title)
    write_names(axes, np.where(shown == IGNORE_INDEX, -1, shown), space)


def _things(axes: Axes, image: Any, mask: Tensor, scale: int) -> None:
    """The image, pale but where positions count; those outlined."""
    area = _enlarged(mask, scale).astype(bool)
    picture = to_hwc(image).astype(float)
    pale = np.where(area[..., None], picture, 0.3 * picture + 0.7 * 255)
    count = int(mask.sum())
    share = f"{count} of {mask.numel()} positions count" if count else "no position counts: the loss is 0"
    show_image(axes, pale.astype(np.uint8), share)
    outline(axes, area)


def _distance(
    axes: Axes, values: NDArray[np.float64], mask: NDArray[np.bool_], scale: int, limit: float | None
) -> None:
    if values.shape != mask.shape:
        raise DataError(f"distances {values.shape} do not fit the {mask.shape} positions of blocks of {scale} pixels.")
    shown = show_image(axes, np.kron(values, np.ones((scale, scale))), cmap="cividis", vmin=0, vmax=limit)
    mean = f"where it counts {values[mask].mean():.2f}" if mask.any() else "nothing counts"
    axes.set_title(f"L2 distance, mean: {mean}, everywhere {values.mean():.2f}", fontsize=10)
    hatch(axes, _enlarged(~mask, scale), "//")
    outline(axes, _enlarged(mask, scale))
    bar = axes.figure.colorbar(shown.images[0], ax=axes, location="bottom", shrink=0.8, pad=0.02, aspect=35)
    bar.set_label("distance (hatched: does not count)", fontsize=8)


def _by_class(
    axes: Axes,
    values: NDArray[np.float64],
    pooled: NDArray[Any],
    space: LabelSpace,
    chosen: Sequence[int],
    limit: float | None,
) -> None:
    """Mean distance of the positions of each pooled class; those that count are plain, the others hatched."""
    ids = [c for c in range(space.num_classes) if (pooled == c).any()]
    for place, c in enumerate(ids):
        mean = values[pooled == c].mean()
        axes.barh(place, mean, **bar_style(0 if c in chosen else 1))
        axes.text(mean, place, f" {mean:.2f} ({(pooled == c).sum()})", va="center", fontsize=7)
    axes.set_yticks(range(len(ids)), [space.names[c] for c in ids], fontsize=8)
    axes.set(xlim=(0, 1.3 * (limit or values.max() or 1)), ylim=(len(ids) - 0.4, -0.6), xlabel="mean L2 distance")
    axes.set_title("by pooled class (positions); hatched: does not count", fontsize=10)
    tidy(axes, grid="x")
