"""The same points at several perplexities with several seeds, and how many neighbours stay."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import SubFigure

from udalib.analysis.features import PixelFeatures, Stability
from udalib.core.errors import DataError
from udalib.viz.features.marks import SHAPES, write_classes
from udalib.viz.theme import Picture, new_figure


def stability_figure(result: Stability, features: PixelFeatures, *, title: str = "") -> Picture:
    """Draw a row a perplexity and a column a seed, and beside them the shared neighbours of each pair of pictures.

    Colours and names are classes, shapes domains, as in the atlas; pictures are turned onto the first.

    Raises:
        DataError: ``result`` is of other points than ``features``.
    """
    if len(result.pictures[0]) != len(features.points):
        raise DataError(f"{len(result.pictures[0])} embedded points and {len(features.points)} features do not fit.")
    perplexities, seeds = (list(dict.fromkeys(values)) for values in zip(*result.settings, strict=True))
    across, down = len(seeds), len(perplexities)
    figure, (left, right) = _parts(across, down)
    grid = left.subplots(down, across, squeeze=False)
    colors = features.space.palette[features.points.label] / 255
    for axes, xy, (perplexity, seed), trust in zip(
        grid.ravel(), result.pictures, result.settings, result.trust, strict=True
    ):
        for number in range(len(features.domains)):
            mine = features.points.domain == number
            axes.scatter(*xy[mine].T, c=colors[mine], marker=SHAPES[number % len(SHAPES)], s=7, linewidths=0)
        write_classes(axes, xy, features.points.label, features.space.names, size=5)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#BBBBBB")
        axes.set_title(f"perplexity {perplexity:g}, seed {seed:g}\ntrustworthiness {trust:.2f}", fontsize=7.5)
    _matrix(right, result)
    figure.suptitle(
        title or f"shared neighbours of two pictures: {result.score:.2f} (1 = all, 0 = chance)", fontsize=11
    )
    return figure


def _parts(across: int, down: int) -> tuple[Picture, list[SubFigure]]:
    width, side = 2.3 * across, max(2.35 * down, 3.6)
    figure, _ = new_figure(width + 4.6, side + 0.4, 1, 1)
    figure.clear()
    left, right = np.atleast_1d(figure.subfigures(1, 2, width_ratios=(width, 4.6), squeeze=False)).ravel().tolist()
    return figure, [left, right]


def _matrix(figure: SubFigure, result: Stability) -> None:
    axes = figure.subplots()
    shown = axes.imshow(result.overlap, cmap="cividis", vmin=0, vmax=1)
    names = [f"{perplexity:g} / {seed:g}" for perplexity, seed in result.settings]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    for (row, column), value in np.ndenumerate(result.overlap):
        ink = "black" if value > 0.6 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=ink)
    parts = {"seed alone": result.over_seeds, "perplexity alone": result.over_perplexities}
    lines = [f"{name} differs: {value:.2f}" for name, value in parts.items() if np.isfinite(value)]
    axes.set_title(f"{result.k} nearest neighbours that two pictures share\n" + ", ".join(lines), fontsize=8)
    axes.set_xlabel("perplexity / seed", fontsize=8)
    figure.colorbar(shown, ax=axes, shrink=0.75)
