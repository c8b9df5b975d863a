"""Aggregation over time: score maps of one frame from several temporal pairs, what they weigh, what their mean is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from udalib.core.errors import unknown_name
from udalib.core.seeding import torch_generator
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops.centroids import TRUST, Trust, class_centroids, class_entropy, fuse_over_time, temporal_weights
from udalib.ops.entropy import pixel_entropy
from udalib.ops.warp import warp
from udalib.viz.pictures.uncertainty import SCALE
from udalib.viz.theme import Picture, bar_style, new_figure, shorten, show_image, tidy
from udalib.viz.video.viewed import Motion, between

FAULTS = ("unsure and wrong", "unsure, yet right", "sure, yet wrong")
PANELS = 3
"""Below the pairs: weights, centroids, errors."""
SHIFT, NOISE = 24, 1.5
"""Pixels to the side, and standard deviation of the noise in logits, at full strength."""


class Aggregated(NamedTuple):
    """N score maps of one frame and what the aggregation makes of them.

    Attributes:
        entropy: of each map, mean over pixels and classes, (N,).
        right: share of right pixels of each map.
        weights: of each trust, (N,).
        fused: of each trust, the centroids (C, C).
        error: of each trust, distance of the fused centroids to the ``wanted`` ones over the length of these; of the
            classes alone that these have.
    """

    entropy: list[float]
    right: list[float]
    weights: dict[Trust, Tensor]
    fused: dict[Trust, Tensor]
    error: dict[Trust, float]


def pair_scores(scores: Tensor, motion: Motion, frame: int, backs: Sequence[int]) -> list[Tensor]:
    """Scores (1, C, H, W) of ``frame`` from pairs with earlier frames: the mean of its own and the warped earlier ones.

    A stand-in for the trained fusion of two frames, which begins as the current frame alone.

    Args:
        scores: of every frame, (T, C, H, W).
        motion: of the clip.
        frame: the later frame of all pairs.
        backs: how far each pair reaches back.
    """
    earlier = [warp(scores[frame - back][None], between(motion, frame, back).backward) for back in backs]
    return [(scores[frame][None] + each) / 2 for each in earlier]


def spoiled(scores: Tensor, fault: str, amount: float, seed: int = 0) -> Tensor:
    """A score map (1, C, H, W) with a fault of strength ``amount`` in [0, 1].

    "unsure, yet right" flattens the scores, "unsure and wrong" flattens them under noise, "sure, yet wrong" moves them
    sideways, as a flow does whose u has the wrong sign.

    Raises:
        UnknownNameError: another fault.
    """
    if fault not in FAULTS:
        raise unknown_name("fault of a score map", fault, FAULTS)
    if fault == "sure, yet wrong":
        return scores.roll(round(SHIFT * amount), -1)
    flat = scores * (1 - 0.8 * amount)
    if fault == "unsure, yet right":
        return flat
    noise = torch.randn(scores.shape, generator=torch_generator("spoiled scores", seed))
    return flat + NOISE * amount * noise


def aggregated(pairs: Sequence[Tensor], label: Tensor, wanted: Tensor, *, scale: float = 1.0) -> Aggregated:
    """What each kind of trust makes of ``pairs``.

    Args:
        pairs: N score maps (1, C, H, W).
        label: truth (H, W), for the share of right pixels alone.
        wanted: centroids (C, C) that would be right.
        scale: see :func:`udalib.ops.centroids.temporal_weights`.
    """
    known = label != IGNORE_INDEX
    right = [float((each.argmax(1)[0] == label)[known].float().mean()) for each in pairs]
    vectors = [class_centroids(each).vectors for each in pairs]
    weights: dict[Trust, Tensor] = {}
    fused: dict[Trust, Tensor] = {}
    for trust in TRUST:
        weights[trust] = temporal_weights(pairs, trust, scale=scale)[:, 0]
        fused[trust] = fuse_over_time(vectors, weights[trust][:, None])[0]
    there = (wanted != 0).any(1)
    error = {trust: float((each - wanted)[there].norm() / wanted.norm()) for trust, each in fused.items()}
    return Aggregated([float(class_entropy(each)) for each in pairs], right, weights, fused, error)


def aggregation_figure(
    pairs: Sequence[Tensor],
    names: Sequence[str],
    found: Aggregated,
    space: LabelSpace,
    *,
    trust: Trust = "sure",
    title: str = "",
) -> Picture:
    """Draw the entropy of each pair; below, the weights under each trust, the fused centroids, their error.

    Args:
        pairs: score maps (1, C, H, W).
        names: of the pairs.
        found: see :func:`aggregated`.
        space: of the scores.
        trust: whose fused centroids are drawn.
        title: above all.
    """
    height, width = pairs[0].shape[-2:]
    columns = max(PANELS, len(pairs))
    above = 12.0 / columns * height / width + 0.3
    figure, axes = new_figure(12.6, above + 3.6, 2, columns, gridspec_kw={"height_ratios": [above, 3.2]})
    for panel, scores, name, entropy, right in zip(axes, pairs, names, found.entropy, found.right, strict=False):
        text = f"{name}: entropy {entropy:.4f}, {100 * right:.1f} % right"
        show_image(panel, pixel_entropy(scores.softmax(1))[0].numpy(), text, **SCALE)
    panels = axes[columns:]
    for panel in (*axes[len(pairs) : columns], *panels[PANELS:]):
        panel.axis("off")
    _weights(panels[0], found, names)
    _centroids(panels[1], found.fused[trust], space, trust)
    _errors(panels[2], found)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _weights(axes: Axes, found: Aggregated, names: Sequence[str]) -> None:
    for index, trust in enumerate(TRUST):
        places = np.arange(len(names)) + (index - 1) * 0.27
        bars = axes.bar(places, found.weights[trust].numpy(), width=0.25, label=trust, **bar_style(index))
        axes.bar_label(bars, fmt="%.3f", fontsize=7)
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_title("weight of each pair by whom one trusts", fontsize=9)
    axes.set_ylim(0, 1.25 * max(float(each.max()) for each in found.weights.values()))
    axes.legend(fontsize=8, ncols=3, loc="upper center")
    tidy(axes, grid="y")


def _centroids(axes: Axes, vectors: Tensor, space: LabelSpace, trust: str) -> None:
    """Mean scores of the classes that have a vector."""
    ids = [int(i) for i in torch.nonzero((vectors != 0).any(1)).flatten()]
    shown = vectors[ids][:, ids]
    top = max(float(shown.abs().max()), 1e-6) if ids else 1.0
    axes.imshow(shown.numpy(), cmap="BrBG", vmin=-top, vmax=top, aspect="auto")
    names = shorten([space.names[i] for i in ids])
    axes.set_xticks(range(len(ids)), names, fontsize=7, rotation=60, ha="right")
    axes.set_yticks(range(len(ids)), names, fontsize=7)
    axes.set_title(f"fused centroids ({trust}): mean score\nof column's class in row's class", fontsize=9)
    axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.9)


def _errors(axes: Axes, found: Aggregated) -> None:
    for index, trust in enumerate(TRUST):
        bar = axes.bar([index], [found.error[trust]], width=0.7, **bar_style(index))
        axes.bar_label(bar, fmt="%.4f", fontsize=8)
    axes.set_xticks(range(len(TRUST)), TRUST, fontsize=8)
    axes.set_title("distance to the right centroids over\ntheir length, classes that are there", fontsize=9)
    axes.margins(y=0.15)
    tidy(axes, grid="y")
