"""The pictures of a report: every seed's score, IoU by class, and how training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from udalib.data import label_space
from udalib.engine.record.reading import read_run
from udalib.recipes.report.groups import Group, Report
from udalib.recipes.report.text import metric_title, short_titles
from udalib.viz.charts.curves import curves
from udalib.viz.charts.statistics import iou_bars
from udalib.viz.reproduction.single_run import logged_curve
from udalib.viz.theme import Picture, line_style, new_figure, tidy


def report_figures(report: Report) -> dict[str, Picture]:
    """Caption to figure; what a report has not is left out."""
    found: dict[str, Picture] = {}
    titles = short_titles(report)[0]
    for metric in report.metrics():
        groups = [group for group in report.groups if metric in group.scores()]
        caption = f"Ours: {metric_title(metric)}, a dot a seed, a line their mean"
        found[caption] = scores_figure(groups, metric, [titles[id(group)] for group in groups])
    spaces = {str(read_run(group.first.folder).data["recipe"]["label_space"]) for group in report.groups}
    if len(spaces) == 1 and all(group.first.monitor for group in report.groups):
        found |= _by_class(report.groups, spaces.pop(), titles)
    losses = {titles[id(group)]: [logged_curve(run.folder, "loss") for run in group.runs] for group in report.groups}
    if losses and all(all(each) for each in losses.values()):
        series = {name: [curve for curve in each if curve is not None] for name, each in losses.items()}
        found["Ours: training loss; recipes have losses of their own, so only its course is to be compared"] = curves(
            series, ylabel="loss", title="Training"
        )
    return found


def scores_figure(groups: Sequence[Group], metric: str, names: Sequence[str]) -> Picture:
    """One row a group, by ``names``: a dot for each seed, a line at their mean."""
    figure, (axes,) = new_figure(8.0, 0.34 * len(groups) + 1.1)
    for row, group in enumerate(groups):
        _row(axes, row, group.scores()[metric].values)
    axes.set_yticks(range(len(groups)), names, fontsize=8)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(f"{metric_title(metric)}, percent")
    tidy(axes, grid="x")
    return figure


def _row(axes: Axes, row: int, values: Sequence[float]) -> None:
    style = line_style(0)
    axes.plot(values, [row] * len(values), linestyle="", marker=style["marker"], color=style["color"], alpha=0.6)
    axes.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color="black", linewidth=1.5)


def _by_class(groups: Sequence[Group], space: str, titles: Mapping[int, str]) -> dict[str, Picture]:
    """IoU by class on the first evaluation of segmentation, for groups that share it."""
    name = groups[0].first.monitor
    if any(group.first.monitor != name or group.first.task(name).class_score != "iou" for group in groups):
        return {}
    rows = {
        titles[id(group)]: [
            {c: None if v is None else 100 * v for c, v in (run.metrics.get(f"{name}/iou") or {}).items()}
            for run in group.runs
        ]
        for group in groups
    }
    return {f"Ours: IoU by class on {name}": iou_bars(rows, label_space(space), title=f"IoU by class on {name}")}
