"""What a discriminator says at each position of an image, and what it looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import colorize, to_hwc, to_numpy, write_names
from udalib.viz.theme import Picture, new_figure, show_image

VERDICT_COLORS = "PuOr_r"  # violet = source, orange = target, white = undecided; safe for colour-blind readers
Verdict = tuple[Any, Any]
"""Predicted train ids (H, W), and the probability (h, w) that each position comes from the target."""


def verdict(
    image: Any,
    label_map: Any,
    probability: Any,
    space: LabelSpace,
    *,
    position: tuple[int, int] | None = None,
    receptive_field: int = 94,
    title: str = "",
) -> Picture:
    """Draw an image, its predicted label map, and what the discriminator says at each position.

    Args:
        image: (3, H, W) or (H, W, 3).
        label_map: predicted train ids (H, W).
        probability: (h, w) in [0, 1], the probability of "target"; drawn in cells over the image, violet for source,
            orange for target, with the number in percent where the cells are large enough.
        space: names and colours of the ids.
        position: (row, column) of the map; its cell, and the box that it sees on the image and on the label map.
        receptive_field: side of that box in pixels, 94 for five layers, 46, 22 and 10 for four, three and two.
        title: above the panels.
    """
    figure, axes = new_figure(12.6, 12.0 / 3 * _ratio(image) + 0.7, 1, 3)
    _verdict_row(axes, image, (label_map, probability), space, position, receptive_field)
    figure.suptitle(title, fontsize=11)
    return figure


def verdict_before_after(
    image: Any,
    before: Verdict,
    after: Verdict,
    space: LabelSpace,
    *,
    position: tuple[int, int] | None = None,
    receptive_field: int = 94,
    titles: tuple[str, str] = ("before adaptation", "after adaptation"),
) -> Picture:
    """Draw :func:`verdict` of two models, one below the other; ``before`` and ``after`` are (label map, probability).

    Each model is judged by its own discriminator.
    """
    figure, axes = new_figure(12.6, 2 * (12.0 / 3 * _ratio(image) + 0.5), 2, 3)
    for row, (each, title) in enumerate(zip((before, after), titles, strict=True)):
        panels = axes[3 * row : 3 * row + 3]
        _verdict_row(panels, image, each, space, position, receptive_field)
        panels[0].set_ylabel(title, fontsize=10)
    return figure


def _ratio(image: Any) -> float:
    height, width = to_hwc(image).shape[:2]
    return float(height / width)


def _verdict_row(
    axes: Sequence[Axes],
    image: Any,
    pair: Verdict,
    space: LabelSpace,
    position: tuple[int, int] | None,
    receptive_field: int,
) -> None:
    picture, label, probability = to_hwc(image), to_numpy(pair[0]), to_numpy(pair[1]).astype(np.float64)
    _check_verdict(picture, label, probability)
    show_image(axes[0], picture, "image")
    show_image(axes[1], colorize(label, space), "predicted label map")
    write_names(axes[1], label, space)
    _cells(axes[2], picture, probability)
    if position is not None:
        _mark(axes, position, receptive_field, probability.shape, picture.shape[:2])


def _check_verdict(picture: NDArray[np.uint8], label: NDArray[Any], probability: NDArray[np.float64]) -> None:
    if label.shape != picture.shape[:2]:
        raise DataError(f"image {picture.shape[:2]} and label map {label.shape} differ in size; resize one of them.")
    if probability.ndim != 2 or not (np.isfinite(probability) & (probability >= 0) & (probability <= 1)).all():
        raise DataError(
            f"the discriminator's map must be (h, w) of probabilities in [0, 1], got shape {probability.shape}; apply "
            "a sigmoid to raw outputs (Adversarial.verdict does)."
        )


def _cells(axes: Axes, picture: NDArray[np.uint8], probability: NDArray[np.float64]) -> None:
    """The map in cells over the grey image, with numbers if there are at most 16 x 32 of them."""
    height, width = picture.shape[:2]
    rows, columns = probability.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    show_image(axes, picture.mean(axis=2), cmap="gray", vmin=0, vmax=255, extent=extent)
    drawn = axes.imshow(
        probability, cmap=VERDICT_COLORS, vmin=0, vmax=1, extent=extent, alpha=0.75, interpolation="nearest"
    )
    axes.set_title(f"discriminator: mean {probability.mean():.2f}", fontsize=10)
    bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.85, ticks=(0, 0.5, 1))
    bar.ax.set_yticklabels(["0 source", "0.5 undecided", "1 target"], fontsize=7)
    for (row, column), value in np.ndenumerate(probability) if columns <= 16 else ():
        x, y = (column + 0.5) * width / columns - 0.5, (row + 0.5) * height / rows - 0.5
        axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", fontsize=6, color=_ink(value))


def _ink(probability: float) -> str:
    """Readable on the colour of ``probability``: both ends of the colour map are dark."""
    return "white" if abs(probability - 0.5) > 0.35 else "black"


def _mark(
    axes: Sequence[Axes], position: tuple[int, int], side: int, cells: tuple[int, ...], size: tuple[int, ...]
) -> None:
    """Frame the cell of ``position``, and what it sees: a box of ``side`` pixels about the cell's centre."""
    if not all(0 <= p < n for p, n in zip(position, cells, strict=True)):
        raise ConfigError(f"position {position} lies outside the discriminator's map of {cells[0]} x {cells[1]}.")
    step = [pixels / number for pixels, number in zip(size, cells, strict=True)]
    centre = [(p + 0.5) * s - 0.5 for p, s in zip(position, step, strict=True)]
    for panel, (high, wide) in zip(axes, ((side, side), (side, side), step), strict=True):
        corner = (centre[1] - wide / 2, centre[0] - high / 2)
        for color, line in (("black", 3.5), ("white", 1.5)):
            panel.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor=color, linewidth=line))
        panel.set_xlim(-0.5, size[1] - 0.5)
        panel.set_ylim(size[0] - 0.5, -0.5)
