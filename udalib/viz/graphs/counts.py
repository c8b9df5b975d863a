"""How many different sources every patch of a picture hears."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from udalib.analysis.networks.neighbourhoods import class_shares
from udalib.core.errors import DataError
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import colorize, present_ids, to_hwc, write_names
from udalib.viz.theme import Picture, bar_style, new_figure, show_image, tidy


def counts_figure(
    image: Any, label: Tensor, counts: Tensor, limits: tuple[int, int], space: LabelSpace, *, title: str = ""
) -> Picture:
    """Draw a picture, its labels, the number of distinct sources of each patch, and its mean by the patch's class.

    Args:
        image: (3, H, W), uint8 or float in [0, 1].
        label: ids (H, W).
        counts: int (h, w).
        limits: fewest and most that there can be, k and G k: the ends of the scale.
        space: of the label.
        title: above the panels.

    Raises:
        DataError: a count outside the limits.
    """
    low, high = limits
    if int(counts.min()) < low or int(counts.max()) > high:
        raise DataError(f"counts from {int(counts.min())} to {int(counts.max())} do not lie in {low} to {high}.")
    figure, (picture, names, heat, bars) = new_figure(13.4, 2.6, 1, 4, width_ratios=(1, 1, 1.15, 0.8))
    height, across = label.shape
    show_image(picture, to_hwc(image), "picture")
    show_image(names, colorize(label, space), "labels")
    write_names(names, label, space)
    extent = (-0.5, across - 0.5, height - 0.5, -0.5)
    show_image(heat, counts.numpy(), "different sources heard", cmap="cividis", vmin=low, vmax=high, extent=extent)
    figure.colorbar(heat.images[0], ax=heat, shrink=0.7, ticks=sorted({low, (low + high) // 2, high}))
    own = class_shares(label[None], (counts.shape[0], counts.shape[1]), space.num_classes)[0].argmax(0)
    means = {c: float(counts[own == c].float().mean()) for c in present_ids(own, space)}
    for place, value in enumerate(means.values()):
        bars.barh(place, value, **bar_style(0))
    bars.set_yticks(range(len(means)), [space.names[c] for c in means], fontsize=7)
    bars.set(xlim=(0, high + 0.5), ylim=(len(means) - 0.4, -0.6))
    for limit in {low, high}:
        bars.axvline(limit, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
    bars.set_title(f"mean by class (dotted: {low} and {high})", fontsize=10)
    tidy(bars, grid="x")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure
