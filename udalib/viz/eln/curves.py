"""Judges of wrong pixels over all their cuts: precision against recall, and F1 against the cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.metrics.error_localization import Positive
from udalib.viz.eln.verdicts import JudgedImages
from udalib.viz.theme import Picture, line_style, new_figure, tidy

RECALLS = np.linspace(0.01, 1, 100)


def judges_figure(seeds: Sequence[JudgedImages], judges: Sequence[str], *, title: str = "") -> Picture:
    """Draw precision over recall of "wrong", and F1 over the cut, of some judges; a thin line a seed, the mean thick.

    The legend gives the mean average precision; a ring marks the best F1 that a cut could reach.

    Raises:
        ConfigError: nothing to draw.
    """
    if not seeds or not judges:
        raise ConfigError("there is no judge to draw; give at least one judge and one seed.")
    figure, axes = new_figure(12.0, 4.0, 1, 2)
    for index, judge in enumerate(judges):
        precision_over_recall(axes[0], index, judge, seeds)
        _f1_over_cut(axes[1], index, judge, seeds)
    axes[0].set(xlabel="recall: wrong pixels that are found, %", ylabel="precision: found that are wrong, %")
    axes[0].set(xlim=(0, 101), ylim=(0, 103), title="over all cuts")
    axes[1].set(xlabel='cut on the probability of "wrong"', ylabel="F1 of wrong pixels, %", xlim=(0, 1), ylim=(0, 103))
    axes[1].set(title="a cut has to be chosen; ring: the best one")
    for panel in axes:
        panel.legend(fontsize=8, loc="upper right")
        tidy(panel, grid="both")
    figure.suptitle(title, fontsize=10)
    return figure


def precision_over_recall(
    axes: Axes, index: int, judge: str, seeds: Sequence[JudgedImages], positive: Positive = "wrong"
) -> None:
    """Add the curve of one judge as series number ``index``, with its mean average precision in the legend."""
    found = [each.curve(judge, positive) for each in seeds]
    lines = [interpolated(c.recall.numpy(), c.precision.numpy()) for c in found]
    style = {**line_style(index), "markevery": 12, "markersize": 5}
    for line in lines if len(lines) > 1 else ():
        axes.plot(100 * RECALLS, 100 * line, **{**style, "marker": None, "linewidth": 0.8, "alpha": 0.6})
    area = np.mean([curve.average_precision for curve in found])
    label = f"{judge}: average precision {100 * area:.0f} %"
    axes.plot(100 * RECALLS, 100 * np.mean(lines, axis=0), **style, linewidth=1.8, label=label)


def interpolated(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision at :data:`RECALLS`, linear between the cuts; beyond the first cut that finds anything it is held."""
    order = np.argsort(recall, kind="stable")
    known = order[np.isfinite(precision[order]) & np.isfinite(recall[order])]
    if not known.size:
        return np.full(len(RECALLS), np.nan)
    return np.asarray(np.interp(RECALLS, recall[known], precision[known]), dtype=np.float64)


def _f1_over_cut(axes: Axes, index: int, judge: str, seeds: Sequence[JudgedImages]) -> None:
    curves = [each.curve(judge) for each in seeds]
    lines = [c.f1.nan_to_num(0.0).numpy() for c in curves]
    cuts, style = curves[0].thresholds.numpy(), line_style(index)
    for line in lines:
        axes.plot(cuts, 100 * line, **{**style, "marker": None, "linewidth": 0.8 if len(lines) > 1 else 1.8})
    mean = np.mean(lines, axis=0)
    axes.plot(cuts, 100 * mean, **style, linewidth=1.8, markevery=125, markersize=5, label=judge)
    best = int(mean.argmax())
    ring: dict[str, Any] = {
        "marker": "o",
        "markersize": 12,
        "markerfacecolor": "none",
        "markeredgewidth": 1.5,
        "linestyle": "",
    }
    axes.plot(cuts[best], 100 * mean[best], color=style["color"], **ring)
