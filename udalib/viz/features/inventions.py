"""What t-SNE invents: clouds of known shape beside their picture, with what the picture kept in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from udalib.analysis.features import Tsne, neighbour_overlap, principal, tsne
from udalib.analysis.features.embedding.clouds import CLOUDS, distance_ratio, draw_clouds, width_ratio
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Stops
from udalib.viz.features.marks import SHAPES
from udalib.viz.theme import COLORS, Picture, new_figure

STARTS = ("PCA", "random, seed 0", "random, seed 1", "random, seed 2")
K = 10
"""Neighbours that are compared."""


def inventions_figure(name: str, settings: Tsne = Tsne(), points: int = 150) -> Picture:  # noqa: B008 (immutable)
    """Draw clouds of known shape in the plane of their first two principal components, and their t-SNE beside it.

    Below each: how much wider the widest cloud is than the narrowest, and the largest distance of two centres over the
    smallest, where there are enough clouds; below the t-SNE, how many of the nearest neighbours it kept.

    Args:
        name: of :data:`udalib.analysis.features.CLOUDS`.
        settings: of the t-SNE.
        points: about how many.

    Raises:
        UnknownNameError: no such clouds.
        DataError: too few points for the perplexity.
    """
    vectors, groups = draw_clouds(name, points)
    picture = tsne(vectors, settings)
    figure, (left, right) = new_figure(10.4, 4.3, 1, 2)
    _panel(left, principal(vectors, 2), groups, "the data: its first two principal components")
    left.set_xlabel(_proportions(vectors, groups) or "nothing but noise", fontsize=9)
    title = f"t-SNE, perplexity {settings.perplexity:g}, {settings.iterations} iterations"
    _panel(right, picture, groups, title)
    kept = f"of the {K} nearest neighbours kept: {neighbour_overlap(vectors, picture, K):.2f} (0 = chance)"
    right.set_xlabel("\n".join(filter(None, (_proportions(picture, groups), kept))), fontsize=9)
    return figure


class InventionsExplorer(Explorer):
    """Clouds of known shape and their t-SNE.

    Controls: ``data``; ``perplexity``; ``start``, PCA or one of three random ones; ``iterations``.
    """

    def __init__(self, points: int = 150, title: str = "What does t-SNE make of clouds that we know?") -> None:
        def figure(data: str, perplexity: float, start: str, iterations: float) -> Figure:
            return inventions_figure(data, _settings(perplexity, start, iterations), points)

        largest = float((points - 1) // 3)
        stops = tuple(value for value in (2.0, 5.0, 15.0, 30.0) if value < largest)
        controls: dict[str, Control] = {
            "data": Choice("Data", tuple(CLOUDS), next(iter(CLOUDS))),
            "perplexity": Stops("Perplexity", (*stops, largest), stops[-1]),
            "start": Choice("Start", STARTS, STARTS[0]),
            "iterations": Stops("Iterations", (250.0, 500.0, 1000.0), 500.0),
        }
        super().__init__(title, figure, controls, sheet_columns=2)


def _settings(perplexity: float, start: str, iterations: float) -> Tsne:
    if start == STARTS[0]:
        return Tsne(perplexity, int(iterations))
    return Tsne(perplexity, int(iterations), seed=STARTS.index(start) - 1, init="random")


def _panel(axes: Axes, xy: NDArray[np.float64], groups: NDArray[np.int64], title: str) -> None:
    for g in np.unique(groups):
        style: dict[str, Any] = {
            "marker": SHAPES[g],
            "color": COLORS[g],
            "edgecolors": "white",
            "linewidths": 0.4,
            "s": 26,
        }
        axes.scatter(*xy[groups == g].T, **style)
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_color("#BBBBBB")
    axes.set_title(title, fontsize=10)


def _proportions(points: Any, groups: Any) -> str:
    wide, far = width_ratio(points, groups), distance_ratio(points, groups)
    ratios = {"widest : narrowest": wide, "farthest : nearest": far}
    return ",  ".join(f"{name} = {ratio:.1f} : 1" for name, ratio in ratios.items() if ratio)
