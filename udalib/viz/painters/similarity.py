"""The similarity of the states between layers as heat maps, groups of like states outlined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from udalib.analysis.layers.similarity import similarity_groups
from udalib.core.errors import ConfigError, DataError
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.theme import COLORS, Picture, new_figure


def similarity_figure(matrices: Mapping[str, Any], *, threshold: float | None = None, title: str = "") -> Picture:
    """Draw each matrix of :func:`udalib.analysis.layers.layer_similarity` beside the others, on one scale of colours.

    Args:
        matrices: name -> cosine similarities (L, L); state 0 is the input of the first layer.
        threshold: outline the groups of neighbours that are all at least this much alike
            (:func:`udalib.analysis.layers.similarity_groups`), and name them below; None: no groups.
        title: above the panels.

    Raises:
        ConfigError: no matrix.
        DataError: one that is not square.
    """
    values = {name: np.asarray(to_numpy(matrix), dtype=np.float64) for name, matrix in matrices.items()}
    if not values:
        raise ConfigError("there is no matrix to draw; give at least one.")
    for name, matrix in values.items():
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise DataError(f"similarities {name!r} must be (L, L), got shape {matrix.shape}.")
    low = min(0.0, *(float(matrix.min()) for matrix in values.values()))
    figure, axes = new_figure(3.5 * len(values) + 0.9, 3.9 + 0.3 * bool(title), 1, len(values))
    for panel, (name, matrix) in zip(axes, values.items(), strict=True):
        shown = panel.imshow(matrix, cmap="cividis", vmin=low, vmax=1)
        _finish(panel, name, matrix, threshold)
    axes[0].set_ylabel("layers that have run (0: input)", fontsize=9)
    figure.colorbar(shown, ax=axes, shrink=0.75, label="cosine similarity")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _finish(axes: Axes, name: str, matrix: NDArray[np.float64], threshold: float | None) -> None:
    axes.set_title(name, fontsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.tick_params(labelsize=8)
    if threshold is None:
        return
    groups = similarity_groups(torch.from_numpy(matrix), threshold)
    for first, last in groups:
        side = last - first + 1
        axes.add_patch(
            Rectangle((first - 0.5, first - 0.5), side, side, facecolor="none", edgecolor=COLORS[5], linewidth=2.0)
        )
    axes.set_xlabel(f"{len(groups)} groups at {threshold:g}: " + _groups_text(groups), fontsize=8)


def _groups_text(groups: list[tuple[int, int]], most: int = 8) -> str:
    texts = [f"{first}-{last}" if last > first else str(first) for first, last in groups]
    return " | ".join(texts if len(texts) <= most else [*texts[: most - 2], "...", texts[-1]])
