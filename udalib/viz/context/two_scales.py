"""HRDA in one picture: what the context sees, what the detail sees, whom the attention trusts, what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from udalib.data.labels import LabelSpace
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.ops import resize
from udalib.ops.scales import Box
from udalib.viz.explorer.inputs import as_float
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.pictures.regions import outline
from udalib.viz.theme import Picture, new_figure, show_image


@dataclass(frozen=True)
class ScalesView:
    """One image (H, W) at two scales, with the detail in ``box``.

    Attributes:
        image: float (3, H, W) in [0, 1].
        small: the context as the encoder sees it, float (3, h', w').
        box: the detail's place.
        context, fused: predicted train ids (H, W).
        detail: predicted train ids of the box (h, w).
        attention: trust in the detail in [0, 1], (C or 1, H, W), not masked to the box.
    """

    image: Tensor
    small: Tensor
    box: Box
    context: Tensor
    fused: Tensor
    detail: Tensor
    attention: Tensor

    def right(self, truth: Tensor) -> tuple[float, float, float]:
        """Share of the labelled pixels in the box that context, detail and their fusion name as ``truth`` (H, W)."""
        label = self.box.cut(truth)
        known = label != 255
        guesses = (self.box.cut(self.context), self.detail, self.box.cut(self.fused))
        context, detail, fused = (float((guess == label)[known].float().mean()) for guess in guesses)
        return context, detail, fused


@torch.no_grad()
def view_scales(network: MultiResolutionNetwork, image: Any, box: Box) -> ScalesView:
    """Run ``network``, in eval mode, on one image (3, H, W) as in training: one detail, in ``box``."""
    picture = as_float(image)
    size = (picture.shape[-2], picture.shape[-1])
    run = network.forward_scales(picture[None], box)
    context = network.decode(run.context_features)

    def ids(logits: Tensor, to: tuple[int, int]) -> Tensor:
        return resize(logits, to, network.align_corners).argmax(1)[0]

    attention = resize(run.attention, size, network.align_corners)[0]
    small = network.context(picture[None])[0]
    parts = (ids(context, size), ids(run.fused, size), ids(run.detail, box.size))
    return ScalesView(picture, small, box, *parts, attention)


def scales_figure(
    view: ScalesView, space: LabelSpace, class_id: int = 0, *, truth: Any = None, title: str = ""
) -> Picture:
    """Draw images above predictions: the whole with the box, the context, the detail; the attention of one class.

    With ``truth`` (H, W) the titles say which share of the pixels in the box each prediction has right.
    """
    height, across = view.fused.shape
    figure, axes = new_figure(13.0, 2 * (3.1 * height / across + 0.4) + 0.3, 2, 4)
    label = None if truth is None else torch.as_tensor(truth).long()
    shares = ["", "", ""] if label is None else [f", {100 * s:.0f} % right in the box" for s in view.right(label)]
    show_image(axes[0], to_hwc(view.image), f"image, {height} x {across}; the box")
    _outlined(axes[0], view)
    small = view.small.shape
    show_image(axes[1], to_hwc(view.small), f"context: all of it, {small[1]} x {small[2]}")
    show_image(axes[2], to_hwc(view.box.cut(view.image)), "detail: the box, {} x {}".format(*view.box.size))
    _attention(axes[3], view, space, class_id)
    _prediction(axes[4], view.fused if label is None else label, space, "fused" if label is None else "truth", view)
    _prediction(axes[5], view.context, space, f"context{shares[0]}", view)
    _prediction(axes[6], view.detail, space, f"detail{shares[1]}")
    _prediction(axes[7], view.fused, space, f"fused{shares[2]}", view)
    if label is None:
        axes[4].remove()
    figure.suptitle(title, fontsize=10)
    return figure


def _outlined(axes: Axes, view: ScalesView) -> None:
    inside = np.zeros(tuple(view.fused.shape), dtype=bool)
    inside[view.box.top : view.box.bottom, view.box.left : view.box.right] = True
    outline(axes, inside)


def _prediction(axes: Axes, ids: Tensor, space: LabelSpace, title: str, boxed: ScalesView | None = None) -> None:
    show_image(axes, colorize(ids, space), title)
    write_names(axes, ids, space, min_pixels=max(ids.numel() // 150, 1))
    if boxed is not None:
        _outlined(axes, boxed)


def _attention(axes: Axes, view: ScalesView, space: LabelSpace, class_id: int) -> None:
    """Attention in the colours of its scale, mean inside the box in the title."""
    shared = len(view.attention) == 1
    values = view.attention[0 if shared else class_id]
    mean = float(view.box.cut(values).mean())
    name = "all classes" if shared else space.names[class_id]
    show_image(axes, values.numpy(), f"attention, {name}: {mean:.2f} in the box", cmap="cividis", vmin=0, vmax=1)
    _outlined(axes, view)
    axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.8, ticks=[0, 0.5, 1], pad=0.02)
