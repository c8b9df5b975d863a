"""Whom one node hears: its neighbours over the picture, and how near all sources are to it in every group."""

from __future__ import annotations

from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from torch import Tensor

from udalib.viz.graphs.cells import FORMS, mark_groups, outline_cells
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import Picture, new_figure, show_image

COLUMNS = 3


class Neighbourhood(NamedTuple):
    """A node and what it hears.

    Attributes:
        image: (3, H, W), uint8 or float in [0, 1].
        nearness: of every source in every group, (G, h, w); larger is nearer.
        neighbours: int64 (G, k), numbers in the grid (h, w), row by row.
        place: (x, y) of the node in pixels; None for a label, which is nowhere.
        wanted: sources that show the node's class, bool (h, w); None if it has none.
    """

    image: Tensor
    nearness: Tensor
    neighbours: Tensor
    place: tuple[float, float] | None = None
    wanted: Tensor | None = None

    def said(self) -> str:
        """How many different sources are heard, and how many of them show the class."""
        different = torch.unique(self.neighbours)
        text = f"{len(different)} different sources of at most {self.neighbours.numel()}"
        if self.wanted is None or not self.wanted.any():
            return text
        right = int(self.wanted.flatten()[different].sum())
        return f"{text}, {right} of them show it ({int(self.wanted.sum())} in the picture do)"


def neighbours_figure(view: Neighbourhood, title: str = "", what: str = "cosine") -> Picture:
    """Draw the picture with the neighbours marked by group, and for each group how near every source is.

    Args:
        view: the node.
        title: who it is; what it hears is added.
        what: of the nearness, for the scale.
    """
    groups = len(view.neighbours)
    columns = min(COLUMNS, groups + 1)
    rows = -(-(groups + 1) // columns)
    image = to_hwc(view.image)
    height, across = size = (image.shape[0], image.shape[1])
    figure, axes = new_figure(4.1 * columns, (4.1 * height / across + 0.5) * rows + 0.4, rows, columns)
    grid = (view.nearness.shape[1], view.nearness.shape[2])
    show_image(axes[0], image, "who is heard")
    mark_groups(axes[0], view.neighbours.tolist(), grid, size)
    low, high = float(view.nearness.min()), float(view.nearness.max())
    for group, panel in enumerate(axes[1 : groups + 1]):
        options = {"cmap": "cividis", "vmin": low, "vmax": high, "extent": (-0.5, across - 0.5, height - 0.5, -0.5)}
        show_image(panel, view.nearness[group].numpy(), f"group {group + 1} ({FORMS[group]})", **options)
        outline_cells(panel, view.neighbours[group].tolist(), grid, size)
    for panel in axes[: groups + 1]:
        _cross(panel, view.place)
    for panel in axes[groups + 1 :]:
        panel.axis("off")
    figure.colorbar(axes[1].images[0], ax=axes, shrink=0.6, label=what)
    figure.suptitle(f"{title}{': ' if title else ''}{view.said()}", fontsize=10)
    return figure


def _cross(axes: Axes, place: tuple[float, float] | None) -> None:
    if place is None:
        return
    for color, width in (("black", 3.5), ("white", 1.5)):
        axes.plot(*place, marker="+", markersize=13, markeredgewidth=width, color=color, zorder=4)
