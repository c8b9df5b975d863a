"""Which classes were seen pasted from which domain into which: the holes that one-way mixing leaves."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from udalib.analysis.crossings import CROSSINGS
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.theme import Picture, new_figure, shorten


def holes_figure(counts: Mapping[str, Tensor], space: LabelSpace, *, title: str = "") -> Picture:
    """One panel a way of mixing: a row a crossing, a column a class; a cross where the class was never seen.

    Args:
        counts: name -> pixels, (4, C), see :func:`udalib.analysis.crossings.count_crossings`.
        space: names of the classes.
        title: above all.

    Raises:
        ConfigError: nothing to draw.
    """
    if not counts:
        raise ConfigError("there are no crossings to draw; give the counts of one or more ways of mixing.")
    figure, axes = new_figure(10.5, 1.35 * len(counts) + 1.0, len(counts), 1, sharex=True)
    top = max(float((each + 1).log10().max()) for each in counts.values())
    for panel, (name, each) in zip(axes, counts.items(), strict=True):
        shown = panel.imshow((each + 1).log10().numpy(), cmap="cividis", vmin=0, vmax=top, aspect="auto")
        rows, columns = (each == 0).nonzero(as_tuple=True)
        panel.plot(columns, rows, "x", color="white", markersize=5)
        panel.set_yticks(range(len(CROSSINGS)), CROSSINGS, fontsize=8)
        panel.set_title(f"{name}: {int((each > 0).sum())} of {each.numel()} seen", fontsize=9)
    axes[-1].set_xticks(range(space.num_classes), shorten(space.names), rotation=60, fontsize=8, ha="right")
    bar = figure.colorbar(shown, ax=axes, pad=0.01)
    bar.set_label("log10 of pixels + 1\n(cross: never)", fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure
