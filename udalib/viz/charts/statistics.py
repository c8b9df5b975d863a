"""Class statistics and scores as figures: frequencies, confusion, IoU bars with every seed shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.theme import MARKERS, Picture, bar_style, new_figure, shorten, tidy

Scores = Mapping[str, float | None]
"""IoU in percent by class name; None where the class occurs neither in labels nor in predictions."""


def class_frequencies_figure(
    shares: Mapping[str, Any], label_space: LabelSpace, *, title: str = "Share of pixels by class"
) -> Picture:
    """Horizontal bars on a logarithmic axis; ``shares`` maps a domain's name to C fractions of pixels (0..1).

    Classes are ordered by the first domain, so that the long tail shows; a class without pixels has no bar but a 0.
    """
    arrays = {name: to_numpy(value).astype(float) for name, value in shares.items()}
    for name, value in arrays.items():
        if value.shape != (label_space.num_classes,):
            raise ConfigError(f"shares of {name!r} have shape {value.shape}, expected ({label_space.num_classes},).")
    order = np.argsort(next(iter(arrays.values())))
    figure, (axes,) = new_figure(7.5, 0.16 * len(order) * (len(arrays) + 0.6) + 0.9)
    thickness = 0.8 / len(arrays)
    smallest = min(float(a[a > 0].min(initial=1e-3)) for a in arrays.values()) * 100 / 2
    for series, (name, value) in enumerate(arrays.items()):
        heights = np.arange(len(order)) + 0.4 - thickness * (series + 0.5)
        percent = value[order] * 100
        axes.barh(heights, np.maximum(percent, 0), height=thickness, label=name, **bar_style(series))
        for height, number in zip(heights, percent, strict=True):
            text = f"{number:.2g}" if number > 0 else "0"
            axes.text(max(number, smallest) * 1.06, height, text, va="center", fontsize=6.5)
    axes.set_yticks(np.arange(len(order)), [label_space.names[i] for i in order], fontsize=8)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xscale("log")
    axes.set_xlim(smallest, 200)
    axes.set_xlabel("percent of labelled pixels (logarithmic)")
    axes.set_title(title, fontsize=11)
    axes.legend(fontsize=8, loc="lower right")
    tidy(axes, grid="x")
    return figure


def confusion_figure(
    confusion: Any, label_space: LabelSpace, *, normalise: bool = True, title: str = "Confusion"
) -> Picture:
    """Heat map of a confusion matrix (C, C), rows = true class, columns = predicted class.

    ``normalise`` divides each row by its sum, so that the diagonal is the recall; cells >= 1 % carry their number.
    """
    counts = to_numpy(confusion).astype(float)
    total = counts.sum(axis=1, keepdims=True)
    shown = 100 * np.divide(counts, total, out=np.zeros_like(counts), where=total > 0) if normalise else counts
    names = shorten(label_space.names, 12)
    side = 0.34 * len(names) + 1.6
    figure, (axes,) = new_figure(side + 0.7, side)
    picture = axes.imshow(shown, cmap="cividis", vmin=0, vmax=100 if normalise else None)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title + (" (percent of the true class)" if normalise else " (pixels)"), fontsize=11)
    if normalise:
        for row, column in zip(*np.nonzero(shown >= 1), strict=True):
            ink = "black" if shown[row, column] > 60 else "white"
            axes.text(column, row, f"{shown[row, column]:.0f}", ha="center", va="center", fontsize=6, color=ink)
    figure.colorbar(picture, ax=axes, shrink=0.7)
    return figure


def _values(scores: Sequence[Scores], names: Sequence[str]) -> NDArray[np.float64]:
    rows = [[float("nan") if s.get(n) is None else float(s[n]) for n in names] for s in scores]  # type: ignore[arg-type]
    return np.asarray(rows, dtype=np.float64)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(
        np.divide(total, known.sum(axis=0), out=np.full(values.shape[1], np.nan), where=known.any(axis=0))
    )


def _bars(axes: Axes, series: int, count: int, values: NDArray[np.float64], label: str) -> None:
    thickness = 0.84 / count
    places = np.arange(values.shape[1]) - 0.42 + thickness * (series + 0.5)
    axes.bar(places, np.nan_to_num(_mean(values)), width=thickness, label=label, **bar_style(series))
    for seed_values in values if len(values) > 1 else ():
        marker = MARKERS[series % len(MARKERS)]
        axes.scatter(places, seed_values, s=7, marker=marker, color="black", linewidths=0, zorder=3)


def iou_bars(
    results: Mapping[str, Sequence[Scores]],
    label_space: LabelSpace,
    *,
    published: Mapping[str, Scores] | None = None,
    title: str = "IoU by class",
    each: str = "seed",
) -> Picture:
    """Bars of the mean over seeds with one black dot a seed, for each class and, first, their mean (mIoU).

    ``results`` maps a run's name to one ``{class: IoU in percent}`` a seed. ``published`` rows come from papers, on
    their data: they are drawn in a panel of their own that says so, never beside our bars. ``each`` is what a dot is
    called; empty for numbers that nothing random is in.
    """
    if not results and not published:
        raise ConfigError("there is no result to draw; give at least one run.")
    names = list(label_space.names)
    panels = bool(results) + bool(published)
    figure, axes = new_figure(11, 3.4 * panels, panels, 1)
    rows = {name: _values(scores, names) for name, scores in results.items()}
    counts = {name: f" ({len(v)} {each}{'s' if len(v) > 1 else ''})" if each else "" for name, v in rows.items()}
    labels = {name: name + count for name, count in counts.items()}
    if results:
        several = any(len(v) > 1 for v in rows.values())
        _panel(axes[0], rows, labels, names, title + (f" (dots: {each}s, bars: their mean)" if several else ""))
    if published:
        paper = {name: _values([scores], names) for name, scores in published.items()}
        _panel(axes[-1], paper, {n: f"published: {n}" for n in paper}, names, "Published numbers, on other data")
    return figure


def _panel(
    axes: Axes, rows: Mapping[str, NDArray[np.float64]], labels: Mapping[str, str], names: list[str], title: str
) -> None:
    for series, (name, values) in enumerate(rows.items()):
        per_seed = np.asarray([[np.nanmean(v) if np.isfinite(v).any() else np.nan] for v in values])
        _bars(axes, series, len(rows), np.concatenate([per_seed, values], axis=1), labels[name])
    axes.axvline(0.5, color="#888888", linewidth=0.8)
    axes.set_xticks(range(len(names) + 1), ["mIoU", *shorten(names, 12)], rotation=60, ha="right", fontsize=8)
    axes.set_xlim(-0.6, len(names) + 0.6)
    axes.set_ylim(0, 118)  # the space above 100 holds the legend
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("IoU in percent")
    axes.set_title(title, fontsize=11)
    axes.legend(fontsize=8, ncols=min(4, len(rows)), loc="upper right")
    tidy(axes, grid="y")


def percent(scores: Scores) -> dict[str, float | None]:
    """Fractions in [0, 1], as evaluators give them, in percent; None stays None."""
    return {name: None if value is None else 100.0 * value for name, value in scores.items()}
