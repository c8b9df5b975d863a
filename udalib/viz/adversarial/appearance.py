"""The argument for the output space: two domains look unlike, while the layout of their labels is much alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import colorize, to_hwc, to_numpy, write_names
from udalib.viz.theme import COLORS, DASHES, Picture, new_figure, shorten, show_image, tidy

BINS = 16


def output_space(images: Sequence[Any], labels: Sequence[Any], space: LabelSpace, titles: Sequence[str]) -> Picture:
    """Draw the argument for the output space: the looks of two domains differ, the layout of their labels hardly.

    One column a domain. Rows: an image; the colours (16 bins a channel); its label map; the share of each class. Each
    column but the first says how far its colours and its class shares are from the first one's: the total variation,
    0 % for equal and 100 % for disjoint.

    Args:
        images: by column, one (3, H, W) or many (N, 3, H, W), uint8 or float in [0, 1]. The first of many is drawn, the
            colours and shares are those of all: single streets differ much by chance.
        labels: by column, train ids (H, W) or (N, H, W).
        space: names and colours of the ids.
        titles: one a column.

    Raises:
        ConfigError: not one image, label and title a column.
    """
    _check_equal(images=images, labels=labels, titles=titles)
    stacks, maps = [_stack(image, 3) for image in images], [_stack(label, 2) for label in labels]
    pictures, colors = [to_hwc(stack[0]) for stack in stacks], [_colors(stack) for stack in stacks]
    shares = [_shares(label, space) for label in maps]
    top = np.argsort(-np.mean(shares, axis=(0, 1)), kind="stable")[:8]
    count, ratio = len(pictures), pictures[0].shape[0] / pictures[0].shape[1]
    width, thin = 12.0 / max(count, 2), 1.5
    height = width * ratio
    heights = {"height_ratios": [height, thin, height, thin]}
    figure, axes = new_figure(width * count, 2 * (height + thin) + 0.9, 4, count, gridspec_kw=heights, sharey="row")
    for i in range(count):
        show_image(axes[i], pictures[i], titles[i])
        _color_curves(axes[count + i], colors[i], _distance(colors, i, "colours"))
        show_image(axes[2 * count + i], colorize(maps[i][0], space), "label map")
        write_names(axes[2 * count + i], maps[i][0], space)
        _class_bars(axes[3 * count + i], shares[i], space, top, _distance(shares, i, "class shares"))
    return figure


def _check_equal(**sequences: Sequence[Any]) -> None:
    counts = {name: len(values) for name, values in sequences.items()}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        given = ", ".join(f"{number} {name}" for name, number in counts.items())
        raise ConfigError(f"give one or more, and equally many: got {given}.")


def _stack(values: Any, dimensions: int) -> NDArray[Any]:
    """One array or many as many."""
    array = to_numpy(values)
    return array[None] if array.ndim == dimensions else array


def _colors(images: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the pixels in each of 16 bins of brightness, by channel: (3, 16)."""
    bins = np.concatenate([to_hwc(image).reshape(-1, 3) for image in images]) // (256 // BINS)
    return np.stack([np.bincount(bins[:, c], minlength=BINS) for c in range(3)]) / len(bins)


def _shares(label: NDArray[Any], space: LabelSpace) -> NDArray[np.float64]:
    """Share of each class in the known pixels: (1, C)."""
    known = label[(label >= 0) & (label < space.num_classes)].astype(np.int64)
    return np.bincount(known, minlength=space.num_classes)[None] / max(len(known), 1)


def _distance(histograms: Sequence[NDArray[np.float64]], index: int, what: str) -> str:
    if index == 0:
        return what
    far = 50 * np.abs(histograms[index] - histograms[0]).sum(axis=1).mean()
    return f"{what}: {far:.0f} % from the first"


def _color_curves(axes: Axes, histogram: NDArray[np.float64], title: str) -> None:
    middles = (np.arange(BINS) + 0.5) * 256 / BINS
    for channel, (name, color) in enumerate((("red", COLORS[5]), ("green", COLORS[2]), ("blue", COLORS[0]))):
        axes.plot(middles, 100 * histogram[channel], color=color, linestyle=DASHES[channel], label=name)
    axes.set(xlim=(0, 256), ylim=(0, None), xticks=(0, 128, 255), xlabel="value", ylabel="% of pixels")
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=7)
    _small(axes)


def _class_bars(axes: Axes, shares: NDArray[np.float64], space: LabelSpace, top: NDArray[Any], title: str) -> None:
    colors = [space.palette[c] / 255 for c in top]
    axes.bar(range(len(top)), 100 * shares[0, top], color=colors, edgecolor="black", linewidth=0.5)
    axes.set_xticks(range(len(top)), shorten([space.names[c] for c in top], 10), rotation=45, ha="right", fontsize=7)
    axes.set(ylabel="% of pixels")
    axes.set_title(title, fontsize=9)
    _small(axes)


def _small(axes: Axes) -> None:
    tidy(axes, grid="y").tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
