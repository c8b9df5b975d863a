"""Points of an embedding as marks: colour says one thing, and a shape, a name or a size says it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from udalib.analysis.features import Atlas
from udalib.viz.theme import COLORS, shorten

VIEWS = ("class", "domain", "error")
"""What colour can stand for."""
SHAPES = ("o", "^", "s", "D", "v", "P")
"""One a domain."""
RIGHT, WRONG = "#C8C8C8", COLORS[5]
HALO = [patheffects.withStroke(linewidth=2.2, foreground="white")]


def draw_points(axes: Axes, atlas: Atlas, key: tuple[str, str], view: str, shown: NDArray[np.bool_]) -> None:
    """Scatter the ``shown`` points (N,) of one layer of one run, coloured by ``view``."""
    features, xy = atlas.features, atlas.coordinates[key]
    wrong = features.wrong(key[0])
    for number in range(len(features.domains)):
        mine = shown & (features.points.domain == number)
        style: dict[str, Any] = {
            "marker": SHAPES[number % len(SHAPES)],
            "s": 17,
            "linewidths": 0.4,
            "edgecolors": "#333333",
        }
        if view == "error":
            axes.scatter(*xy[mine & ~wrong].T, color=RIGHT, zorder=2, **{**style, "edgecolors": "white"})
            axes.scatter(*xy[mine & wrong].T, color=WRONG, zorder=3, **{**style, "s": 26, "edgecolors": "black"})
        elif view == "class":
            colors = features.space.palette[features.points.label[mine]] / 255
            axes.scatter(xy[mine, 0], xy[mine, 1], c=colors, zorder=2, **style)
        else:
            axes.scatter(*xy[mine].T, color=COLORS[number], zorder=2, alpha=0.8, **style)
    if view != "domain":
        write_classes(axes, xy[shown], features.points.label[shown], features.space.names)


def write_classes(
    axes: Axes, xy: NDArray[np.float64], label: NDArray[np.int64], names: Sequence[str], size: float = 7
) -> None:
    """Write each class's name at its most central point, moved up or down where another name stands in the way."""
    low, high = axes.get_ylim()
    line, taken = (high - low) * 0.0064 * size, np.zeros((0, 2))
    width = np.ptp(axes.get_xlim()) * 0.028 * size
    for c in np.unique(label):
        mine = xy[label == c]
        x, y = mine[np.abs(mine[:, None] - mine[None]).sum(axis=2).sum(axis=1).argmin()]
        tries = [y + sign * step * line for step in range(4) for sign in (1, -1)]
        free = (t for t in tries if not ((abs(taken - (x, t)) < (width, line)).all(axis=1)).any())
        y = next(free, y)
        taken = np.vstack([taken, (x, y)])
        axes.text(
            x, y, shorten([names[c]], 13)[0], fontsize=size, ha="center", va="center", path_effects=HALO, zorder=5
        )


def ring(axes: Axes, place: NDArray[np.float64]) -> None:
    """Mark one point (2,) by a ring that no other mark resembles."""
    axes.plot(*place, "o", markersize=13, markerfacecolor="none", markeredgecolor="white", markeredgewidth=4, zorder=6)
    axes.plot(*place, "o", markersize=13, markerfacecolor="none", markeredgecolor="black", markeredgewidth=2, zorder=7)


def legend_marks(atlas: Atlas, view: str, classes: Sequence[int]) -> list[Any]:
    """Handles for a legend of ``view``."""
    features = atlas.features
    dots: dict[str, Any] = {"linestyle": "", "markersize": 6, "markeredgecolor": "#333333", "markeredgewidth": 0.5}
    domains = [
        Line2D(
            [], [], marker=SHAPES[i % len(SHAPES)], color=COLORS[i] if view == "domain" else "white", label=name, **dots
        )
        for i, name in enumerate(features.domains)
    ]
    if view == "class":
        palette = features.space.palette / 255
        return [
            *domains,
            *(Patch(facecolor=palette[c], edgecolor="#333333", label=features.space.names[c]) for c in classes),
        ]
    if view == "error":
        large: dict[str, Any] = {**dots, "markersize": 8, "markeredgecolor": "black"}
        wrong = Line2D([], [], marker="o", color=WRONG, label="large, dark rim: predicted wrongly", **large)
        return [*domains, wrong, Line2D([], [], marker="o", color=RIGHT, label="small, pale: right", **dots)]
    return domains
