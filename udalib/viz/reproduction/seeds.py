"""How many seeds does a difference need? What would be measured if the same experiment were repeated many times."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from udalib.analysis.runs.power import power, simulated_means
from udalib.viz.explorer.explorer import Explorer, Slider
from udalib.viz.theme import Picture, bar_style, line_style, new_figure, tidy

EXPERIMENTS = 4000
MOST = 12
"""Seeds at the right end of the curve."""


def seeds_figure(difference: float, spread: float, seeds: int) -> Picture:
    """Draw the measured means of many experiments of ``seeds`` seeds, and the power of a test against the seeds.

    Args:
        difference: true difference of two methods in points.
        spread: true standard deviation of the paired differences in points.
        seeds: of an experiment, at least 2.
    """
    figure, (left, right) = new_figure(9.0, 3.2, 1, 2)
    _histogram(left, difference, spread, seeds)
    _power_curve(right, difference, spread, seeds)
    return figure


def _histogram(axes: Axes, difference: float, spread: float, seeds: int) -> None:
    means, accepted = simulated_means(difference, spread, seeds, EXPERIMENTS)
    reach = max(4.0 * spread / np.sqrt(2), 1.0)
    bins = np.linspace(difference - reach, difference + reach, 41)
    kinds = ((accepted, "called better (p < 0.05)", 0), (~accepted, "not found", 1))
    axes.hist(
        [means[kind] for kind, _, _ in kinds],
        bins=list(bins),
        stacked=True,
        weights=[np.full(kind.sum(), 100 / EXPERIMENTS) for kind, _, _ in kinds],
        label=[name for _, name, _ in kinds],
        color=[bar_style(i)["facecolor"] for _, _, i in kinds],
        hatch=[bar_style(i)["hatch"] for _, _, i in kinds],
        edgecolor="white",
        linewidth=0.3,
    )
    wrong = 100 * float((means <= 0).mean())
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel="measured mean difference in points", ylabel="experiments, percent")
    axes.set_title(f"{seeds} seeds: {wrong:.0f} % of experiments show no gain at all", fontsize=10)
    axes.legend(fontsize=8, loc="upper left")
    tidy(axes, grid="y")


def _power_curve(axes: Axes, difference: float, spread: float, seeds: int) -> None:
    counts = range(2, MOST + 1)
    chance = {n: 100 * power(difference, spread, n) for n in (*counts, seeds)}
    axes.plot(list(counts), [chance[n] for n in counts], **line_style(0))
    axes.plot([seeds], [chance[seeds]], marker="o", markersize=13, fillstyle="none", color="black", linestyle="none")
    axes.annotate(
        f"{chance[seeds]:.0f} %", (seeds, chance[seeds]), xytext=(0, -20), textcoords="offset points", ha="center"
    )
    axes.set(xlabel="seeds", ylabel="found at p < 0.05, percent", ylim=(-12, 108), yticks=range(0, 101, 20))
    axes.set_title(f"true difference {difference:g} points, spread {spread:g}", fontsize=10)
    tidy(axes, grid="y")


class SeedsExplorer(Explorer):
    """Turn the true difference, the spread and the number of seeds."""

    def __init__(self) -> None:
        controls = {
            "difference": Slider("True difference in points", 0.0, 6.0, 0.5, 2.0),
            "spread": Slider("Spread of the paired differences", 0.5, 4.0, 0.5, 2.0),
            "seeds": Slider("Seeds", 2, MOST, 1, 3),
        }
        super().__init__("How many seeds a difference needs", seeds_figure, controls, sheet_columns=1)
