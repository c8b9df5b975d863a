"""The atlas: one picture a layer and run, its measures below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from udalib.analysis.features import Atlas
from udalib.core.errors import ConfigError, unknown_name
from udalib.viz.features.marks import VIEWS, draw_points, legend_marks, ring
from udalib.viz.theme import Picture, new_figure

CAPTION = {"a_distance": "A-distance", "knn_purity": "purity", "source_to_target": "target among source"}
"""The measures below a picture; all of them are in :func:`udalib.viz.features.measures_table`."""
PANEL = 3.1


def atlas_figure(
    atlas: Atlas,
    *,
    color: str = "class",
    runs: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    picked: int | None = None,
    title: str = "",
) -> Picture:
    """Draw a column a run and a row a layer; the shape of a mark is its domain.

    A row is one embedding with one pair of axes, so a place means the same in all its pictures if the atlas is shared.
    Distances between clusters and their sizes mean nothing in a t-SNE; the numbers below the pictures do.

    Args:
        atlas: what is shown.
        color: what colour stands for: "class", "domain" or "error".
        runs: some of the atlas's; None = all.
        layers: likewise.
        classes: names of those that are shown; None = all.
        picked: number of a point to mark by a ring.
        title: above all.

    Raises:
        UnknownNameError: a run, layer, class or view that is not there.
        ConfigError: nothing to draw.
    """
    chosen = choose(atlas, runs, layers, classes)
    across, down = len(chosen["runs"]), len(chosen["layers"])
    panel = max(PANEL, min(4.4, 12.6 / across))
    rows = 0.22 * -(-len(legend_marks(atlas, color, _ids(atlas, chosen["classes"]))) // legend_columns(across))
    size = (max(panel * across, 5.2), (panel * 0.86 + 0.42) * down + rows + 0.25 + 0.3 * bool(title))
    figure, _ = new_figure(*size, 1, 1)
    figure.clear()
    draw_atlas(figure, atlas, color, chosen, picked)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def choose(
    atlas: Atlas, runs: Sequence[str] | None, layers: Sequence[str] | None, classes: Sequence[str] | None
) -> dict[str, tuple[str, ...]]:
    """Runs, layers and names of classes to draw, after checking them; None = all."""
    features = atlas.features
    names = tuple(features.space.names[c] for c in features.classes)
    chosen = {}
    for kind, known, wanted in (
        ("run", features.runs, runs),
        ("layer", features.layers, layers),
        ("class", names, classes),
    ):
        values = known if wanted is None else tuple(wanted)
        if not values:
            raise ConfigError(f"no {kind} is chosen; choose one or more of {', '.join(known)}.")
        for value in values:
            if value not in known:
                raise unknown_name(f"{kind} of this atlas", value, known)
        chosen["classes" if kind == "class" else f"{kind}s"] = values
    return chosen


def draw_atlas(
    figure: FigureBase, atlas: Atlas, color: str, chosen: Mapping[str, tuple[str, ...]], picked: int | None
) -> None:
    """Fill an empty figure, or part of one, with what :func:`choose` chose."""
    if color not in VIEWS:
        raise unknown_name("view", color, VIEWS)
    ids = _ids(atlas, chosen["classes"])
    shown = np.isin(atlas.features.points.label, ids)
    runs, layers = chosen["runs"], chosen["layers"]
    grid = figure.subplots(len(layers), len(runs), squeeze=False)
    for row, layer in zip(grid, layers, strict=True):
        limits = _limits(atlas, runs, layer)
        for axes, run in zip(row, runs, strict=True):
            _panel(axes, atlas, (run, layer), limits, len(layers))
            draw_points(axes, atlas, (run, layer), color, shown)
            if picked is not None:
                ring(axes, atlas.coordinates[run, layer][picked])
    marks = legend_marks(atlas, color, ids)
    columns = legend_columns(len(runs))
    figure.legend(handles=marks, loc="outside lower center", ncols=columns, fontsize=8, frameon=False, handlelength=1.2)


def legend_columns(across: int) -> int:
    """Entries beside one another in the legend of ``across`` columns of pictures."""
    return max(4, min(10, 3 * across))


def _ids(atlas: Atlas, names: Sequence[str]) -> list[int]:
    return sorted(atlas.features.space.index(name) for name in names)


def _limits(atlas: Atlas, runs: Sequence[str], layer: str) -> NDArray[np.float64]:
    """(2, 2): lowest and highest x and y of a row of pictures, with a margin."""
    points = np.concatenate([atlas.coordinates[run, layer] for run in runs])
    low, high = points.min(axis=0), points.max(axis=0)
    return np.stack([low - 0.06 * (high - low), high + 0.06 * (high - low)])


def _panel(axes: Axes, atlas: Atlas, key: tuple[str, str], limits: NDArray[np.float64], layers: int) -> None:
    axes.set(xlim=limits[:, 0], ylim=limits[:, 1], xticks=[], yticks=[])
    axes.set_box_aspect(0.86)  # one shape however many there are
    axes.spines[:].set_color("#BBBBBB")
    run, layer = key
    axes.set_title(run + f", {layer}" * (layers > 1), fontsize=9)
    axes.set_xlabel(caption(atlas.measures[key]), fontsize=7.5)


def caption(values: Mapping[str, Any]) -> str:
    """The measures of :data:`CAPTION` in one line."""
    return "   ".join(f"{title} {values[name]:.2f}" for name, title in CAPTION.items() if values.get(name) is not None)
