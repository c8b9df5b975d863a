"""Pictures of what a network looks at: receptive fields and attention maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from udalib.core.errors import DataError
from udalib.viz.pictures.labels import to_hwc, to_numpy
from udalib.viz.theme import Picture, new_figure, show_image


def receptive_field_figure(fields: Mapping[str, Any], *, title: str = "", columns: int = 4) -> Picture:
    """Draw maps (H, W) >= 0, each scaled to its own maximum, on a square-root scale so that the tail shows.

    The white ring encloses the smallest disc about the centre with 90 % of the map's sum, so that the sizes can be
    compared as numbers.
    """
    arrays = {name: to_numpy(value).astype(np.float64) for name, value in fields.items()}
    columns = min(columns, len(arrays))
    rows = -(-len(arrays) // columns)
    height, across = next(iter(arrays.values())).shape
    figure, axes = new_figure(2.9 * columns, (2.9 * height / across + 0.45) * rows, rows, columns)
    for panel, (name, array) in zip(axes, arrays.items(), strict=False):
        radius = energy_radius(array)
        show_image(
            panel, np.sqrt(array / max(np.max(array), 1e-30)), f"{name}\n90 % within {radius:.0f} px", cmap="cividis"
        )
        angle = np.linspace(0, 2 * np.pi, 100)
        row, column = (array.shape[0] - 1) / 2, (array.shape[1] - 1) / 2
        panel.plot(column + radius * np.cos(angle), row + radius * np.sin(angle), color="white", linewidth=1.2)
        panel.set_xlim(-0.5, array.shape[1] - 0.5)
        panel.set_ylim(array.shape[0] - 0.5, -0.5)
    for panel in axes[len(arrays) :]:
        panel.axis("off")
    figure.suptitle(title, fontsize=11)
    return figure


def energy_radius(field: Any, share: float = 0.9) -> float:
    """Radius in pixels of the smallest centred disc that holds ``share`` of the sum of ``field`` (H, W)."""
    array = to_numpy(field).astype(np.float64)
    rows, columns = np.indices(array.shape)
    distance = np.hypot(rows - (array.shape[0] - 1) / 2, columns - (array.shape[1] - 1) / 2).ravel()
    order = np.argsort(distance)
    total = np.cumsum(array.ravel()[order])
    if total[-1] <= 0:
        return 0.0
    return float(distance[order][int(np.searchsorted(total, share * total[-1]))])


def enlarge(values: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize a map (h, w) bilinearly to ``size`` (H, W)."""
    picture = Image.fromarray(np.asarray(values, dtype=np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def attention_figure(image: Any, maps: Mapping[str, Any], query: tuple[float, float]) -> Picture:
    """Draw an image with a query point, and where each attention map (h, w) of that query looks.

    ``query`` is (x, y) in fractions of width and height. The brightness of the yellow is the attention relative to its
    mean over the map: full at four times the mean, or at the maximum if that is larger. So attention that looks
    everywhere alike is evenly dim, and the title says how large its peak is.
    """
    picture = to_hwc(image)
    height, across = picture.shape[:2]
    if not (0 <= query[0] <= 1 and 0 <= query[1] <= 1):
        raise DataError(f"the query point is a fraction of the image, each in [0, 1]; got {query}.")
    columns = min(3, len(maps) + 1)
    rows = -(-(len(maps) + 1) // columns)
    figure, axes = new_figure(3.6 * columns, (3.6 * height / across + 0.3) * rows, rows, columns)
    show_image(axes[0], picture, "image and query point")
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.35
    for panel, (name, values) in zip(axes[1:], maps.items(), strict=False):
        weight = enlarge(to_numpy(values), (height, across))
        weight = weight / max(float(weight.mean()), 1e-30)
        peak = float(np.max(weight))
        light = (weight / max(peak, 4.0))[..., None] * np.asarray([240, 228, 66])
        show_image(panel, np.clip(grey + light, 0, 255).astype(np.uint8), f"{name} (peak {peak:.1f} x mean)")
    for panel in axes[: len(maps) + 1]:
        x, y = query[0] * (across - 1), query[1] * (height - 1)
        panel.plot(x, y, marker="+", markersize=12, markeredgewidth=2.5, color="black")
        panel.plot(x, y, marker="+", markersize=12, markeredgewidth=1.2, color="white")
    for panel in axes[len(maps) + 1 :]:
        panel.axis("off")
    return figure
