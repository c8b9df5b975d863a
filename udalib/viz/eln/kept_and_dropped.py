"""A confidence threshold next to ELN: pixels kept and dropped in one image, and both on precision-recall curves."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from udalib.data.labels import LabelSpace
from udalib.metrics.error_localization import Positive
from udalib.viz.eln.curves import precision_over_recall
from udalib.viz.eln.verdicts import CUT, JudgedImages
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.pictures.sorted_pixels import group_patches, sorted_pixels
from udalib.viz.theme import COLORS, MARKERS, Picture, new_figure, show_image, tidy


def kept_and_dropped_figure(
    judged: JudgedImages,
    space: LabelSpace,
    index: int = 0,
    *,
    cuts: dict[str, float],
    positive: Positive = "wrong",
    title: str = "",
) -> Picture:
    """Draw image ``index``, its prediction, the second judge's map, and what two judges keep and drop of it.

    Args:
        judged: images and judges.
        space: of the labels.
        index: of the image shown; the curves are those of all images together.
        cuts: the two judges, each with the probability of "wrong" above which it drops a pixel.
        positive: which pixels precision and recall are about, "wrong" or "correct".
        title: above all.
    """
    height, across = judged.prediction.shape[1:]
    figure, axes = new_figure(13.0, 2 * (4.1 * height / across + 0.85), 2, 3)
    show_image(axes[0], to_hwc(judged.images[index]), f"image {index}")
    wrong = 100 * float(judged.wrong[index][judged.valid[index]].float().mean())
    show_image(axes[1], colorize(judged.prediction[index], space), f"prediction, {wrong:.0f} % of it wrong")
    write_names(axes[1], judged.prediction[index], space)
    names = list(cuts)
    for panel, name in zip((axes[3], axes[4]), names, strict=True):
        _sorted(panel, judged, index, name, cuts[name])
    _map(axes[2], judged, index, names[1])
    _curves(axes[5], judged, cuts, positive)
    figure.suptitle(title, fontsize=10)
    return figure


def _sorted(axes: Axes, judged: JudgedImages, index: int, name: str, cut: float) -> None:
    maps = judged.rejected(name, cut)[index], judged.wrong[index], judged.valid[index]
    kept, right = judged.kept(name, cut)
    words = f"{100 * right:.0f} % of it right" if np.isfinite(right) else "nothing left"
    sorted_pixels(axes, *maps, title=f"{name}\nof all images it keeps {100 * kept:.0f} %, {words}")
    axes.legend(
        handles=group_patches(*maps),
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=2,
        frameon=False,
    )


def _map(axes: Axes, judged: JudgedImages, index: int, name: str) -> None:
    shown = judged.score(name)[index].numpy()
    show_image(axes, shown, f'{name}: probability of "wrong"', cmap="cividis", vmin=0, vmax=1)
    axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.75, ticks=[0, 0.5, 1], pad=0.02)


def _curves(axes: Axes, judged: JudgedImages, cuts: dict[str, float], positive: Positive) -> None:
    """Both curves, and on each a large mark where its judge stands."""
    for place, (name, cut) in enumerate(cuts.items()):
        precision_over_recall(axes, place, name, [judged], positive)
        precision, recall, _ = judged.at(name, cut, positive)
        if np.isfinite(precision) and np.isfinite(recall):
            look = {"marker": MARKERS[place], "color": COLORS[place], "markeredgecolor": "black", "linestyle": ""}
            mark = axes.plot(100 * recall, 100 * precision, markersize=12, clip_on=False, zorder=4)[0]
            mark.set(**look)
    axes.set(xlim=(0, 102), ylim=(0, 140), yticks=range(0, 101, 20))  # the space above 100 holds the legend
    axes.set_xlabel(f"recall of {positive} pixels, %; large mark: where the judge stands", fontsize=8)
    axes.set_ylabel("precision, %", fontsize=8)
    axes.set_title("all images, all cuts", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")
    tidy(axes, grid="both")


def six_panels_figure(judged: JudgedImages, space: LabelSpace, index: int, judge: str, *, title: str = "") -> Picture:
    """Draw image, truth, prediction; true errors, the judge's verdict at 0.5, the pseudo labels that it lets pass."""
    height, across = judged.prediction.shape[1:]
    figure, axes = new_figure(13.0, 2 * (4.2 * height / across + 0.3), 2, 3)
    truth, prediction, wrong = judged.truth[index], judged.prediction[index], judged.wrong[index]
    rejected = judged.rejected(judge, CUT)[index]
    show_image(axes[0], to_hwc(judged.images[index]), "image")
    labels = {1: ("truth", truth), 2: ("prediction", prediction), 5: ("pseudo label: black is ignored", None)}
    labels[5] = (labels[5][0], prediction.masked_fill(rejected, 255))
    for place, (text, ids) in labels.items():
        show_image(axes[place], colorize(ids, space), text)
        write_names(axes[place], ids, space)
    masks = {3: ("truly right (white) and wrong (black)", wrong | ~judged.valid[index])}
    masks[4] = (f"{judge}: kept (white), dropped (black)", rejected)
    for place, (text, mask) in masks.items():
        show_image(axes[place], (~mask).numpy(), text, cmap="gray", vmin=0, vmax=1)
        axes[place].spines[:].set(visible=True, color="#888888")
    figure.suptitle(title, fontsize=10)
    return figure
