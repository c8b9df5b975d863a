"""The look of every figure: colour-blind-safe colours, each always paired with a marker, a dash and a hatch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

# Okabe and Ito's palette, ordered so that neighbours differ in lightness too.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
HATCHES = ("", "///", "...", "xx", "\\\\\\", "ooo", "++", "**")
TEXT_COLOR = "#222222"
GRID_COLOR = "#D9D9D9"


class Picture(Figure):
    """A Matplotlib figure that shows itself in a notebook without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        return to_png(self)


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Picture, list[Axes]]:
    """Return an empty figure of ``width`` x ``height`` inches and its axes in reading order."""
    figure = Picture(figsize=(width, height), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    grid = np.atleast_1d(figure.subplots(rows, columns, **options))
    return figure, list(grid.ravel())


def tidy(axes: Axes, *, grid: str | None = None) -> Axes:
    """Remove the top and right frame lines; ``grid`` "x", "y" or "both" draws light lines behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid is not None:
        axes.grid(True, axis=grid, color=GRID_COLOR, linewidth=0.8)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
    return axes


def show_image(axes: Axes, image: NDArray[Any], title: str = "", **options: Any) -> Axes:
    """Draw an image without ticks; ``image`` (H, W, 3) or (H, W) with a colour map in ``options``."""
    axes.imshow(image, interpolation=options.pop("interpolation", "nearest"), **options)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    if title:
        axes.set_title(title, fontsize=10, color=TEXT_COLOR)
    return axes


def line_style(index: int) -> dict[str, Any]:
    """Colour, marker and dash of series number ``index``: three ways to tell it from its neighbours."""
    dash = DASHES[index % len(DASHES)]
    return {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)], "linestyle": dash}


def bar_style(index: int) -> dict[str, Any]:
    """Fill, hatch and edge of bar series number ``index``."""
    color, hatch = COLORS[index % len(COLORS)], HATCHES[index % len(HATCHES)]
    return {"facecolor": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.5}


def to_png(figure: Figure, dpi: float | None = None) -> bytes:
    """Render ``figure`` to PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi or "figure", facecolor="white")
    return buffer.getvalue()


def to_array(figure: Figure) -> NDArray[np.uint8]:
    """Render ``figure`` to a uint8 (H, W, 3) array."""
    with Image.open(io.BytesIO(to_png(figure))) as picture:
        return np.asarray(picture.convert("RGB"))


def whole_percent(value: float) -> str:
    """A percentage without decimals; what is above 0 and below 1 is not rounded away.

    >>> whole_percent(0.2), whole_percent(41.7)
    ('< 1', '42')
    """
    return "< 1" if 0 < value < 1 else f"{value:.0f}"


def shorten(names: Sequence[str], length: int = 9) -> list[str]:
    """Cut long names for crowded axes: "traffic light" -> "t. light", then to ``length`` characters."""
    short = [name.replace("traffic ", "t. ") for name in names]
    return [name if len(name) <= length else name[: length - 1] + "." for name in short]
