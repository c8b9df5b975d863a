"""When classes are learned: a dot a seed and class, and learning curves of runs that learn a class early or late."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from udalib.analysis.runs.onset import THRESHOLD, ClassCurves, early_and_late
from udalib.core.errors import ConfigError, unknown_name
from udalib.viz.theme import COLORS, MARKERS, TEXT_COLOR, Picture, new_figure, tidy

KINDS: dict[str, dict[str, Any]] = {
    "early": {"color": COLORS[0], "marker": "o", "linestyle": "-"},
    "late": {"color": COLORS[5], "marker": "s", "linestyle": "--"},
}
PANELS, COLUMNS = 8, 4
"""Classes in one picture of learning curves, and how many beside one another."""


def onset_figure(
    groups: Mapping[str, Sequence[ClassCurves]], *, threshold: float = THRESHOLD, title: str = ""
) -> Picture:
    """Mark for each run and class the first evaluation with an IoU above ``threshold``; one row a class.

    Rows are ordered by the mean onset in the first group, the last learned on top; every other one is shaded. Open
    marks in the right column: the class was never learned. The bar of each group is its median over the seeds.

    Args:
        groups: name of a training to its runs, one a seed; at most four.
        threshold: IoU in percent.
        title: above the panel.

    Raises:
        ConfigError: no group, more than four, or one without a run.
    """
    if not groups or len(groups) > 4 or not all(groups.values()):
        raise ConfigError("onsets are drawn for one to four trainings, each with at least one run.")
    first = next(iter(groups.values()))
    last = max(run.iterations[-1] for runs in groups.values() for run in runs)
    never = 1.12 * last
    places = {n: np.mean([min(run.onset(n, threshold), never) for run in first]) for n in first[0].iou}
    names = sorted(places, key=places.__getitem__, reverse=True)
    figure, (axes,) = new_figure(9.6, 0.34 * len(names) + 1.5)
    for index, (group, runs) in enumerate(groups.items()):
        shift = (index - (len(groups) - 1) / 2) * 0.8 / len(groups)
        _onsets(axes, index, names, runs, shift, never, threshold)
        seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
        axes.plot([], [], linestyle="", color=COLORS[index], marker=MARKERS[index], label=f"{group} ({seeds})")
    for row in range(0, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F0F0F0", linewidth=0, zorder=0)
    axes.axvline((last + never) / 2, color=TEXT_COLOR, linewidth=0.8)
    _iteration_axis(axes, last, never)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(title or f"First evaluation with more than {threshold:g} % IoU", fontsize=11)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    tidy(axes, grid="x")
    return figure


def _onsets(
    axes: Axes,
    index: int,
    names: Sequence[str],
    runs: Sequence[ClassCurves],
    shift: float,
    never: float,
    threshold: float,
) -> None:
    style: dict[str, Any] = {"marker": MARKERS[index], "color": COLORS[index], "linestyle": "", "markersize": 4}
    spread = np.linspace(-0.12, 0.12, len(runs)) if len(runs) > 1 else np.zeros(1)
    for row, name in enumerate(names):
        onsets = [run.onset(name, threshold) for run in runs]
        for onset, offset in zip(onsets, spread, strict=True):
            learned = math.isfinite(onset)
            face = COLORS[index] if learned else "white"
            axes.plot(onset if learned else never, row + shift + offset, **style, markerfacecolor=face)
        median = min(float(np.median(onsets)), never)
        axes.plot([median] * 2, [row + shift - 0.18, row + shift + 0.18], color=COLORS[index], linewidth=1.6)


def _iteration_axis(axes: Axes, last: float, never: float) -> None:
    ticks = [round(last * i / 5) for i in range(6)]
    axes.set_xticks([*ticks, never], [*map(str, ticks), "never"])
    axes.set(xlim=(0, never + 0.05 * last), xlabel="iteration")


def early_late_figure(
    runs: Sequence[ClassCurves],
    classes: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    title: str = "",
) -> Picture:
    """Draw the learning curves of ``classes``, a line a run: solid blue if it learned the class early, dashed if late.

    Early is no later than the median of the runs; the mark is the first evaluation above ``threshold`` (dotted).
    A panel's title has the mean final IoU of both kinds.

    Args:
        runs: of one recipe, one a seed.
        classes: names, at most eight.
        threshold: IoU in percent above which a class counts as learned.
        title: above all panels.

    Raises:
        ConfigError: no run, or not one to eight classes.
        UnknownNameError: a class that the runs do not have.
    """
    if not runs or not 1 <= len(classes) <= PANELS:
        raise ConfigError(f"draw one or more runs and one to {PANELS} classes; got {len(runs)} and {len(classes)}.")
    for name in classes:
        if name not in runs[0].iou:
            raise unknown_name("class", name, runs[0].iou)
    columns = min(COLUMNS, len(classes))
    rows = -(-len(classes) // columns)
    figure, axes = new_figure(3.1 * columns, 2.5 * rows + 0.5, rows, columns)
    for panel, name in zip(axes, classes, strict=False):
        _curves(panel, runs, name, threshold)
    for panel in axes[len(classes) :]:
        panel.axis("off")
    axes[0].set_ylabel("IoU on the target, percent")
    handles = [axes[0].plot([], [], **style, label=f"learned {kind}")[0] for kind, style in KINDS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def _curves(axes: Axes, runs: Sequence[ClassCurves], name: str, threshold: float) -> None:
    kinds = dict(zip(KINDS, early_and_late(runs, name, threshold), strict=True))
    ends = []
    for kind, group in kinds.items():
        for run in group:
            values = np.array([math.nan if v is None else v for v in run.iou[name]], dtype=np.float64)
            axes.plot(run.iterations, values, **{**KINDS[kind], "marker": None}, linewidth=1.4)
            onset = run.onset(name, threshold)
            if math.isfinite(onset):
                axes.plot(onset, values[run.iterations.index(int(onset))], **KINDS[kind], markersize=6)
        if group:
            ends.append(f"{kind} {np.mean([run.final(name) for run in group]):.0f}")
    axes.axhline(threshold, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
    learned = any(math.isfinite(run.onset(name, threshold)) for run in runs)
    axes.set_title(f"{name}: {', '.join(ends)}" if learned else f"{name}: never learned", fontsize=9)
    axes.set_xlabel("iteration", fontsize=8)
    axes.tick_params(labelsize=8)
    tidy(axes, grid="y")
