"""What plans cost: scores over the number of layers they touch, and over loops and width of the parallel middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from udalib.analysis.layers.scores import normalised_score
from udalib.core.errors import ConfigError, DataError
from udalib.viz.charts.curves import add_reference
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.theme import COLORS, Picture, line_style, new_figure, tidy

Scores = Mapping[int, Sequence[float]]
"""Layers in the middle (N - 2s - 1) -> one raw score a seed."""


def plan_curves(
    scores: Mapping[str, Scores],
    *,
    full: float,
    chance: float = 0.0,
    metric: str = "score",
    raw: bool = False,
    each: str = "seed",
    title: str = "",
) -> Picture:
    """Draw a line a plan over the number of middle layers; where there are several seeds, their mean and range.

    Args:
        scores: plan -> :data:`Scores`, raw.
        full: score of the untouched network.
        chance: score of guessing.
        metric: what the scores are called.
        raw: draw the numbers as they are; by default (score - chance) / (full - chance), with 0 for what is below.
        each: what the several scores at one place are: seeds, draws.
        title: above the picture.

    Raises:
        ConfigError: nothing to draw, or the untouched network is no better than chance.
    """
    if not scores or not all(len(values) and all(values.values()) for values in scores.values()):
        raise ConfigError("give one or more plans, each with a score for at least one number of layers.")
    figure, (axes,) = new_figure(8.6, 4.2)
    ends = (full, chance) if raw else (1.0, 0.0)
    below = False
    for index, (name, values) in enumerate(scores.items()):
        rows = {middle: np.asarray(list(seeds), dtype=np.float64) for middle, seeds in sorted(values.items())}
        if not raw:
            rows = {m: normalised_score(v, full=full, chance=chance) for m, v in rows.items()}
            below |= any(bool((v < 0).any()) for v in rows.values())
            rows = {m: np.maximum(v, 0) for m, v in rows.items()}
        _line(axes, index, name, rows, each)
    add_reference(axes, "untouched network", ends[0])
    add_reference(axes, "chance; what is below is drawn here" if below else "chance", ends[1])
    what = metric if raw else f"{metric}, share of what is above chance"
    axes.set(xlabel="layers in the middle (N - 2s - 1)", ylabel=what, title=title)
    axes.margins(y=0.08)
    axes.set_xticks(sorted({middle for values in scores.values() for middle in values}))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False)
    tidy(axes, grid="y")
    return figure


def _line(axes: Axes, index: int, name: str, rows: Mapping[int, NDArray[np.float64]], each: str) -> None:
    places, style = list(rows), line_style(index)
    most = max(len(values) for values in rows.values())
    label = name if most == 1 else f"{name}\n(mean and range\nof {most} {each}s)"
    means = [float(values.mean()) for values in rows.values()]
    axes.plot(places, means, **style, linewidth=1.8, markersize=5, label=label)
    if most > 1:
        low, high = ([float(end(values)) for values in rows.values()] for end in (np.min, np.max))
        axes.fill_between(places, low, high, color=style["color"], alpha=0.2, linewidth=0)


def loops_figure(
    scores: Any, loops: Sequence[int], widths: Sequence[int], *, metric: str = "score", title: str = ""
) -> Picture:
    """Draw a heat map of scores over loops (upwards) and parallel layers (to the right), the best of a width boxed.

    Args:
        scores: (len(loops), len(widths)); NaN = not run. Of equal scores the one with fewest loops is boxed.
        loops: ascending.
        widths: layers that run in parallel, N - 2s - 1.
        metric: what the scores are called.
        title: above the picture.

    Raises:
        DataError: scores of another shape, or none at all.
    """
    values = np.asarray(to_numpy(scores), dtype=np.float64)
    if values.shape != (len(loops), len(widths)) or not np.isfinite(values).any():
        raise DataError(f"scores must be finite and of shape {(len(loops), len(widths))}, got {values.shape}.")
    figure, (axes,) = new_figure(0.62 * len(widths) + 2.6, 0.42 * len(loops) + 1.5)
    shown = axes.imshow(values, cmap="cividis", aspect="auto", origin="lower")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        text, ink = ("-", "black") if np.isnan(value) else (f"{value:.3g}", "white" if value < middle else "black")
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    for column in np.flatnonzero(np.isfinite(values).any(axis=0)):
        corner = (column - 0.5, int(np.nanargmax(values[:, column])) - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="none", edgecolor=COLORS[5], linewidth=2.5, zorder=3))
    axes.set_xticks(range(len(widths)), [str(width) for width in widths], fontsize=9)
    axes.set_yticks(range(len(loops)), [str(loop) for loop in loops], fontsize=9)
    axes.set(xlabel="parallel layers (N - 2s - 1)", ylabel="loops")
    axes.set_title(title or "best number of loops boxed", fontsize=10)
    figure.colorbar(shown, ax=axes, label=metric)
    return figure
