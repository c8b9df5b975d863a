"""Whose pictures a class's patches are like, against chance: a table of lifts with its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.viz.theme import Picture, new_figure, shorten


def lift_figure(lift: Tensor, counts: Sequence[int], names: Sequence[str], *, title: str = "") -> Picture:
    """Draw ``lift`` (C, C), probability over chance, rows = class of the patch, columns = class of what it is like.

    Both run from head to tail by ``counts``. The scale of colours is logarithmic around 1; each cell has its number.

    Raises:
        ConfigError: the table does not have a row and a column a class, or holds negative numbers.
    """
    if lift.shape != (len(counts),) * 2 or len(names) != len(counts) or bool((lift < 0).any()):
        raise ConfigError(f"give lifts of 0 or more, ({len(counts)}, {len(counts)}), got {tuple(lift.shape)}.")
    order = sorted(range(len(counts)), key=lambda c: -counts[c])
    table = lift[order][:, order].double().numpy()
    turned = np.log2(np.maximum(table, 2.0**-6))
    bound = max(1.0, float(np.abs(turned).max()))
    figure, (axes,) = new_figure(7.2, 5.6)
    shown = axes.imshow(turned, cmap="PuOr", vmin=-bound, vmax=bound)
    for row, column in np.ndindex(*table.shape):
        color = "white" if abs(turned[row, column]) > 0.7 * bound else "black"
        axes.text(column, row, f"{table[row, column]:.2f}", ha="center", va="center", fontsize=7.5, color=color)
    short = shorten([names[c] for c in order], 11)
    axes.set_xticks(range(len(short)), short, fontsize=8, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(short)), short, fontsize=8)
    axes.set(xlabel="class of the training pictures, head to tail", ylabel="class of the patch", title=title)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="log2 of the lift; 0 = as chance")
    return figure
