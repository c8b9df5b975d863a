"""Something about a neighbourhood against the size of the object it belongs to, every seed shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.theme import MARKERS, Picture, line_style, new_figure, tidy

Points = tuple[Any, Any]
"""Sizes (n,) and values (n,)."""
Means = tuple[NDArray[np.float64], NDArray[np.float64]]
Expected = Callable[[int], float]


def sizes_figure(
    panels: Mapping[str, Sequence[Points]],
    *,
    ylabel: str,
    limits: tuple[float, float],
    expected: Expected | None = None,
    doubling: bool = True,
    title: str = "",
) -> Picture:
    """Draw a panel a name: the points of all seeds, faint, and one line a seed through the means.

    Args:
        panels: name -> one pair of sizes and values a seed.
        ylabel: what the values are.
        limits: fewest and most that the values can be, drawn as dotted lines.
        expected: a curve over whole sizes to draw besides.
        doubling: means of the sizes 1, 2-3, 4-7, ...; False: of each size, where there are few.
        title: above the panels.

    Raises:
        ConfigError: no panel, or no point in one.
    """
    if not panels or any(not len(sizes) for seeds in panels.values() for sizes, _ in seeds):
        raise ConfigError("there are no points to draw; give sizes and values of one seed at least in every panel.")
    figure, axes = new_figure(4.4 * len(panels), 3.5, 1, len(panels), sharey=True, sharex=True)
    largest = max(int(np.max(to_numpy(sizes))) for seeds in panels.values() for sizes, _ in seeds)
    for panel, (name, seeds) in zip(axes, panels.items(), strict=True):
        _draw(panel, seeds, mean_by_doubling if doubling else mean_by_size)
        for limit in limits:
            panel.axhline(limit, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
        if expected is not None:
            across = np.unique(np.geomspace(1, largest, 40).round().astype(int))
            style: dict[str, Any] = {"color": "black", "linewidth": 1.2, "linestyle": (0, (4, 2))}
            panel.plot(across, [expected(int(n)) for n in across], label="by chance alone", **style)
        panel.set_xscale("log", base=2)
        panel.set_xlabel("sources that show the object")
        panel.set_title(name, fontsize=10)
        panel.legend(fontsize=7)
        tidy(panel, grid="y")
    axes[0].set_ylabel(ylabel)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def mean_by_doubling(sizes: Any, values: Any) -> Means:
    """Mean size and mean value of the sizes 1, 2-3, 4-7, 8-15, ...; doublings without a point are left out.

    >>> [each.tolist() for each in mean_by_doubling([1, 2, 3, 9], [5.0, 6.0, 8.0, 1.0])]
    [[1.0, 2.5, 9.0], [5.0, 7.0, 1.0]]
    """
    size, value = (np.asarray(to_numpy(each), dtype=np.float64) for each in (sizes, values))
    place = np.floor(np.log2(size)).astype(int)
    bins = np.unique(place)
    return np.array([size[place == b].mean() for b in bins]), np.array([value[place == b].mean() for b in bins])


def mean_by_size(sizes: Any, values: Any) -> Means:
    """The sizes that there are, and the mean value of each."""
    size, value = (np.asarray(to_numpy(each), dtype=np.float64) for each in (sizes, values))
    found = np.unique(size)
    return found, np.array([value[size == each].mean() for each in found])


def _draw(axes: Axes, seeds: Sequence[Points], mean: Callable[[Any, Any], Means]) -> None:
    random = np.random.default_rng(0)
    for number, (sizes, values) in enumerate(seeds):
        style = line_style(number)
        x, y = (np.asarray(to_numpy(each), dtype=np.float64) for each in (sizes, values))
        shift = random.uniform(-0.25, 0.25, (2, len(x)))  # many points share a place
        spread = 0.6 * (np.ptp(y) / 20 if np.ptp(y) else 0.1)
        faint: dict[str, Any] = {"s": 5, "alpha": 0.25, "linewidths": 0, "marker": MARKERS[number % len(MARKERS)]}
        axes.scatter(x * 2 ** shift[0], y + spread * shift[1], color=style["color"], **faint)
        axes.plot(*mean(x, y), **style, markersize=5, linewidth=1.5, label=f"run {number + 1}, mean")
