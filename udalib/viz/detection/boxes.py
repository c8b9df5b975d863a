"""Boxes drawn over a picture: in axes for figures, in pixels for files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor
from torchvision.utils import draw_bounding_boxes

from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import COLORS

INKS = tuple(c for c in COLORS if c != "#000000")
"""Colours of classes; black is hard to see in a street."""


def class_ink(label: int) -> str:
    """Colour of a class; the name is always written beside it.

    >>> class_ink(0) == class_ink(7)
    True
    """
    return INKS[label % len(INKS)]


def draw_boxes(axes: Axes, boxes: Tensor, texts: list[str] | None = None, **style: Any) -> None:
    """Outline boxes (N, 4), x0 y0 x1 y1 in pixels, over a picture in ``axes``; ``style`` is that of a rectangle."""
    look = {"facecolor": "none", "linewidth": 1.4, **style}
    for i, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, **look))
        if texts and texts[i]:
            ink = {"color": "white", "fontsize": 6, "va": "bottom"}
            back = {"facecolor": look.get("edgecolor", "black"), "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
            axes.text(x0 - 0.5, y0 - 0.5, texts[i], bbox=back, clip_on=True, **ink)  # type: ignore[arg-type]


def painted(
    image: Any, boxes: Tensor, labels: Tensor, scores: Tensor, space: LabelSpace, *, names: bool = True
) -> NDArray[np.uint8]:
    """The picture with detections painted into it: uint8 (H, W, 3).

    Args:
        image: uint8 (3, H, W) or (H, W, 3).
        boxes: (N, 4) x0 y0 x1 y1 in pixels; one thinner than a pixel is drawn as a pixel.
        labels: class of each.
        scores: of each, in [0, 1]; the best is painted last.
        space: of the labels.
        names: write class and score beside each.
    """
    plain = torch.from_numpy(np.ascontiguousarray(to_hwc(image))).permute(2, 0, 1)
    if not len(boxes):
        return plain.permute(1, 2, 0).numpy()
    order = scores.argsort()
    ids, values = labels[order].tolist(), scores[order].tolist()
    corners = boxes[order].float()
    corners = torch.cat([corners[:, :2], torch.maximum(corners[:, 2:], corners[:, :2])], dim=1)
    texts = [f"{space.names[i]} {v:.2f}" for i, v in zip(ids, values, strict=True)] if names else None
    width = max(1, round(max(plain.shape[-2:]) / 600))
    drawn = draw_bounding_boxes(plain, corners, texts, [class_ink(i) for i in ids], width=width)
    array: NDArray[np.uint8] = drawn.permute(1, 2, 0).numpy()
    return array
