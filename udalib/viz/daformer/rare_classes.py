"""Rare class sampling in figures: probabilities of classes, what is sampled, and how long a class stays unseen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from udalib.analysis.rare_classes import (
    ClassDraws,
    chance_of_class,
    iterations_until,
    pixel_counts,
    pixel_shares,
    unseen,
)
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.data.sampling.rare_class import RareClassSampler, class_probabilities
from udalib.data.sampling.stats import ClassStatistics
from udalib.viz.theme import COLORS, Picture, bar_style, line_style, new_figure, tidy

TEMPERATURES = (0.002, 0.01, 0.05, 0.5, math.inf)
SERIES: dict[str, dict[str, Any]] = {
    "uniform": {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "black", "markersize": 6},
    "expected": {"marker": "s", "color": COLORS[0], "markersize": 5.5},
    "drawn": {"marker": "x", "color": COLORS[5], "markersize": 6, "markeredgewidth": 1.6},
}


def temperature_figure(
    statistics: ClassStatistics, space: LabelSpace, temperatures: Sequence[float] = TEMPERATURES
) -> Picture:
    """Bars of each class's share of pixels, and beside it its probability P(c) at each temperature; rarest on top."""
    if not temperatures:
        raise ConfigError("there is no temperature to draw; give at least one.")
    classes, _ = class_probabilities(statistics, temperatures[0])
    columns = len(temperatures) + 1
    size = (1.4 + 1.75 * columns, 0.23 * len(classes) + 1.3)
    figure, axes = new_figure(*size, 1, columns, sharey=True)
    pixels = pixel_shares(pixel_counts(statistics, space.num_classes))[classes]
    share_panel(axes[0], pixels, [space.names[c] for c in classes])
    each = [100 * class_probabilities(statistics, t)[1] for t in temperatures]
    for panel, temperature, values in zip(axes[1:], temperatures, each, strict=True):
        _bars(panel, values, f"P(c) at T = {temperature:g}", index=1)
        panel.set(xlabel="percent of draws", xlim=(0, 1.3 * max(v.max() for v in each)))
    figure.suptitle("How often is each class drawn? Rarest class on top", fontsize=11)
    return figure


