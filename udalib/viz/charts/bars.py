"""Groups of bars, one bar a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from udalib.core.errors import ConfigError
from udalib.viz.theme import Picture, bar_style, new_figure, tidy


def grouped_bars(series: Mapping[str, Sequence[float]], groups: Sequence[str], **labels: Any) -> Picture:
    """Draw one group of bars for each name in ``groups``, with one bar a series.

    Args:
        series: name -> one value a group.
        groups: texts below the groups.
        labels: for ``axes.set``: ``title``, ``ylabel``, ``yscale``, ``ylim``.

    Raises:
        ConfigError: no series, or one that has not one value a group.
    """
    if not series or any(len(values) != len(groups) for values in series.values()):
        raise ConfigError(f"give one or more series of {len(groups)} values, one a group.")
    figure, (axes,) = new_figure(6.5, 3.2)
    width = 0.8 / len(series)
    for index, (name, values) in enumerate(series.items()):
        places = [group + (index + 0.5) * width - 0.4 for group in range(len(groups))]
        axes.bar(places, values, width=0.95 * width, label=name, **bar_style(index))
    axes.set_xticks(range(len(groups)), groups)
    axes.set(**labels)
    axes.legend(fontsize=8)
    tidy(axes, grid="y")
    return figure
