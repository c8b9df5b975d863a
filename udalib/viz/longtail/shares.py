"""Own view against class: the ratio of their pulls at the start, and the share of the own view in the optimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from udalib.analysis.longtail.optimum import best_own
from udalib.analysis.longtail.shares import Pulls, start_ratio
from udalib.core.errors import ConfigError
from udalib.ops.decoupled_contrast import Positives
from udalib.viz.theme import COLORS, MARKERS, Picture, line_style, new_figure, tidy

KINDS: Mapping[Positives, str] = {"alike": "SCL", "decoupled": "DSCL"}


def shares_figure(
    measured: Mapping[Positives, Sequence[Pulls]], *, alpha: float, temperature: float, queue: int, title: str = ""
) -> Picture:
    """Two panels over the number |P| of other pictures of the class in the queue, both axes logarithmic.

    Left: the pull of the own view over that of P; lines are the formulas for p near 0, marks are measured, one a class
    and seed. Right: the share p(z+|z) in the optimum; lines with cosines in [-1, 1], dotted without that bound.

    Args:
        measured: "alike" or "decoupled" -> pulls, one entry a seed; anchors without P are left out.
        alpha: share of the own view.
        temperature: tau.
        queue: K.
        title: of the figure.

    Raises:
        ConfigError: nothing was measured, or alpha leaves one of the two no weight.
    """
    if not measured or not all(measured.values()):
        raise ConfigError("there is nothing to draw; give the pulls of one seed at least.")
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha is {alpha}; with a share of 0 or 1 there is no ratio to draw. Choose one between.")
    figure, (left, right) = new_figure(11.6, 3.9, 1, 2)
    for index, kind in enumerate(KINDS):
        draw_ratios(left, index, kind, measured.get(kind, ()), alpha, queue)
        _draw_optima(right, index, kind, alpha, temperature, queue)
    left.set(xscale="log", yscale="log", xlabel="|P|", ylabel="pull of the own view / pull of P")
    left.set_title("at the start: lines for p near 0, marks measured", fontsize=10)
    right.set(xscale="log", yscale="log", xlabel="|P|", ylabel="best p(z+|z)")
    right.set_title("in the optimum: lines bounded, dotted unbounded cosines", fontsize=10)
    for axes in (left, right):
        axes.legend(fontsize=8)
        tidy(axes, grid="both")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def draw_ratios(axes: Axes, index: int, kind: Positives, seeds: Sequence[Pulls], alpha: float, queue: int) -> None:
    """The line of one loss over 1 .. ``queue``, and its marks."""
    count = _counts(queue)
    style = {**line_style(index), "marker": None}
    axes.plot(count, [start_ratio(n, alpha, kind) for n in count], **style, label=f"{KINDS[kind]}, formula")
    for number, each in enumerate(seeds):
        has = (each.count > 0).cpu()
        label = f"{KINDS[kind]}, {len(seeds)} seed{'' if len(seeds) == 1 else 's'}" if number == 0 else None
        marks: dict[str, Any] = {
            "color": COLORS[index],
            "marker": MARKERS[index],
            "s": 16 + 14 * number,
            "facecolors": "none",
        }
        axes.scatter(each.count.cpu()[has], each.ratio.cpu()[has], **marks, label=label)


def _draw_optima(axes: Axes, index: int, kind: Positives, alpha: float, temperature: float, queue: int) -> None:
    count = _counts(queue)
    style = {**line_style(index), "marker": None}
    options = {"alpha": alpha, "temperature": temperature, "positives": kind}
    found = [best_own(n, queue - n, **options) for n in count]  # type: ignore[arg-type]
    axes.plot(count, found, **style, label=KINDS[kind])
    free = [1 / (n + 1) if kind == "alike" else alpha for n in count]
    axes.plot(count, free, color=COLORS[index], linewidth=1.0, linestyle=(0, (1, 2)))


def _counts(queue: int) -> list[int]:
    """Whole numbers from 1 to ``queue``, evenly on a logarithmic axis."""
    return sorted({int(n) for n in np.geomspace(1, max(queue, 2), 40).round()})