def share_panel(axes: Axes, shares: NDArray[np.float64], names: Sequence[str]) -> None:
    """Bars of the classes' shares of all pixels, logarithmic, rows from the top."""
    _bars(axes, 100 * shares, "share of pixels")
    axes.set_yticks(range(len(names)), list(names), fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set(xlabel="percent, logarithmic", xlim=(40 * shares[shares > 0].min(), 500))
    axes.xaxis.set_major_formatter("{x:g}")


def _bars(axes: Axes, values: NDArray[np.float64], title: str, *, index: int = 0, crosses: Any = None) -> None:
    """Bars (rows,) with their numbers behind them, or behind the cross of each row where that is further out."""
    axes.barh(range(len(values)), values, height=0.72, **bar_style(index))
    ends = values if crosses is None else np.maximum(values, crosses)
    for row, (value, end) in enumerate(zip(values, ends, strict=True)):
        text = f"{value:.1f}" if value >= 0.1 else f"{value:.2g}" if value >= 1e-3 or value == 0 else "<0.001"
        axes.annotate(
            text, (end, row), (2 if crosses is None else 5, 0), textcoords="offset points", va="center", fontsize=6.5
        )
    axes.set_title(title, fontsize=9)
    axes.tick_params(axis="x", labelsize=7)
    tidy(axes, grid="x")


def probability_panel(axes: Axes, sampler: RareClassSampler, draws: ClassDraws, title: str) -> None:
    """Bars of P(c) in the sampler's order of classes, with a cross at the share of the actual draws."""
    shares = 100 * np.array([np.mean(draws.train_ids == c) for c in sampler.classes])
    _bars(axes, 100 * sampler.probabilities, title, index=1, crosses=shares)
    axes.plot(shares, range(len(shares)), linestyle="", **SERIES["drawn"], clip_on=False)
    top = max(100 * sampler.probabilities.max(), shares.max())
    for row, train_id in enumerate(sampler.classes):
        if not sampler.candidates[train_id]:
            axes.text(0.1 * top, row, "no image has enough of it", va="center", fontsize=6.5, style="italic")
    axes.set(xlabel="percent of draws", xlim=(0, 1.25 * top))


def sampled_figure(sampler: RareClassSampler, space: LabelSpace, draws: ClassDraws) -> Picture:
    """Share of pixels of each class with images drawn uniformly and by the sampler: expected, and in ``draws``."""
    figure, (axes,) = new_figure(7.0, 0.24 * len(sampler.classes) + 1.5)
    sampled_panel(axes, sampler, space, draws)
    axes.set_yticks(range(len(sampler.classes)), [space.names[c] for c in sampler.classes], fontsize=8)
    axes.set_ylim(len(sampler.classes) - 0.4, -0.6)
    return figure


def sampled_panel(axes: Axes, sampler: RareClassSampler, space: LabelSpace, draws: ClassDraws) -> None:
    """One row a class in the sampler's order: circle = uniform, square = expected with the sampler, cross = drawn."""
    counts = pixel_counts(sampler.statistics, space.num_classes)
    shares = {
        "uniform": pixel_shares(counts),
        "expected": pixel_shares(counts, sampler.item_probabilities()),
        "drawn": pixel_shares(counts[draws.items]),
    }
    rows, labels = np.arange(len(sampler.classes)), ("images uniformly", "expected with RCS")
    percent = {name: 100 * np.maximum(values[sampler.classes], 1e-7) for name, values in shares.items()}
    axes.hlines(rows, percent["uniform"], percent["expected"], color="#999999", linewidth=1.2, zorder=1)
    for (name, values), label in zip(percent.items(), (*labels, f"in {len(draws.items)} draws"), strict=True):
        axes.plot(values, rows, linestyle="", **SERIES[name], label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("percent, logarithmic")
    axes.set_title("pixels of what is sampled", fontsize=9)
    axes.tick_params(axis="x", labelsize=7)
    axes.legend(fontsize=7, loc="lower left")
    tidy(axes, grid="both")


def unseen_figure(
    sampler: RareClassSampler, space: LabelSpace, classes: Sequence[int], *, batch_size: int = 2, more_than: int = 0
) -> Picture:
    """Probability that each of ``classes`` was in none of the first images, with and without the sampler.

    Args:
        sampler: rare class sampling; the other curve draws images uniformly.
        space: of the train ids.
        classes: train ids, up to four.
        batch_size: images an iteration; the legend counts in iterations.
        more_than: an image counts for a class with MORE than this many pixels of it.
    """
    figure, (axes,) = new_figure(7.0, 3.8)
    unseen_panel(axes, sampler, space, classes, batch_size=batch_size, more_than=more_than)
    return figure


def unseen_panel(
    axes: Axes, sampler: RareClassSampler, space: LabelSpace, classes: Sequence[int], *, batch_size: int, more_than: int
) -> None:
    """See :func:`unseen_figure`: solid with the sampler, dashed without; the legend says when it is 95 % sure."""
    if not 1 <= len(classes) <= 4:
        raise ConfigError(f"unseen classes are drawn for one to four classes, got {len(classes)}.")
    counts = pixel_counts(sampler.statistics, space.num_classes)
    chances = {
        "RCS": chance_of_class(counts, sampler.item_probabilities(), more_than),
        "uniform": chance_of_class(counts, None, more_than),
    }
    ends = [iterations_until(float(c[i]), 1, 0.999) for c in chances.values() for i in classes]
    images = np.geomspace(1, max([10.0, *(end for end in ends if math.isfinite(end))]), 200)
    for index, train_id in enumerate(classes):
        for name, dash in (("RCS", "-"), ("uniform", "--")):
            chance = float(chances[name][train_id])
            style = {**line_style(index), "linestyle": dash, "markersize": 4, "markevery": 20 if dash == "-" else 33}
            label = f"{space.names[train_id]}, {name}: {_until(chance, batch_size)}"
            axes.plot(images, unseen(chance, images, 1), **style, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="images sampled, logarithmic", ylabel="probability that the class is unseen")
    axes.set(ylim=(-0.03, 1.25 + 0.13 * len(classes)), yticks=np.linspace(0, 1, 6))  # the space above 1: the legend
    axes.set_title(f"still no image with more than {more_than} pixels of it", fontsize=9)
    heading = f"95 % sure to be seen after n\niterations of {batch_size} images"
    axes.legend(fontsize=7, title=heading, title_fontsize=7, handlelength=3.4, loc="upper right")
    axes.tick_params(labelsize=7)
    tidy(axes, grid="both")


def _until(chance: float, batch_size: int) -> str:
    iterations = iterations_until(chance, batch_size)
    return f"n = {iterations:.0f}" if math.isfinite(iterations) else "never"


def crops_figure(pixels: Mapping[str, Any], threshold: float, *, what: str = "the drawn class") -> Picture:
    """Histograms of the pixels of the drawn class in what is trained on, such as with and without cropping again.

    Args:
        pixels: name -> counts (n,), such as :func:`udalib.analysis.shown_pixels` gives; one panel each, one scale.
        threshold: what a crop must exceed; each title says how many do.
        what: whose pixels, for the axis.
    """
    if not pixels or any(len(counts) == 0 for counts in pixels.values()):
        raise ConfigError("there are no pixel counts to draw; give at least one named array with a count a draw.")
    arrays = {name: np.asarray(counts) for name, counts in pixels.items()}
    figure, axes = new_figure(8.0, 1.0 + 1.7 * len(arrays), len(arrays), 1, sharex=True, sharey=True)
    edges = _edges(max(float(np.quantile(counts, 0.95)) for counts in arrays.values()), threshold)
    for index, (panel, (name, counts)) in enumerate(zip(axes, arrays.items(), strict=True)):
        panel.hist(np.minimum(counts, edges[-1]), edges.tolist(), **bar_style(index))
        panel.axvline(math.floor(threshold) + 0.5, color="black", linewidth=1.5, linestyle=":")
        share = 100 * np.mean(counts > threshold)
        text = f"{share:.0f} % show more than {threshold:g} pixels, {100 * np.mean(counts == 0):.0f} % show none"
        panel.set_title(f"{name}: of {len(counts)} draws {text}", fontsize=9)
        panel.set_ylabel("draws")
        tidy(panel, grid="y")
    axes[-1].set_xlabel(f"pixels of {what} in the crop (dotted: what it must exceed; the last bar holds all above)")
    return figure


def _edges(largest: float, threshold: float) -> NDArray[np.float64]:
    """Edges of whole counts' bars; one lies between what meets ``threshold`` and what does not."""
    width = max(1, math.ceil(max(largest, 2 * threshold) / 40))
    middle = math.floor(threshold) + 0.5
    below, above = math.ceil((middle + 0.5) / width), math.ceil(max(largest - middle, width) / width)
    edges = middle + width * np.arange(-below, above + 1, dtype=np.float64)
    return np.maximum(edges, -0.5, dtype=np.float64)
