"""One point of an embedding shown where it comes from: its image, its cell, and what each run says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from udalib.analysis.features import PixelFeatures
from udalib.core.errors import ConfigError
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import Picture, new_figure, show_image

Box = tuple[float, float, float, float]


def point_figure(features: PixelFeatures, point: int, runs: Sequence[str] | None = None) -> Picture:
    """Draw the image of one point with its cell outlined, the neighbourhood of the cell enlarged, and predictions."""
    figure, _ = new_figure(12.6, 2.5, 1, 1)
    figure.clear()
    draw_point(figure, features, point, features.runs if runs is None else runs)
    return figure


def draw_point(figure: FigureBase, features: PixelFeatures, point: int, runs: Sequence[str]) -> None:
    """Fill an empty figure, or part of one; see :func:`point_figure`."""
    image, box, window = located(features, point)
    whole, near, words = figure.subplots(1, 3, width_ratios=(1.9, 1.0, 1.5))
    shown = features.images[features.points.image[point]]
    show_image(whole, image, f"point {point}: {shown.name}")
    show_image(near, image, "its neighbourhood")
    near.set(xlim=(window[2] - 0.5, window[3] - 0.5), ylim=(window[1] - 0.5, window[0] - 0.5))
    for axes in (whole, near):
        _outline(axes, box)
    words.axis("off")
    text = "\n".join(point_lines(features, point, runs))
    words.text(0, 0.5, text, transform=words.transAxes, va="center", fontsize=9, linespacing=1.5)


def point_lines(features: PixelFeatures, point: int, runs: Sequence[str]) -> list[str]:
    """What is known of a point: domain and class, then what each run predicts and how sure it is."""
    points, names = features.points, features.space.names
    lines = [f"{features.domains[points.domain[point]]}, class {names[points.label[point]]}"]
    for run in runs:
        predicted, confidence = (part[point] for part in features.answers[run])
        verdict = "right" if predicted == points.label[point] else "WRONG"
        lines.append(f"{run}: {names[predicted]}, {100 * confidence:.0f} % sure, {verdict}")
    return lines


def located(features: PixelFeatures, point: int, context: float = 6.0) -> tuple[NDArray[np.uint8], Box, Box]:
    """Image (H, W, 3) of a point, its cell, and a window around the cell; both (top, bottom, left, right) in pixels.

    The window is square where the image allows, ``context`` cells wide and 24 pixels at least.

    Raises:
        ConfigError: there is no such point.
    """
    if not 0 <= point < len(features.points):
        raise ConfigError(f"there is no point {point}; they are numbered 0 to {len(features.points) - 1}.")
    shown = features.images[features.points.image[point]]
    image = to_hwc(shown.image)
    factors = np.repeat([image.shape[i] / shown.size[i] for i in (0, 1)], 2)
    top, bottom, left, right = (features.points.box[point] * factors).tolist()
    half = max(context * max(bottom - top, right - left), 24.0) / 2
    rows = _around((top + bottom) / 2, half, image.shape[0])
    columns = _around((left + right) / 2, half, image.shape[1])
    return image, (top, bottom, left, right), (*rows, *columns)


def _around(middle: float, half: float, side: int) -> tuple[float, float]:
    """A stretch of 2 ``half`` about ``middle``, moved inside 0 .. ``side``; all of it if it is longer."""
    start = min(max(middle - half, 0.0), max(side - 2 * half, 0.0))
    return start, min(start + 2 * half, float(side))


def _outline(axes: Axes, box: Box) -> None:
    top, bottom, left, right = box
    place: dict[str, Any] = {"xy": (left - 0.5, top - 0.5), "width": right - left, "height": bottom - top}
    for color, width in (("black", 3.2), ("white", 1.4)):
        axes.add_patch(Rectangle(**place, fill=False, edgecolor=color, linewidth=width))
