"""ELN's pixel contrast on one image: anchors, positives and negatives in a window, and the loss of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle
from torch import Tensor

from udalib.core.errors import DataError
from udalib.data.labels import LabelSpace
from udalib.ops.contrastive import Corner, class_pair_sums, one_hot, positive_share, unit
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.pictures.regions import hatch
from udalib.viz.theme import COLORS, Picture, bar_style, new_figure, show_image, tidy

ROLES = (
    ("rejected: takes no part", "#9A9A9A"),
    ("negative", "#F2F2F2"),
    ("anchor (teacher) and positive (student)", COLORS[0]),
)


@dataclass(frozen=True)
class ContrastView:
    """One window of one image.

    Attributes:
        corner, window: its top left corner (row, column) and its side, in positions of the embeddings.
        label: pseudo labels of the whole map (h, w), 255 = rejected.
        class_id: the class looked at.
        similarity: mean of exp(cos / tau) of each student's pixel over the anchors of the class, (window, window); NaN
            without an anchor.
        anchors: pixels of each class in the window, (C,).
        positive_share: pos / (pos + neg) of each class, (C,); NaN where it does not occur.
        losses: -log of it over the number of anchors, (C,); NaN likewise.
    """

    corner: Corner
    window: int
    label: Tensor
    class_id: int
    similarity: Tensor
    anchors: Tensor
    positive_share: Tensor
    losses: Tensor

    @property
    def loss(self) -> float:
        """Mean over the classes that occur; 0 without any."""
        present = self.anchors > 0
        return float(self.losses[present].mean()) if present.any() else 0.0

    @property
    def inside(self) -> Tensor:
        """The window's pseudo labels."""
        top, left = self.corner
        return self.label[top : top + self.window, left : left + self.window]

    @property
    def roles(self) -> Tensor:
        """Index into :data:`ROLES` of each pixel of the window."""
        ids = self.inside
        return torch.where(ids == self.class_id, 2, torch.where(ids < len(self.anchors), 1, 0))


@torch.no_grad()
def view_contrast(
    teacher: Tensor, student: Tensor, label: Tensor, corner: Corner, class_id: int, *, num_classes: int,
    window: int = 8, temperature: float = 0.5,
) -> ContrastView:  # fmt: skip
    """Look at one window of embeddings (D, h, w) with pseudo labels (h, w), 255 = rejected; the batch is one image.

    Raises:
        DataError: the maps differ in size, or the window leaves them.
    """
    size = tuple(label.shape)
    if tuple(teacher.shape) != tuple(student.shape) or tuple(teacher.shape[1:]) != size:
        raise DataError(f"embeddings {tuple(teacher.shape)} and {tuple(student.shape)} do not fit labels {size}.")
    top, left = corner
    if min(corner) < 0 or top + window > size[0] or left + window > size[1]:
        raise DataError(f"a window of {window} x {window} at {corner} leaves embeddings of {size[0]} x {size[1]}.")
    part = (slice(None), slice(top, top + window), slice(left, left + window))
    anchors, others = (unit(x[part].flatten(1).T) for x in (teacher, student))
    member = one_hot(label[part[1:]].flatten(), num_classes, others.dtype)
    sums, count = class_pair_sums(anchors, others, member, temperature, len(others)), member.sum(0)
    share = torch.where(count > 0, positive_share(sums), torch.nan)
    chosen = anchors[member[:, class_id] > 0]
    near = torch.exp(chosen @ others.T / temperature).mean(0).view(window, window)
    return ContrastView(corner, window, label, class_id, near, count, share, -share.log() / count)


def contrast_figure(view: ContrastView, image: Any, space: LabelSpace, *, title: str = "") -> Picture:
    """Draw the image (3, H, W) and the pseudo labels with the window; inside it roles and similarities; the losses."""
    figure, axes = new_figure(12.6, 5.8)
    axes[0].remove()
    grid = figure.add_gridspec(2, 3, width_ratios=[1.5, 0.95, 1.3])
    places = ((0, 0), (1, 0), (0, 1), (1, 1), (slice(None), 2))
    panels = [figure.add_subplot(grid[place]) for place in places]
    picture = to_hwc(image)
    show_image(panels[0], picture, "image and window")
    _frame(panels[0], view, picture.shape[0] / view.label.shape[0])
    show_image(panels[1], colorize(view.label, space), "pseudo labels, black: rejected")
    write_names(panels[1], view.label, space, min_pixels=10)
    _frame(panels[1], view, 1.0)
    _roles(panels[2], view, space)
    _similarity(panels[3], view, space)
    _losses(panels[4], view, space)
    figure.suptitle(title, fontsize=10)
    return figure


def _frame(axes: Axes, view: ContrastView, scale: float) -> None:
    top, left = (scale * edge - 0.5 for edge in view.corner)
    for color, width in (("black", 3.5), ("white", 1.5)):
        side = scale * view.window
        axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=color, linewidth=width, clip_on=False))


def _roles(axes: Axes, view: ContrastView, space: LabelSpace) -> None:
    colors = ListedColormap([color for _, color in ROLES])
    name = space.names[view.class_id]
    show_image(axes, view.roles.numpy(), f"roles for class {name}", cmap=colors, vmin=-0.5, vmax=2.5)
    hatch(axes, view.roles == 0, "xxx")
    for row, column in (view.roles == 2).nonzero().tolist():
        axes.plot(column, row, "o", markersize=3, color="white")
    axes.spines[:].set(visible=True, color="#888888")
    patches = [
        Patch(facecolor=color, edgecolor="#888888", label=text, hatch="" if place else "xxx")
        for place, (text, color) in enumerate(ROLES)
    ]
    axes.legend(handles=patches, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.01), frameon=False)


def _similarity(axes: Axes, view: ContrastView, space: LabelSpace) -> None:
    values = view.similarity.numpy()
    axes.set_title(
        f"mean exp(cos / tau) of each student's pixel\nto the anchors of {space.names[view.class_id]}", fontsize=9
    )
    if not np.isfinite(values).all():
        axes.axis("off")
        axes.text(0.5, 0.5, "no anchor\nin this window", ha="center", va="center", transform=axes.transAxes)
        return
    axes.imshow(values, cmap="cividis", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.8, pad=0.03)


def _losses(axes: Axes, view: ContrastView, space: LabelSpace) -> None:
    """A bar a class that occurs, with its anchors and its share; the class looked at is hatched."""
    ids = (view.anchors > 0).nonzero().flatten().tolist()
    values = [float(view.losses[c]) for c in ids]
    for place, (c, value) in enumerate(zip(ids, values, strict=True)):
        axes.barh(place, value, height=0.65, **bar_style(1 if c == view.class_id else 0))
        text = f" {value:.3g}: share {100 * float(view.positive_share[c]):.0f} %, {_count(int(view.anchors[c]))}"
        axes.annotate(text, (max(value, 0), place), va="center", fontsize=8)
    axes.set_yticks(range(len(ids)), [space.names[c] for c in ids], fontsize=9)
    axes.set(
        ylim=(max(len(ids), 1) - 0.4, -0.6),
        xlim=(0, 2.4 * max([*values, 1e-6])),
        xlabel="loss of the class, -log(share) / anchors",
    )
    axes.set_title(f"loss of the window: {view.loss:.3g}, the mean of the bars\nshare = pos / (pos + neg)", fontsize=9)
    tidy(axes, grid="x")


def _count(anchors: int) -> str:
    return f"{anchors} anchor{'s' * (anchors != 1)}"
