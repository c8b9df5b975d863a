"""Labels of an earlier frame on the grid of a later one: flow, what is hidden, what is right of what is kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops.warp import consistency_mask, warp, warp_labels
from udalib.viz.pictures.flow import add_arrows, flow_to_rgb
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.pictures.regions import outline
from udalib.viz.pictures.sorted_pixels import group_patches, sorted_pixels
from udalib.viz.theme import Picture, new_figure, show_image
from udalib.viz.video.viewed import EXACT, STILL, Motion, ViewedClip, between

BETA = 0.5
"""Tolerance of :func:`udalib.ops.warp.consistency_mask` in squared pixels, its default."""


class Carried(NamedTuple):
    """What comes of the labels of an earlier frame, on the later one's grid.

    Attributes:
        label: int64 (H, W), by the nearest pixel.
        flow: float32 (2, H, W) from the later frame to the earlier one.
        miss: pixels between where the way there and back ends and where it began, float32 (H, W).
        hidden: where that is too much, or the way leaves the frame; bool (H, W).
    """

    label: Tensor
    flow: Tensor
    miss: Tensor
    hidden: Tensor

    @property
    def kept(self) -> Tensor:
        """The labels with 255 where they are hidden."""
        return self.label.masked_fill(self.hidden, IGNORE_INDEX)

    def right(self, truth: Tensor) -> tuple[float, float]:
        """Shares of right labels among all pixels with a ``truth`` (H, W), and among the kept ones of them."""
        known = truth != IGNORE_INDEX
        right = (self.label == truth).float()
        return float(right[known].mean()), float(right[known & ~self.hidden].mean())


def carry(label: Tensor, motion: Motion, beta: float = BETA) -> Carried:
    """Carry ``label`` (H, W) along a flow of one entry, see :func:`udalib.viz.video.viewed.between`.

    Args:
        label: of the earlier frame.
        motion: between it and the later one.
        beta: tolerance of the forward-backward check in squared pixels.
    """
    backward, forward = motion
    miss = (backward + warp(forward, backward)).norm(dim=1)
    hidden = ~consistency_mask(backward, forward, beta=beta)
    return Carried(warp_labels(label[None], backward)[0], backward[0], miss[0], hidden[0])


def end_point_error(flow: Tensor, exact: Tensor) -> float:
    """Mean distance in pixels between where two flows (..., 2, H, W) point."""
    return float((flow - exact).norm(dim=-3).mean())


def carried_figure(
    clip: ViewedClip,
    labels: Tensor,
    frame: int,
    back: int,
    space: LabelSpace,
    *,
    flow: str = EXACT,
    beta: float = BETA,
    title: str = "",
) -> Picture:
    """Draw two rows of four: both frames, the flow and the check of it; labels there, here, in truth, and sorted.

    Args:
        clip: what is drawn.
        labels: that are carried, int64 (T, H, W): pseudo labels, or the truth.
        frame: the later frame.
        back: how many frames the earlier one lies before it.
        space: of the labels.
        flow: name of the flow that carries.
        beta: see :func:`carry`.
        title: above all.
    """
    motion = between(clip.motion(flow), frame, back)
    carried, early = carry(labels[frame - back], motion, beta), frame - back
    height, width = clip.frames.shape[-2:]
    figure, axes = new_figure(13.2, 2 * (12.6 / 4 * height / width + 0.25) + 0.6, 2, 4)
    show_image(axes[0], to_hwc(clip.frames[early]), f"frame {early}")
    show_image(axes[1], to_hwc(clip.frames[frame]), f"frame {frame}, arrows to frame {early}")
    add_arrows(axes[1], carried.flow, max(4, height // 6))
    show_image(axes[2], flow_to_rgb(carried.flow), _flow_text(clip, carried, frame, back, flow))
    _check(axes[3], carried, beta)
    truth = clip.labels[frame]
    every, kept = (_percent(share) for share in carried.right(truth))
    own = _percent(float((labels[frame] == truth)[truth != IGNORE_INDEX].float().mean()))
    parts = ((labels[early], f"labels of frame {early}"), (carried.kept, f"carried to {frame} (hidden: black)"))
    for panel, (label, text) in zip(axes[4:7], (*parts, (truth, f"truth of frame {frame}")), strict=True):
        show_image(panel, colorize(label, space), text)
        write_names(panel, label, space)
    maps = carried.hidden, carried.label != truth, truth != IGNORE_INDEX
    sorted_pixels(axes[7], *maps, title=f"right: {every} %, kept {kept} %, frame {frame}'s own {own} %")
    for panel in axes:
        panel.title.set_fontsize(9)
    figure.legend(handles=group_patches(*maps), loc="outside lower right", ncols=4, fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def _flow_text(clip: ViewedClip, carried: Carried, frame: int, back: int, flow: str) -> str:
    text = f"{flow}: median {float(carried.flow.norm(dim=0).median()):.1f} px"
    if flow in (EXACT, STILL) or EXACT not in clip.motions:
        return text
    exact = between(clip.motion(EXACT), frame, back).backward[0]
    return f"{text}, off by {end_point_error(carried.flow, exact):.1f}"


def _check(axes: Axes, carried: Carried, beta: float) -> None:
    """Distance there and back on a logarithmic scale; what counts as hidden is outlined."""
    shown = torch.log10(carried.miss.clamp(min=1e-2)).numpy()
    share = 100 * float(carried.hidden.float().mean())
    show_image(axes, shown, f"there and back, beta {beta:g}: {share:.1f} % hidden", cmap="cividis", vmin=-2, vmax=1.5)
    outline(axes, carried.hidden, 0.6)
    bar = axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.75, ticks=[-2, -1, 0, 1])
    bar.ax.set_yticklabels(["0.01", "0.1", "1", "10 px"], fontsize=7)
