"""Pseudo labels judged by the truth, drawn: what a threshold keeps, how much is right, whether confidence says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from udalib.analysis.calibration import Reliability
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.charts.curves import add_curve
from udalib.viz.self_training.calibration import (
    Floats,
    TeacherOutput,
    class_precision,
    kept_and_precision,
    reliability,
)
from udalib.viz.theme import Picture, bar_style, line_style, new_figure, tidy, whole_percent

TICKS = (0.0, 0.5, 0.9, 0.968, 0.99, 0.999)
GRID: Floats = 1 - 10 ** -np.linspace(0, 3, 46)
"""Thresholds of the curves, 0 to 0.999, even on a scale of nines."""


def pseudo_label_figure(output: TeacherOutput, space: LabelSpace, threshold: float, *, title: str = "") -> Picture:
    """Draw what ``threshold`` keeps and how much of it is right: over all thresholds, by confidence, and by class."""
    figure, axes = new_figure(12.6, 5.0, 1, 3, gridspec_kw={"width_ratios": [1, 1, 1.25]})
    _threshold_panel(axes[0], output, threshold)
    _reliability_panel(axes[1], reliability(output))
    _class_panel(axes[2], output, space, threshold)
    figure.suptitle(title, fontsize=11)
    return figure


def kept_curves(outputs: Mapping[str, Sequence[TeacherOutput]], *, thresholds: Floats = GRID) -> Picture:
    """Draw the share kept and its precision over the threshold; ``outputs`` maps a name to one output a seed."""
    if not outputs:
        raise ConfigError("there is no teacher to draw; give at least one.")
    figure, axes = new_figure(12.0, 3.8, 1, 2)
    nines = -np.log10(1 - thresholds)
    for index, (name, seeds) in enumerate(outputs.items()):
        pairs = [kept_and_precision(seed, thresholds) for seed in seeds]
        for panel, part in zip(axes, (0, 1), strict=True):
            add_curve(panel, index, name, [(nines, 100 * pair[part]) for pair in pairs])
    axes[0].set(title="how much is kept", ylabel="% of pixels with confidence >= threshold", ylim=(0, 103))
    axes[1].set(title="how much of that is right", ylabel="precision of the kept, %")
    for panel in axes:
        _nines_axis(panel)
        panel.legend(fontsize=8)
    return figure


def _nines_axis(axes: Axes) -> None:
    axes.set_xticks([-np.log10(1 - tick) for tick in TICKS], [f"{tick:g}" for tick in TICKS], fontsize=8)
    axes.set_xlabel("threshold on the confidence (axis even in nines)")
    tidy(axes, grid="both")


def _threshold_panel(axes: Axes, output: TeacherOutput, threshold: float) -> None:
    for index, (name, values) in enumerate(
        zip(("kept, % of all pixels", "right, % of the kept"), kept_and_precision(output, GRID), strict=True)
    ):
        axes.plot(-np.log10(1 - GRID), 100 * values, **line_style(index), markevery=6, markersize=4, label=name)
    axes.axvline(-np.log10(1 - threshold), color="black", linewidth=1.2, linestyle=":")
    kept, right = (float(v[0]) for v in kept_and_precision(output, np.asarray([threshold])))
    words = f"{100 * right:.0f} % of it right" if np.isfinite(right) else "nothing left"
    axes.set_title(f"threshold {threshold:g} keeps {100 * kept:.0f} %: {words}", fontsize=10)
    axes.set(ylim=(0, 103), ylabel="percent")
    axes.legend(fontsize=8, loc="lower left")
    _nines_axis(axes)


def _reliability_panel(axes: Axes, result: Reliability) -> None:
    bins = len(result.pixels)
    middles = 100 * (np.arange(bins) + 0.5) / bins
    axes.bar(middles, 100 * np.nan_to_num(result.accuracy), width=92 / bins, **bar_style(0), label="right in this bin")
    axes.plot(middles, 100 * result.confidence, "D", color="black", markersize=4, label="mean confidence of the bin")
    axes.plot([0, 100], [0, 100], color="#555555", linestyle="--", linewidth=1, label="confidence = accuracy")
    shares = 100 * result.pixels / result.pixels.sum()
    for x, share, right in zip(middles, shares, 100 * np.nan_to_num(result.accuracy), strict=True):
        axes.text(x, right + 1.5, f"{whole_percent(share)} %" if share else "", ha="center", va="bottom", fontsize=7)
    axes.set(xlim=(0, 100), ylim=(0, 118), xlabel="confidence, %", ylabel="accuracy, %", yticks=range(0, 101, 20))
    axes.set_title(f"calibration error (ECE) {100 * result.ece:.1f} %; on bars: share of pixels", fontsize=10)
    axes.legend(fontsize=7, loc="upper left")
    tidy(axes, grid="y")


def _class_panel(axes: Axes, output: TeacherOutput, space: LabelSpace, threshold: float) -> None:
    kept, right = class_precision(output, space.num_classes, threshold)
    _, prediction, truth = output.known()
    rows = [c for c in range(space.num_classes) if (truth == c).any() or (prediction == c).any()]
    places = np.arange(len(rows))
    for series, (name, values) in enumerate((("kept, % of the predicted", kept), ("right, % of the kept", right))):
        heights = places - 0.2 + 0.4 * series
        bar = 100 * np.nan_to_num(values[rows])
        axes.barh(heights, bar, height=0.4, label=name, **bar_style(series))
        for c, height, value in zip(rows, heights, values[rows], strict=True):
            missing = ("never predicted", "none kept" if np.isfinite(kept[c]) else "")
            text = whole_percent(100 * value) if np.isfinite(value) else missing[series]
            axes.text(100 * np.nan_to_num(value) + 1, height, text, va="center", fontsize=6.5)
    axes.set_yticks(places, [space.names[c] for c in rows], fontsize=8)
    axes.set(xlim=(0, 112), ylim=(len(rows) - 0.5, -0.5), xlabel="percent")
    axes.set_title("by predicted class", fontsize=10)
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)
    tidy(axes, grid="x")
