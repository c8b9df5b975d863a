"""One token of a cross-layer attention: where its group lies on every level, and how much it reads there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from udalib.analysis.networks.token_groups import LevelPart, TokenGroup
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import COLORS, DASHES, Picture, bar_style, new_figure, show_image, tidy


def group_figure(image: Any, group: TokenGroup, strides: Sequence[int], *, title: str = "") -> Picture:
    """Draw the picture with the group's extent, the weights of each level as a map, and what each level gets in all.

    The maps share one scale, in multiples of the weight that all tokens would have if they were alike. A cross marks
    padding: it has no content, but takes weight.

    Args:
        image: (3, H, W), the picture that the levels come from.
        group: see :func:`udalib.analysis.networks.token_groups.token_group`.
        strides: of the levels, in pixels.
        title: above all.
    """
    count = len(group.parts)
    figure, axes = new_figure(13.0, 2.9, 1, count + 2, gridspec_kw={"width_ratios": (3.2, *[1.2] * count, 1.6)})
    what = "the group's windows" if group.spatial else "cells with this phase: the token's features"
    show_image(axes[0], to_hwc(image), what)
    (_draw_windows if group.spatial else _draw_phase)(axes[0], group, strides)
    tokens = sum(part.weights.numel() + len(part.beyond) for part in group.parts)
    limits = [float(part.weights.min()) * tokens for part in group.parts]
    highest = max(float(part.weights.max()) * tokens for part in group.parts)
    for level, part in enumerate(group.parts):
        shown = axes[level + 1].imshow(part.weights * tokens, cmap="cividis", vmin=min(limits), vmax=highest)
        _finish_part(axes[level + 1], group, level, part)
    figure.colorbar(shown, ax=axes[-2], label="x uniform", shrink=0.75)
    _draw_shares(axes[-1], group, tokens)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _draw_windows(axes: Axes, group: TokenGroup, strides: Sequence[int]) -> None:
    """The window of every level and the token's own cell, in pixels of the picture."""
    for level, (part, stride) in enumerate(zip(group.parts, strides, strict=True)):
        top, left = (stride * corner - 0.5 for corner in part.corner)
        height, width = (stride * n for n in part.weights.shape)
        look: dict[str, Any] = {"edgecolor": COLORS[level], "linestyle": DASHES[level], "linewidth": 1.8}
        axes.add_patch(Rectangle((left, top), width, height, facecolor="none", label=f"L{level}", **look))
    side = strides[group.level]
    corner = (side * group.column - 0.5, side * group.row - 0.5)
    axes.add_patch(Rectangle(corner, side, side, facecolor=COLORS[7], edgecolor="black", alpha=0.9))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, fontsize=7, frameon=False)


def _draw_phase(axes: Axes, group: TokenGroup, strides: Sequence[int]) -> None:
    """The cells of the token's level that have its phase, one in each cell of the coarsest level."""
    side = strides[-1] // strides[group.level]
    rows, columns = np.meshgrid(*(np.arange(n) for n in group.sizes[-1]), indexing="ij")
    y = (rows * side + group.row % side + 0.5) * strides[group.level] - 0.5
    x = (columns * side + group.column % side + 0.5) * strides[group.level] - 0.5
    axes.scatter(x.ravel(), y.ravel(), s=16, marker="s", color=COLORS[7], edgecolors="black", linewidths=0.7)


def _finish_part(axes: Axes, group: TokenGroup, level: int, part: LevelPart) -> None:
    rows, columns = part.weights.shape
    for row, column in np.argwhere(~part.inside.numpy()):
        axes.plot(column, row, marker="x", color="white", markersize=3)
    if level == group.level:
        row, column = (group.row - part.corner[0], group.column - part.corner[1])
        row, column = (row, column) if group.spatial else (row % rows, column % columns)
        frame = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="none", edgecolor=COLORS[5], linewidth=2)
        axes.add_patch(frame)
    axes.set(xticks=[], yticks=[])
    extra = f" + {len(part.beyond)}" if len(part.beyond) else ""
    axes.set_title(f"L{level}: {rows} x {columns}{extra}", fontsize=9)
    axes.set_xlabel(f"{100 * part.share:.1f} % of the weight", fontsize=8)


def _draw_shares(axes: Axes, group: TokenGroup, tokens: int) -> None:
    """Weight of each level beside what it would be if all tokens were alike."""
    counts = [part.weights.numel() + len(part.beyond) for part in group.parts]
    rows = {"read": [100 * part.share for part in group.parts], "uniform": [100 * c / tokens for c in counts]}
    for index, (name, values) in enumerate(rows.items()):
        places = [i + 0.4 * index - 0.2 for i in range(len(values))]
        axes.bar(places, values, width=0.38, label=name, **bar_style(index))
    axes.set_xticks(range(len(counts)), [f"L{i}" for i in range(len(counts))], fontsize=8)
    axes.set_title(f"percent of {tokens} tokens' weight", fontsize=9)
    axes.legend(fontsize=7)
    tidy(axes, grid="y")
