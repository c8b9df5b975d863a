"""Samples side by side: image, label, overlay, prediction, depth, instances."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, unknown_name
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import colorize, overlay, to_hwc, to_numpy, write_names
from udalib.viz.theme import Picture, new_figure, show_image

Panel = Callable[[Axes, Mapping[str, Any], LabelSpace], None]


def _image(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    show_image(axes, to_hwc(sample["image"]))


def _label(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    show_image(axes, colorize(sample["label"], space))
    write_names(axes, sample["label"], space)


def _overlay(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    show_image(axes, overlay(sample["image"], sample["label"], space))


def _prediction(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    show_image(axes, colorize(sample["prediction"], space))
    write_names(axes, sample["prediction"], space)


def _errors(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    show_image(axes, error_map(sample["prediction"], sample["label"], space))


def _depth(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    inverse = 1.0 / np.maximum(to_numpy(sample["depth"]).astype(np.float32), 1e-6)
    show_image(axes, inverse, cmap="cividis")


def _instances(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    show_image(axes, overlay(sample["image"], sample["label"], space, alpha=0.25))
    for box, class_id in zip(to_numpy(sample["boxes"]), to_numpy(sample["box_labels"]), strict=True):
        x0, y0, x1, y1 = (float(v) for v in box)
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor="white", linewidth=1.0))
        style = {"facecolor": "black", "alpha": 0.5, "pad": 0.5, "linewidth": 0}
        axes.text(x0, y0, space.names[int(class_id)], color="white", fontsize=6, va="bottom", bbox=style, clip_on=True)


def _detections(axes: Axes, sample: Mapping[str, Any], space: LabelSpace) -> None:
    """Found boxes with class and score, in the colours of the classes; of an untrained detector the best 50."""
    show_image(axes, to_hwc(sample["image"]))
    found = sample["detections"]
    rows = zip(*(to_numpy(found[key])[:50] for key in ("boxes", "labels", "scores")), strict=True)
    for box, class_id, score in rows:
        x0, y0, x1, y1 = (float(v) for v in box)
        color = tuple(v / 255 for v in space.palette[int(class_id)].tolist())
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=color, linewidth=1.2))
        style = {"facecolor": "black", "alpha": 0.6, "pad": 0.5, "linewidth": 0}
        text = f"{space.names[int(class_id)]} {float(score):.2f}"
        axes.text(x0, y0, text, color="white", fontsize=5, va="bottom", bbox=style, clip_on=True)


PANELS: dict[str, Panel] = {
    "image": _image,
    "label": _label,
    "overlay": _overlay,
    "prediction": _prediction,
    "errors": _errors,
    "depth": _depth,
    "instances": _instances,
    "detections": _detections,
}
TITLES = {
    "depth": "inverse depth (bright = near)",
    "errors": "errors (black = right)",
    "instances": "instance boxes",
    "detections": "found boxes",
}


def error_map(prediction: Any, label: Any, label_space: LabelSpace) -> NDArray[np.uint8]:
    """Show wrong pixels in the colour of what was predicted, right ones black, ignored ones grey: (H, W, 3) uint8."""
    guess, truth = to_numpy(prediction), to_numpy(label)
    picture = colorize(guess, label_space)
    picture[guess == truth] = 0
    picture[truth >= label_space.num_classes] = 128
    return picture


def show_samples(
    samples: Sequence[Mapping[str, Any]],
    label_space: LabelSpace,
    columns: Sequence[str] = ("image", "label"),
    *,
    titles: Sequence[str] | None = None,
    width: float = 3.2,
) -> Picture:
    """Draw one row a sample, one column a panel; panels: those of :data:`PANELS`.

    Samples are dictionaries as data sets return them, with ``prediction`` (H, W) added where that panel is asked
    for. ``titles`` has one text a row; else the samples' names are written.
    """
    if not samples:
        raise ConfigError("there is no sample to show; give at least one.")
    for column in columns:
        if column not in PANELS:
            raise unknown_name("panel", column, PANELS)
    height, across = to_numpy(samples[0]["image"]).shape[-2:]
    row_height = width * height / across
    figure, axes = new_figure(width * len(columns), (row_height + 0.12) * len(samples), len(samples), len(columns))
    texts = titles if titles is not None else ["\n".join(textwrap.wrap(str(s.get("name", "")), 16)) for s in samples]
    for row, sample in enumerate(samples):
        for place, name in enumerate(columns):
            panel = axes[row * len(columns) + place]
            PANELS[name](panel, sample, label_space)
            if row == 0:
                panel.set_title(TITLES.get(name, name), fontsize=10)
            if place == 0 and row < len(texts):
                panel.set_ylabel(texts[row], fontsize=8)
    return figure


def beside(
    pictures: Mapping[str, Any], *, columns: int = 3, width: float = 3.2, options: Mapping[str, Any] | None = None
) -> Picture:
    """Draw titled images in a grid: ``pictures`` maps title to (3, H, W) or (H, W, 3) image, or (H, W) number map."""
    arrays = {title: to_numpy(value) for title, value in pictures.items()}
    first = next(iter(arrays.values()))
    height, across = first.shape[-2:] if first.ndim == 2 or first.shape[0] == 3 else first.shape[:2]
    columns = min(columns, len(arrays))
    rows = -(-len(arrays) // columns)
    figure, axes = new_figure(width * columns, (width * height / across + 0.3) * rows, rows, columns)
    for panel, (title, array) in zip(axes, arrays.items(), strict=False):
        if array.ndim == 2:
            show_image(panel, array, title, **{"cmap": "cividis", **(options or {})})
        else:
            show_image(panel, to_hwc(array), title)
    for panel in axes[len(arrays) :]:
        panel.axis("off")
    return figure
