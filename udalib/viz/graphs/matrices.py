"""Matrices between labels as heat maps with numbers, each on a scale of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from udalib.core.errors import ConfigError, DataError
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.theme import Picture, new_figure, shorten


def label_matrices(
    matrices: Mapping[str, Any], names: Sequence[str], *, rows: str = "", columns: str = "", digits: int = 2
) -> Picture:
    """Draw matrices (L, L) beside one another, a number in every cell.

    Args:
        matrices: title -> values; NaN is left empty.
        names: of the labels.
        rows: what the rows are.
        columns: what the columns are.
        digits: after the point.

    Raises:
        ConfigError: no matrix.
        DataError: one without a row and a column for each name.
    """
    values = {name: np.asarray(to_numpy(matrix), dtype=np.float64) for name, matrix in matrices.items()}
    if not values:
        raise ConfigError("there is no matrix to draw; give at least one.")
    for name, matrix in values.items():
        if matrix.shape != (len(names), len(names)):
            raise DataError(f"matrix {name!r} must be {(len(names),) * 2}, got shape {matrix.shape}.")
    side = 0.36 * len(names) + 1.5
    figure, axes = new_figure((side - 0.2) * len(values), side, 1, len(values))
    short = shorten(names, 10)
    for panel, (name, matrix) in zip(axes, values.items(), strict=True):
        shown = panel.imshow(matrix, cmap="cividis")
        low, high = shown.get_clim()
        for row, column in np.argwhere(np.isfinite(matrix)):
            dark = matrix[row, column] < low + 0.6 * (high - low)
            text = f"{matrix[row, column]:.{digits}f}"
            panel.text(column, row, text, ha="center", va="center", fontsize=6, color="white" if dark else "black")
        panel.set_xticks(range(len(names)), short, rotation=90, fontsize=7)
        panel.set_yticks(range(len(names)), short, fontsize=7)
        panel.set(xlabel=columns, ylabel=rows)
        panel.set_title(name, fontsize=10)
    return figure
