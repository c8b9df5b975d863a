"""Pictures of entropy: where a network is unsure, and whether it is wrong there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import IGNORE_INDEX
from udalib.viz.pictures.labels import to_hwc, to_numpy
from udalib.viz.theme import Picture, line_style, new_figure, show_image, tidy


def entropy(images: Sequence[Any], entropies: Sequence[Any], titles: Sequence[str]) -> Picture:
    """Draw pixel entropies (H, W) in [0, 1] under their images (3, H, W), on one scale, with their means."""
    if not len(images) == len(entropies) == len(titles) > 0:
        raise ConfigError(
            f"give one or more, and equally many: got {len(images)} images, {len(entropies)} entropy maps, "
            f"{len(titles)} titles."
        )
    pictures, maps = [to_hwc(image) for image in images], [entropy_map(each) for each in entropies]
    height, width = pictures[0].shape[:2]
    across = 12.0 / max(len(maps), 2)
    figure, axes = new_figure(across * len(maps) + 0.6, 2 * (across * height / width + 0.3), 2, len(maps))
    for i, (picture, values) in enumerate(zip(pictures, maps, strict=True)):
        show_image(axes[i], picture, titles[i])
        below = show_image(axes[len(maps) + i], values, f"entropy, mean {values.mean():.2f}", **SCALE)
    figure.colorbar(below.images[0], ax=axes[len(maps) :], label="entropy", shrink=0.9)
    return figure


SCALE: dict[str, Any] = {"cmap": "cividis", "vmin": 0, "vmax": 1}


def entropy_map(values: Any) -> NDArray[np.float64]:
    """Return an entropy map as float64 (H, W) after checking its shape and range."""
    array = to_numpy(values).astype(np.float64)
    if array.ndim != 2 or not (np.isfinite(array) & (array >= -1e-4) & (array <= 1 + 1e-4)).all():
        raise DataError(
            f"an entropy map must be (H, W) with values in [0, 1], got shape {array.shape} and values from "
            f"{array.min(initial=np.inf):.3g} to {array.max(initial=-np.inf):.3g}; udalib.ops.pixel_entropy computes "
            "one from probabilities (after the soft-max)."
        )
    return np.clip(array, 0.0, 1.0)


def entropy_histogram(entropies: Mapping[str, Any], *, bins: int = 20) -> Picture:
    """Draw the share of pixels by entropy, one stepped line a name; ``entropies`` maps names to values in [0, 1].

    The share is on a logarithmic axis, because most pixels of a trained network are certain. The legend gives the mean.
    """
    if not entropies:
        raise ConfigError("there is no entropy to draw; give at least one named array.")
    figure, (axes,) = new_figure(7.0, 3.4)
    edges = np.linspace(0, 1, bins + 1)
    for index, (name, values) in enumerate(entropies.items()):
        flat = entropy_map(np.atleast_2d(to_numpy(values).reshape(1, -1)))[0]
        share = 100 * np.histogram(flat, edges)[0] / max(len(flat), 1)
        style = {**line_style(index), "markersize": 4}
        axes.plot((edges[:-1] + edges[1:]) / 2, share, **style, label=f"{name} (mean {flat.mean():.2f})")
    axes.set(xlabel="pixel entropy", ylabel="% of pixels (logarithmic)", xlim=(0, 1))
    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize=8)
    tidy(axes, grid="both")
    return figure


def threshold_figure(image: Any, entropies: Any, prediction: Any, label: Any, threshold: float) -> Picture:
    """Draw the entropy map, the pixels above ``threshold``, and how well "uncertain" finds what is wrong.

    Args:
        image: (3, H, W) or (H, W, 3).
        entropies: (H, W) in [0, 1].
        prediction: predicted train ids (H, W).
        label: true train ids (H, W); 255 and negative ids are ignored.
        threshold: in [0, 1]; a pixel is uncertain if its entropy lies above it.

    The third panel sorts the pixels: uncertain and wrong, certain but wrong, uncertain but right. The fourth draws
    precision and recall of "uncertain = wrong" over all thresholds, with the chosen one marked.
    """
    values, wrong, known = entropy_map(entropies), to_numpy(prediction) != to_numpy(label), known_pixels(label)
    picture = to_hwc(image)
    if not values.shape == wrong.shape == known.shape == picture.shape[:2]:
        raise DataError(
            f"image {picture.shape[:2]}, entropy {values.shape}, prediction {to_numpy(prediction).shape} and label "
            f"{known.shape} differ in size; resize them to one."
        )
    figure, axes = new_figure(10.4, 2 * (4.6 * values.shape[0] / values.shape[1] + 0.9), 2, 2)
    show_image(axes[0], picture, "image")
    shown = show_image(axes[1], values, "entropy; white line: the threshold", **SCALE)
    if values.min() < threshold < values.max():
        axes[1].contour(values, levels=[threshold], colors="white", linewidths=1.0)
    figure.colorbar(shown.images[0], ax=axes[1], shrink=0.85)
    _sorted_pixels(axes[2], values > threshold, wrong, known)
    _precision_recall(axes[3], values[known], wrong[known], threshold)
    return figure


def known_pixels(label: Any) -> NDArray[np.bool_]:
    """Where a label (H, W) is neither 255 nor negative."""
    ids = to_numpy(label)
    return np.asarray((ids >= 0) & (ids != IGNORE_INDEX))


def precision_recall(uncertain: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> tuple[float, float]:
    """Precision and recall of "uncertain = wrong"; NaN where nothing is uncertain, or nothing wrong.

    >>> precision_recall(np.array([True, True, False, False]), np.array([True, False, True, False]))
    (0.5, 0.5)
    """
    both = float((uncertain & wrong).sum())
    flagged, missed = float(uncertain.sum()), float(wrong.sum())
    return (both / flagged if flagged else float("nan"), both / missed if missed else float("nan"))


GROUPS = (  # colour, hatch-free grey levels far apart, so that the map reads without colour
    ("right and certain", "#F2F2F2"),
    ("right, but uncertain", "#56B4E9"),
    ("wrong, yet certain", "#D55E00"),
    ("wrong and uncertain", "#000000"),
)


def _sorted_pixels(
    axes: Axes, uncertain: NDArray[np.bool_], wrong: NDArray[np.bool_], known: NDArray[np.bool_]
) -> None:
    groups = uncertain.astype(int) + 2 * wrong
    groups[~known] = -1
    table = np.asarray([*(to_rgb(color) for _, color in GROUPS), (0.6, 0.6, 0.6)])
    show_image(axes, table[groups], "each pixel: right or wrong, certain or not")
    total = max(int(known.sum()), 1)
    patches = [
        Patch(facecolor=color, edgecolor="black", label=f"{name}: {100 * (groups == i).sum() / total:.0f} %")
        for i, (name, color) in enumerate(GROUPS)
    ]
    axes.legend(handles=patches, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, frameon=False)


def _precision_recall(axes: Axes, values: NDArray[np.float64], wrong: NDArray[np.bool_], threshold: float) -> None:
    thresholds = np.linspace(0, 1, 41)
    pairs = np.asarray([precision_recall(values > t, wrong) for t in thresholds])
    for index, name in enumerate(
        ("precision: uncertain pixels that are wrong", "recall: wrong pixels that are uncertain")
    ):
        axes.plot(thresholds, 100 * pairs[:, index], **line_style(index), markevery=5, markersize=4, label=name)
    axes.axvline(threshold, color="black", linewidth=1.2, linestyle=":")
    chosen = [f"{100 * v:.0f} %" if np.isfinite(v) else "-" for v in precision_recall(values > threshold, wrong)]
    axes.set_title(f"threshold {threshold:.2f}: precision {chosen[0]}, recall {chosen[1]}", fontsize=10)
    axes.set(xlabel="threshold on the entropy", ylabel="percent", xlim=(0, 1), ylim=(0, 130))
    axes.set_yticks(range(0, 101, 20))
    axes.legend(fontsize=8, loc="upper right")  # above 100, where no curve runs
    tidy(axes, grid="both")
