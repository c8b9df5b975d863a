"""A number by class over the size of the class, every seed shown: what a long tail does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.viz.charts.curves import add_curve
from udalib.viz.theme import Picture, new_figure, shorten, tidy


def precision_figure(
    series: Mapping[str, Sequence[Tensor]], counts: Sequence[int], names: Sequence[str], *, ylabel: str, title: str = ""
) -> Picture:
    """Draw each name's seeds, (C,) a seed in [0, 1], in percent over the classes from head to tail, and their mean.

    A name with one value a class, such as chance, is drawn without a count of seeds.

    Raises:
        ConfigError: no series, or one with another number of classes.
    """
    given = [value for seeds in series.values() for value in seeds]
    if not given or any(len(value) != len(counts) for value in given) or len(names) != len(counts):
        raise ConfigError(f"give one or more seeds of {len(counts)} classes, and {len(counts)} names.")
    order = sorted(range(len(counts)), key=lambda c: -counts[c])
    figure, (axes,) = new_figure(8.4, 3.7)
    places = np.arange(len(counts), dtype=float)
    for index, (name, seeds) in enumerate(series.items()):
        each = "seed" if len(seeds) > 1 else ""
        add_curve(axes, index, name, [(places, 100 * value[order].double().numpy()) for value in seeds], each)
    short = shorten([names[c] for c in order], 11)
    texts = [f"{name}\n{counts[c]}" for name, c in zip(short, order, strict=True)]
    axes.set_xticks(places, texts, fontsize=8)
    axes.set(ylabel=ylabel, title=title, xlabel="class and its training pictures")
    axes.legend(fontsize=8)
    tidy(axes, grid="y")
    return figure
