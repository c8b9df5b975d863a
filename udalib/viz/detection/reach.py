"""How far necks carry things: from level to level, and from cell to cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from udalib.analysis.networks.level_reach import NeckCost
from udalib.core.errors import ConfigError
from udalib.viz.theme import COLORS, Picture, bar_style, new_figure, tidy

INPUTS = ("C3", "C4", "C5")
DEPTH = 5
"""Decades that a map of gradients shows below its largest value."""


def reach_figure(shares: Mapping[str, Tensor], *, title: str = "") -> Picture:
    """Draw, for each neck, which inputs move which outputs: (outputs, 3) with rows that sum to 1; 0 = no way at all.

    Raises:
        ConfigError: no neck.
    """
    if not shares:
        raise ConfigError("there is no neck to draw; give at least one.")
    figure, axes = new_figure(2.3 * len(shares) + 0.6, 3.2, 1, len(shares))
    for panel, (name, values) in zip(axes, shares.items(), strict=True):
        shown = panel.imshow(values.numpy(), cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values.numpy()):
            ink = "white" if value < 0.55 else "black"
            text = "-" if value == 0 else f"{value:.2f}"
            panel.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
        panel.set_xticks(range(len(INPUTS)), INPUTS)
        panel.set_yticks(range(len(values)), [f"P{3 + i}" for i in range(len(values))])
        panel.set_title(name, fontsize=10)
    axes[0].set_ylabel("output")
    figure.colorbar(shown, ax=axes[-1], label="share of the gradient")
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def fields_figure(
    fields: Sequence[Tensor],
    cost: NeckCost,
    default: NeckCost,
    *,
    title: str = "",
    place: tuple[float, float] = (0.5, 0.5),
) -> Picture:
    """Draw what moves one output cell: maps of C3..C5 on a logarithmic scale, their shares, and what the neck costs.

    Args:
        fields: of :func:`udalib.analysis.networks.level_reach.mean_fields`.
        cost: of this neck.
        default: of the neck that it is compared with.
        title: above all.
        place: of the output cell, as fractions of the picture; marked on every map.
    """
    figure, axes = new_figure(13.0, 2.9, 1, 5, gridspec_kw={"width_ratios": (2, 2, 2, 1.1, 1.3)})
    highest = max(float(field.max()) for field in fields)
    for panel, name, field in zip(axes, INPUTS, fields, strict=False):
        scaled = np.log10(np.maximum(field.numpy() / highest, 10.0**-DEPTH))
        shown = panel.imshow(scaled, cmap="cividis", vmin=-DEPTH, vmax=0)
        panel.plot(place[1] * field.shape[1] - 0.5, place[0] * field.shape[0] - 0.5, "+", color=COLORS[5], markersize=9)
        touched = 100 * float((field > 0).float().mean())
        panel.set_title(f"{name}: {touched:.0f} % of cells count", fontsize=9)
        panel.set(xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes[2], label="log10 of gradient", shrink=0.8)
    total = sum(float(field.sum()) for field in fields)
    axes[3].bar(INPUTS, [float(field.sum()) / total for field in fields], **bar_style(0))
    axes[3].set(ylim=(0, 1))
    axes[3].set_title("share of each level", fontsize=9)
    tidy(axes[3], grid="y")
    _costs(axes[4], cost, default)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _costs(axes: Axes, cost: NeckCost, default: NeckCost) -> None:
    ratios = [mine / other for mine, other in zip(cost, default, strict=True)]
    for place, (ratio, text) in enumerate(zip(ratios, _texts(cost), strict=True)):
        axes.barh(place, ratio, height=0.6, **bar_style(place))
        axes.text(0.02, place + 0.42, text, fontsize=8, va="center")
    axes.axvline(1, color="#555555", linestyle=":", linewidth=1)
    axes.set(yticks=[], ylim=(-0.5, 1.8), xlim=(0, max(1.1, *ratios) * 1.05))
    axes.set_xlabel("times the default neck", fontsize=8)
    axes.set_title("what it costs", fontsize=9)
    tidy(axes)


def _texts(cost: NeckCost) -> tuple[str, str]:
    return f"{cost.parameters / 1e3:.1f} k parameters", f"{cost.multiply_adds / 1e6:.1f} M multiply-adds"
