"""Detections over a picture, judged, beside how many boxes of each size were found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from udalib.data.labels import LabelSpace
from udalib.viz.detection.boxes import draw_boxes
from udalib.viz.detection.judged import SIZES, Judged, judge
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import COLORS, Picture, bar_style, new_figure, show_image, tidy

KINDS: dict[str, dict[str, Any]] = {
    "hit": {"edgecolor": COLORS[0], "linestyle": "-"},
    "false alarm": {"edgecolor": COLORS[5], "linestyle": "--"},
    "missed box": {"edgecolor": COLORS[3], "linestyle": ":", "linewidth": 2.2},
}
SIZED = tuple(name for name in SIZES if name != "all")


def detections_figure(
    sample: Mapping[str, Any],
    detections: Mapping[str, Tensor],
    space: LabelSpace,
    *,
    threshold: float = 0.3,
    size: str = "all",
    iou: float = 0.5,
    title: str = "",
) -> Picture:
    """Draw hits, false alarms and missed boxes of one picture, and count them by size.

    Args:
        sample: ``image`` (3, H, W), ``boxes`` (G, 4), ``box_labels`` (G,).
        detections: ``boxes``, ``labels``, ``scores``, in the picture's pixels.
        space: of the labels.
        threshold: smallest score that is shown.
        size: all, small, medium or large, see :data:`udalib.viz.detection.judged.SIZES`; the bars show every size.
        iou: smallest overlap of a hit.
        title: above the picture.
    """
    image = to_hwc(sample["image"])
    height, width = image.shape[:2]
    figure, (picture, bars) = new_figure(
        12.0, 8.6 * height / width + 0.9, 1, 2, gridspec_kw={"width_ratios": (8.6, 3.0)}
    )
    view = judge(sample, detections, threshold=threshold, size=size, iou=iou)
    show_image(picture, image, f"{title}{counted(view)}")
    _draw(picture, view, space)
    _count(bars, {name: judge(sample, detections, threshold=threshold, size=name, iou=iou) for name in SIZED})
    marks = [Line2D([], [], color=s["edgecolor"], linestyle=s["linestyle"], label=n) for n, s in KINDS.items()]
    picture.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, fontsize=8, frameon=False)
    return figure


def counted(view: Judged) -> str:
    """Hits, false alarms and misses in words."""
    hits, false, missed = int(view.hit.sum()), int((~view.hit).sum()), int((~view.seen).sum())
    return f"{hits} hit{'s' * (hits != 1)}, {false} false alarm{'s' * (false != 1)}, {missed} missed"


def _draw(axes: Axes, view: Judged, space: LabelSpace) -> None:
    draw_boxes(axes, view.truth[~view.seen], **KINDS["missed box"])
    for name, chosen in (("false alarm", ~view.hit), ("hit", view.hit)):
        ids, scores = view.labels[chosen].tolist(), view.scores[chosen].tolist()
        texts = [f"{space.names[i]} {s:.2f}" for i, s in zip(ids, scores, strict=True)]
        draw_boxes(axes, view.found[chosen], texts, **KINDS[name])


def _count(axes: Axes, views: Mapping[str, Judged]) -> None:
    """Boxes found, missed, and false alarms of each size."""
    rows = {
        "found": [int(v.seen.sum()) for v in views.values()],
        "missed": [int((~v.seen).sum()) for v in views.values()],
        "false alarms": [int((~v.hit).sum()) for v in views.values()],
    }
    for index, (name, values) in enumerate(rows.items()):
        places = [i + 0.27 * (index - 1) for i in range(len(views))]
        axes.bar(places, values, width=0.25, label=name, **bar_style((0, 3, 5)[index]))
        for place, value in zip(places, values, strict=True):
            axes.text(place, value, str(value), ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(views)), list(views), fontsize=8)
    axes.set(ylabel="boxes", ylim=(0, 1.35 * max(1, *(max(values) for values in rows.values()))))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title("by size (area 32 x 32, 96 x 96)", fontsize=9)
    axes.legend(fontsize=7, ncols=3, loc="upper center")
    tidy(axes, grid="y")
