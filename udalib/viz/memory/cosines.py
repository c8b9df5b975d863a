"""Cosines between the items of a memory, as heat maps with the classes' names."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import LabelSpace
from udalib.viz.theme import Picture, new_figure


def cosines_figure(memories: Mapping[str, Tensor], space: LabelSpace, *, title: str = "") -> Picture:
    """Draw the cosines of the items of each memory (K, D) beside the others, on one scale of colours.

    Raises:
        ConfigError: no memory.
        DataError: one without an item for each class of ``space``.
    """
    if not memories:
        raise ConfigError("there is no memory to draw; give at least one.")
    for name, items in memories.items():
        if items.ndim != 2 or len(items) != space.num_classes:
            raise DataError(f"memory {name!r} must be ({space.num_classes}, D), got shape {tuple(items.shape)}.")
    figure, axes = new_figure(3.7 * len(memories) + 2.0, 4.6 + 0.4 * bool(title), 1, len(memories))
    for panel, (name, items) in zip(axes, memories.items(), strict=True):
        shown = draw_cosines(panel, items, space, names=panel is axes[0])
        panel.set_title(name, fontsize=10)
    figure.colorbar(shown, ax=list(axes), shrink=0.75, label="cosine")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def draw_cosines(axes: Axes, items: Tensor, space: LabelSpace, *, names: bool = True) -> AxesImage:
    """The matrix on ``axes``; an item that was never written has a row of zeros. Returns the image for a scale."""
    unit = F.normalize(items.detach().float().cpu(), dim=1)
    shown = axes.imshow((unit @ unit.T).numpy(), cmap="cividis", vmin=0, vmax=1)
    places = range(space.num_classes)
    axes.set_xticks(places, space.names, fontsize=7, rotation=90)
    axes.set_yticks(places, space.names if names else [""] * len(places), fontsize=7)
    return shown
