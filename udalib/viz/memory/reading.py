"""What the pixels of one image read: the map of an item's weights, and which classes it belongs to."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import present_ids, to_hwc
from udalib.viz.theme import Picture, bar_style, new_figure, show_image, tidy


class Recall(NamedTuple):
    """One image as a network with memory reads it.

    Attributes:
        image: (3, H, W), float in [0, 1] or uint8.
        label: true ids (H, W).
        scores: cosines of its pixels and the items, (K, h, w).
    """

    image: Tensor
    label: Tensor
    scores: Tensor

    def weights(self, temperature: float = 1.0) -> Tensor:
        """Reading weights (K, h, w): soft-max over the items of the scores divided by ``temperature``.

        The network reads at 1.

        Raises:
            ConfigError: a temperature that is not positive.
        """
        if temperature <= 0:
            raise ConfigError(f"the temperature is {temperature}; it must be positive (the network's is 1).")
        return (self.scores / temperature).softmax(0)

    def small_label(self) -> Tensor:
        """The label at the scores' size (h, w), nearest neighbour."""
        size = tuple(self.scores.shape[-2:])
        return F.interpolate(self.label[None, None].float(), size, mode="nearest")[0, 0].long()


def reading_figure(
    recall: Recall, item: int, space: LabelSpace, *, temperature: float = 1.0, title: str = ""
) -> Picture:
    """Draw the image, the weight of ``item`` at each pixel, and its mean weight by true class.

    The scale of the map begins at 0 and ends at the largest weight of this item in this image; the bars carry a line
    at 1 / K, the weight that all items have where nothing is remembered.
    """
    weights = recall.weights(temperature).detach().float().cpu()
    chosen, chance = weights[item], 1 / len(weights)
    figure, (picture, heat, bars) = new_figure(12.6, 3.0, 1, 3)
    show_image(picture, to_hwc(recall.image), title or "image")
    height, across = recall.label.shape
    shown = heat.imshow(chosen.numpy(), cmap="cividis", vmin=0, vmax=float(chosen.max()), extent=(0, across, height, 0))
    heat.set(xticks=[], yticks=[])
    heat.set_title(f"weight of item '{space.names[item]}'", fontsize=10)
    figure.colorbar(shown, ax=heat, shrink=0.7)
    label = recall.small_label().cpu()
    found = {c: float(chosen[label == c].mean()) for c in present_ids(label, space)}
    for place, (c, value) in enumerate(found.items()):
        bars.barh(place, value, **bar_style(1 if c == item else 0))
    bars.set_yticks(range(len(found)), [space.names[c] for c in found], fontsize=7)
    bars.invert_yaxis()
    bars.axvline(chance, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
    bars.set_xlabel(f"mean weight over pixels of a true class; dotted: 1/{len(weights)}", fontsize=8)
    bars.set_title(f"who reads it, temperature {temperature:g}", fontsize=10)
    tidy(bars, grid="x")
    return figure
