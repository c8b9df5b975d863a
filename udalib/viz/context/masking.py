"""Masked image consistency in pictures: images with holes, and what a model still recognises in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.metrics.segmentation import class_iou, confusion_matrix, mean_iou
from udalib.ops.masking import mask_images
from udalib.viz.context.masked_view import FILL, MaskedView, draw_masks, view_masked
from udalib.viz.explorer.inputs import Segment, as_float, run_model
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.theme import MARKERS, Picture, bar_style, new_figure, show_image, tidy


def masking_figure(view: MaskedView, space: LabelSpace, *, truth: Any = None, title: str = "") -> Picture:
    """Draw an image and its first masked version over what the model says of each, and the IoU by class.

    Without ``truth`` (H, W) the bars are the IoU of the prediction on the masked image with the one on the whole image:
    what is recognised again. With it, both predictions are judged by the truth. One dot a random mask.
    """
    height, across = view.whole.shape
    figure, axes = new_figure(12.6, max(2 * (4.1 * height / across + 0.45) + 0.3, 4.4), 1, 1)
    axes[0].remove()
    grid = figure.add_gridspec(2, 3)
    places = [figure.add_subplot(grid[place]) for place in ((0, 0), (0, 1), (1, 0), (1, 1), (slice(None), 2))]
    hidden = 100 * (1 - float(view.kept[0].float().mean()))
    show_image(places[0], to_hwc(view.image), "image")
    show_image(places[1], to_hwc(view.masked[0]), f"masked image: {hidden:.0f} % hidden")
    show_image(places[2], colorize(view.whole, space), "prediction on the whole image")
    write_names(places[2], view.whole, space)
    _masked_prediction(places[3], view, space)
    _bars(places[4], view, space, truth)
    figure.suptitle(title, fontsize=10)
    return figure


def _masked_prediction(axes: Axes, view: MaskedView, space: LabelSpace) -> None:
    shares = [f"{100 * view.agreement(part):.0f} %" if part.any() else "-" for part in (view.kept, ~view.kept)]
    text = f"prediction on the masked image\nunchanged: {shares[0]} of the visible, {shares[1]} of the hidden pixels"
    show_image(axes, colorize(view.predictions[0], space), text).title.set_fontsize(9)
    write_names(axes, view.predictions[0], space)


def _bars(axes: Axes, view: MaskedView, space: LabelSpace, truth: Any) -> None:
    """IoU of each class that is in the reference, bars for the mean over masks, and one dot a mask."""
    reference = view.whole if truth is None else torch.as_tensor(truth).long()
    ids = [c for c in range(space.num_classes) if bool((reference == c).any())]
    series = {"masked image": _percent(view.iou(reference), ids)}
    if truth is not None:
        counts = confusion_matrix(view.whole, reference, view.num_classes)
        series = {"whole image": _percent(class_iou(counts)[None], ids), **series}
    for index, (name, values) in enumerate(series.items()):
        _series(axes, index, len(series), name, values)
    axes.set_yticks(range(len(ids) + 1), ["mean", *(space.names[c] for c in ids)], fontsize=8)
    axes.axhline(0.5, color="#888888", linewidth=0.8)
    axes.set(ylim=(len(ids) + 0.6, -0.6), xlim=(0, 103))
    axes.set_xlabel(f"IoU of the prediction, %; bars: mean of {len(view.kept)} random masks, dots: each", fontsize=8)
    axes.set_title("IoU with the " + ("prediction on the whole image" if truth is None else "truth"), fontsize=10)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=2, frameon=False)
    tidy(axes, grid="x")


def _percent(iou: Tensor, ids: Sequence[int]) -> NDArray[np.float64]:
    """IoU (D, C) -> percent (D, 1 + len(ids)) of the classes ``ids``, their mean first."""
    chosen = iou[:, list(ids)]
    return 100 * torch.cat([chosen.nanmean(1, keepdim=True), chosen], 1).numpy()


def _series(axes: Axes, index: int, count: int, name: str, values: NDArray[np.float64]) -> None:
    height = 0.84 / count
    places = np.arange(values.shape[1]) - 0.42 + height * (index + 0.5)
    axes.barh(places, values.mean(0), height=height, label=name, **bar_style(index))
    for row in values if len(values) > 1 else ():
        axes.scatter(row, places, s=9, marker=MARKERS[index], color="black", linewidths=0, zorder=3, clip_on=False)


def mask_gallery(
    image: Any,
    blocks: Sequence[int] = (4, 8, 16, 32),
    ratios: Sequence[float] = (0.3, 0.5, 0.7, 0.9),
    *,
    model: Segment | None = None,
    draws: int = 3,
    fill: Sequence[float] = FILL,
) -> Picture:
    """Draw an image (3, H, W) under masks of every block size (rows) and ratio (columns).

    With a ``model`` each picture says what it still recognises: the mean IoU with its prediction on the whole image,
    over the classes that are in it, as the mean and spread (lowest to highest) of ``draws`` masks.
    """
    if not blocks or not ratios:
        raise ConfigError("a gallery needs at least one block size and one ratio.")
    picture = as_float(image)
    height, across = picture.shape[-2:]
    width = 12.0 / len(ratios)
    figure, axes = new_figure(12.4, (width * height / across + 0.3) * len(blocks) + 0.3, len(blocks), len(ratios))
    whole = None if model is None else run_model(model, picture[None]).argmax(1)[0]
    cells = [(block, ratio) for block in blocks for ratio in ratios]
    for place, (panel, (block, ratio)) in enumerate(zip(axes, cells, strict=True)):
        kept = draw_masks((height, across), block, ratio, draws)
        holes = mask_images(picture[None], kept[:1, None], torch.tensor(tuple(fill)).view(3, 1, 1))
        text = f"ratio {ratio:g}" if model is None else f"ratio {ratio:g}: " + _again(model, picture, kept, fill, whole)
        show_image(panel, to_hwc(holes[0]), text)
        if place % len(ratios) == 0:
            panel.set_ylabel(f"block {block} pixels", fontsize=9)
    what = (
        ""
        if model is None
        else f"; IoU with the prediction on the whole image, mean of {draws} masks (lowest to highest)"
    )
    figure.suptitle(f"blocks by ratio hidden{what}", fontsize=10)
    return figure


def _again(model: Segment, image: Tensor, kept: Tensor, fill: Sequence[float], whole: Tensor | None) -> str:
    view = view_masked(model, image, kept, fill=fill, whole=whole)
    ids = view.whole.flatten().bincount(minlength=view.num_classes).nonzero().flatten().tolist()
    means = [100 * float(mean_iou(iou, ids)) for iou in view.iou(view.whole)]
    return f"IoU {np.mean(means):.0f} % ({min(means):.0f} to {max(means):.0f})"
