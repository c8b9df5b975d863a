"""One image under an execution plan: the strip, both predictions, and the score beside that of other plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from torch import Tensor

from udalib.analysis.layers.segments import Plan
from udalib.data.labels import LabelSpace
from udalib.metrics.segmentation import class_iou, confusion_matrix, mean_iou
from udalib.viz.painters.filmstrip import BOX, describe, draw_filmstrip, finish_strips, strip_height
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.theme import Picture, bar_style, new_figure, show_image, tidy

WIDE = 9.0
"""Width in inches of the strip and the pictures, about; the bars have the rest."""


class PlannedView(NamedTuple):
    """What a network says of one image.

    Attributes:
        image: (3, H, W).
        untouched: predicted ids (H, W) of the network as it is.
        planned: name of a plan -> predicted ids (H, W) under it.
        truth: ids (H, W) to judge by; None: by ``untouched``.
    """

    image: Any
    untouched: Tensor
    planned: Mapping[str, Tensor]
    truth: Tensor | None = None

    def score(self, prediction: Tensor, classes: int) -> float:
        """Mean IoU in percent over the classes of the truth, or of the untouched prediction."""
        reference = self.untouched if self.truth is None else self.truth
        ids = [c for c in range(classes) if bool((reference == c).any())]
        return 100 * float(mean_iou(class_iou(confusion_matrix(prediction, reference, classes)), ids))


def planned_figure(
    view: PlannedView, shown: str, plan: Plan, space: LabelSpace, *, stack: str = "the stack"
) -> Picture:
    """Draw the filmstrip of ``plan`` over the image, both predictions, and the mIoU of every plan in ``view``.

    ``shown`` is the plan's name in ``view``, ``stack`` what its layers are called.
    """
    height, across = view.untouched.shape
    strip = BOX * strip_height(plan) + 0.6
    pictures = 3.0 * height / across + 0.4
    figure, axes = new_figure(12.6, max(strip + pictures, 3.4), 1, 1)
    axes[0].remove()
    grid = figure.add_gridspec(2, 4, height_ratios=(strip, pictures), width_ratios=(1, 1, 1, 0.75))
    title = f"{shown}: runs {describe(plan)} ({stack} has {plan.layers})"
    _strip(figure.add_subplot(grid[0, :3]), plan, title)
    panels = [figure.add_subplot(grid[1, column]) for column in range(3)]
    show_image(panels[0], to_hwc(view.image), "image")
    for panel, prediction, name in (
        (panels[1], view.untouched, "untouched"),
        (panels[2], view.planned[shown], shown),
    ):
        score = view.score(prediction, space.num_classes)
        show_image(panel, colorize(prediction, space), f"{name}: mIoU {score:.1f} %")
        write_names(panel, prediction, space)
    _bars(figure.add_subplot(grid[:, 3]), view, shown, space.num_classes)
    return figure


def _strip(axes: Axes, plan: Plan, title: str) -> None:
    columns = max(plan.sequential_depth, plan.layers)
    room = WIDE - 0.3
    draw_filmstrip(axes, plan, box=(min(BOX, room / columns), BOX))
    finish_strips(axes, max(columns, room / BOX), strip_height(plan))
    axes.set_yticks([])
    axes.set_title(title, fontsize=10)


def _bars(axes: Axes, view: PlannedView, shown: str, classes: int) -> None:
    """Mean IoU of the untouched network and under each plan, the shown one in another look."""
    scores = {"untouched": view.score(view.untouched, classes)}
    scores |= {name: view.score(prediction, classes) for name, prediction in view.planned.items()}
    for place, (name, score) in enumerate(scores.items()):
        axes.barh(place, score, **bar_style(1 if name == shown else 0))
        axes.text(score, place, f" {score:.1f}", va="center", fontsize=7)
    axes.set_yticks(range(len(scores)), list(scores), fontsize=8)
    axes.set(xlim=(0, 1.2 * max(*scores.values(), 1.0)), ylim=(len(scores) - 0.4, -0.6))
    judge = "the untouched prediction" if view.truth is None else "the truth"
    axes.set_xlabel(f"mIoU in percent, judged by\n{judge}", fontsize=8)
    axes.set_title("every plan of this middle", fontsize=10)
    tidy(axes, grid="x")
