"""Curves over iterations, every seed shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.viz.theme import Picture, line_style, new_figure, tidy

Values = Sequence[float] | NDArray[np.float64]
Curve = tuple[Values, Values]


def curves(
    series: Mapping[str, Sequence[Curve]],
    *,
    xlabel: str = "iteration",
    ylabel: str = "",
    title: str = "",
    logy: bool = False,
    references: Mapping[str, float] | None = None,
    each: str = "seed",
) -> Picture:
    """Draw each name's curves, one thin line a seed, and their mean as a thick line with markers.

    ``series`` maps a name to its seeds' ``(x, y)`` pairs. The mean is drawn only where all seeds share their x.
    ``references`` draws labelled horizontal lines, for example an oracle. ``each`` is what the legend calls a thin
    line, such as "draw" where one network is looked at several times; empty where nothing is random (no count then).
    Where all values are whole numbers, so are the marks of their axis.
    """
    if not series:
        raise ConfigError("there is no curve to draw; give at least one.")
    figure, (axes,) = new_figure(7.0, 3.6)
    for index, (name, seeds) in enumerate(series.items()):
        add_curve(axes, index, name, seeds, each)
    for text, value in (references or {}).items():
        add_reference(axes, text, value)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, yscale="log" if logy else "linear")
    if not logy and all(float(v).is_integer() for seeds in series.values() for _, y in seeds for v in y):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(fontsize=8)
    tidy(axes, grid="y")
    return figure


def add_curve(axes: Axes, index: int, name: str, seeds: Sequence[Curve], each: str = "seed") -> None:
    """Draw series number ``index``: a thin line a seed, and the mean of the seeds thick where they share their x."""
    style = line_style(index)
    thin = {**style, "marker": None, "linewidth": 0.8, "alpha": 0.6}
    pairs = [(np.asarray(x, float), np.asarray(y, float)) for x, y in seeds]
    if not pairs:
        raise ConfigError(f"curve {name!r} has no seed; give at least one (x, y) pair.")
    same = all(np.array_equal(pairs[0][0], x) for x, _ in pairs)
    if len(pairs) > 1 or not same:
        for x, y in pairs:
            axes.plot(x, y, **thin)
    count = f" ({len(pairs)} {each}{'s' if len(pairs) > 1 else ''})" if each else ""
    x, y = (pairs[0][0], np.mean([y for _, y in pairs], axis=0)) if same else pairs[0]
    every = max(1, len(x) // 8)
    axes.plot(x, y, **style, linewidth=1.8, markersize=5, markevery=every, label=f"{name}{count}")


def add_reference(axes: Axes, text: str, value: float, *, below: bool = False) -> None:
    """Draw a dotted horizontal line at ``value`` with ``text`` at its right end, above or below it."""
    axes.axhline(value, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
    side, shift = ("top", -4) if below else ("bottom", 4)  # points that curves along the line leave free
    note = axes.annotate(text, (1.0, value), (0, shift), ("axes fraction", "data"), "offset points")
    note.set(horizontalalignment="right", verticalalignment=side, fontsize=8)


def smooth(values: Sequence[float], window: int) -> NDArray[np.float64]:
    """Running mean over the last ``window`` values (fewer at the start); same length as ``values``."""
    array: NDArray[Any] = np.asarray(values, dtype=np.float64)
    total = np.cumsum(np.concatenate([[0.0], array]))
    end = np.arange(1, len(array) + 1)
    start = np.maximum(end - window, 0)
    return np.asarray((total[end] - total[start]) / (end - start))
