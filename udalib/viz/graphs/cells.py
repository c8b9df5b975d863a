"""Cells of a grid over a picture: outlines, and marks that tell groups apart by form and place, not by colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from udalib.viz.theme import COLORS, MARKERS

OFFSETS = ((-0.22, -0.22), (0.22, 0.22), (0.22, -0.22), (-0.22, 0.22))
"""Where in a cell each group has its mark, in parts of the cell."""
FORMS = ("circles", "squares", "triangles", "diamonds")
"""The first of the theme's markers in words."""


def cell_box(cell: int, grid: tuple[int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, width and height of cell number ``cell`` (row by row) of a ``grid`` over a picture of ``size``."""
    row, column = divmod(cell, grid[1])
    high, wide = size[0] / grid[0], size[1] / grid[1]
    return column * wide - 0.5, row * high - 0.5, wide, high


def outline_cells(axes: Axes, cells: Iterable[int], grid: tuple[int, int], size: tuple[int, int]) -> None:
    """Draw the border of each cell in white with a black rim."""
    for cell in cells:
        left, top, wide, high = cell_box(cell, grid, size)
        for color, width in (("black", 2.6), ("white", 1.2)):
            axes.add_patch(Rectangle((left, top), wide, high, facecolor="none", edgecolor=color, linewidth=width))


def mark_groups(axes: Axes, chosen: Sequence[Sequence[int]], grid: tuple[int, int], size: tuple[int, int]) -> None:
    """Mark the cells of every group, each group by a form, a colour and a place in the cell of its own."""
    for group, cells in enumerate(chosen):
        boxes = [cell_box(cell, grid, size) for cell in cells]
        across, down = OFFSETS[group % len(OFFSETS)]
        x = [left + (0.5 + across) * wide for left, _, wide, _ in boxes]
        y = [top + (0.5 + down) * high for _, top, _, high in boxes]
        form, color = MARKERS[group % len(MARKERS)], COLORS[group % len(COLORS)]
        axes.scatter(x, y, s=46, marker=form, color=color, edgecolors="white", linewidths=0.9, zorder=3)
