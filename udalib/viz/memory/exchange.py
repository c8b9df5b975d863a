"""Items taken out of a memory or exchanged, and what the network says then."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from udalib.core.errors import unknown_name
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.theme import Picture, new_figure, show_image

EXCHANGES = ("exchange", "overwrite", "remove", "remove all")
Exchange = Literal["exchange", "overwrite", "remove", "remove all"]


def exchanged_items(items: Tensor, kind: str, item: int, other: int) -> Tensor:
    """A copy of ``items`` (K, D), changed.

    "exchange" lets ``item`` and ``other`` change places, which moves no prediction, since a read is a sum over the
    items; "overwrite" puts ``other`` in the place of ``item`` as well; "remove" makes ``item`` zero, "remove all" every
    item (nothing is read then but the pixel itself).

    Raises:
        UnknownNameError: another ``kind``.
    """
    changed = items.clone()
    if kind == "exchange":
        changed[[item, other]] = items[[other, item]]
    elif kind == "overwrite":
        changed[item] = items[other]
    elif kind == "remove":
        changed[item] = 0
    elif kind == "remove all":
        changed.zero_()
    else:
        raise unknown_name("change of the memory", kind, EXCHANGES)
    return changed


def exchange_figure(
    image: Tensor, label: Tensor, before: Tensor, after: Tensor, space: LabelSpace, *, title: str = ""
) -> Picture:
    """Draw image (3, H, W), the prediction from logits ``before`` and ``after`` (K, H, W), and where they differ.

    The last panel is the total variation between both soft-maxes, between 0 and 1, which shows a change that is too
    small to turn a label over.
    """
    said = [logits.detach().float().cpu() for logits in (before, after)]
    first, second = (logits.argmax(0) for logits in said)
    distance = 0.5 * (said[0].softmax(0) - said[1].softmax(0)).abs().sum(0)
    valid = label.cpu() != IGNORE_INDEX
    right = [100 * float((p == label.cpu())[valid].float().mean()) if valid.any() else np.nan for p in (first, second)]
    figure, axes = new_figure(12.6, 2.4, 1, 4)
    show_image(axes[0], to_hwc(image), "image")
    for panel, prediction, name, score in zip(axes[1:3], (first, second), ("as stored", "changed"), right, strict=True):
        show_image(panel, colorize(prediction, space), f"{name}: {score:.1f} % right")
        write_names(panel, prediction, space)
    moved = 100 * float((first != second).float().mean())
    shown = axes[3].imshow(distance.numpy(), cmap="cividis", vmin=0, vmax=max(float(distance.max()), 1e-3))
    axes[3].set(xticks=[], yticks=[])
    axes[3].set_title(f"distance of soft-maxes; {moved:.1f} % of labels turn", fontsize=9)
    figure.colorbar(shown, ax=axes[3], shrink=0.7)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def chosen_ids(items: Tensor) -> list[int]:
    """Ids of the items (K, D) that something was written to."""
    return [int(i) for i in torch.nonzero((items != 0).any(1)).flatten()]
