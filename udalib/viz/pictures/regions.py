"""Regions of a picture marked by outline, hatch and text, so that no reader depends on colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.viz.pictures.labels import inner_point, to_numpy


def outline(axes: Axes, mask: Any, width: float = 1.2) -> None:
    """Draw the border of ``mask``, bool (H, W), as a white line with a black rim."""
    area = _as_bool(mask)
    if area.all() or not area.any():
        return
    # One more pixel all around, so that a region that ends at the image's border is closed there.
    padded = np.pad(area, 1).astype(float)
    rows, columns = (np.arange(side) - 1.0 for side in padded.shape)
    for color, line in (("black", 2.4 * width), ("white", width)):
        axes.contour(columns, rows, padded, levels=[0.5], colors=color, linewidths=line)
    _keep_view(axes, area)


def hatch(axes: Axes, mask: Any, pattern: str = "///") -> None:
    """Hatch ``mask``, bool (H, W), in white over what the axes show."""
    area = _as_bool(mask)
    if not area.any():
        return
    drawn = axes.contourf(area.astype(float), levels=[0.5, 1.5], colors="none", hatches=[pattern], extend="neither")
    drawn.set(edgecolor="white", linewidth=0.0)
    _keep_view(axes, area)


def write_inside(axes: Axes, mask: Any, text: str, min_pixels: int = 40) -> None:
    """Write ``text`` deep inside the largest part of ``mask``, unless that is too small to hold it."""
    area = _as_bool(mask)
    if area.sum() < min_pixels:
        return
    row, column = inner_point(area)
    box = {"facecolor": "white", "alpha": 0.85, "pad": 1.5, "linewidth": 0}
    axes.text(column, row, text, ha="center", va="center", fontsize=8, color="black", bbox=box)


def _as_bool(mask: Any) -> NDArray[np.bool_]:
    return np.asarray(to_numpy(mask), dtype=bool)


def _keep_view(axes: Axes, area: NDArray[np.bool_]) -> None:
    axes.set(xlim=(-0.5, area.shape[1] - 0.5), ylim=(area.shape[0] - 0.5, -0.5))
