"""The explorer of ELN's pixel contrast: a window, a class and a temperature against who pulls and who pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import LabelSpace
from udalib.ops.error_localization import filtered_labels
from udalib.viz.eln.contrast import contrast_figure, view_contrast
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops

TEMPERATURES = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Embedded:
    """One unlabelled image as stage 2 sees it.

    Attributes:
        image: float (3, H, W) in [0, 1].
        teacher, student: embeddings (D, h, w).
        label: the teacher's classes (h, w).
        accepted: what the filter keeps, bool (h, w).
    """

    image: Tensor
    teacher: Tensor
    student: Tensor
    label: Tensor
    accepted: Tensor


class ContrastExplorer(Explorer):
    """Anchors, positives and negatives of one class in one window of one image.

    Args:
        embedded: images with embeddings of one size.
        space: of the pseudo labels.
        windows: sides of the window in positions, none larger than the map.

    Controls: ``top`` and ``left`` of the window (moved back where it would leave the map), its side ``window``, the
    class ``shown``, the ``temperature`` tau, the ``labels`` that take part (what the filter keeps, or every pixel),
    ``index`` of the image.

    Raises:
        ConfigError: no image, or a window that does not fit.
        DataError: maps of unlike sizes.
    """

    def __init__(self, embedded: Sequence[Embedded], space: LabelSpace, *, windows: Sequence[int] = (4, 8, 12)) -> None:
        sizes = {tuple(each.label.shape) for each in embedded}
        if not embedded or max(windows) > min(min(size) for size in sizes):
            raise ConfigError(f"give one image or more, and windows of {tuple(windows)} that fit labels of {sizes}.")
        if len(sizes) > 1:
            raise DataError(f"the images of an explorer must share one size of embeddings, got {sorted(sizes)}.")
        height, width = sizes.pop()

        def figure(top: int, left: int, window: int, shown: str, temperature: float, labels: str, index: int) -> Figure:
            one, side = embedded[index], int(window)
            label = one.label if labels == "every pixel" else filtered_labels(one.label, one.accepted)
            corner = (min(top, height - side), min(left, width - side))
            options = {"num_classes": space.num_classes, "window": side}
            view = view_contrast(
                one.teacher, one.student, label, corner, space.index(shown), temperature=temperature, **options
            )
            return contrast_figure(
                view, one.image, space, title=f"window {side} x {side}, tau {temperature:g}, {labels}"
            )

        present = embedded[0].label.flatten().bincount(minlength=space.num_classes).argsort(descending=True)
        names = tuple(
            space.names[c] for c in sorted({int(c) for each in embedded for c in each.label.flatten().tolist()})
        )
        side = sorted(windows)[len(windows) // 2]
        controls: dict[str, Control] = {
            "top": Slider("Top edge of the window", 0, height - min(windows), 1, (height - side) // 2),
            "left": Slider("Left edge of the window", 0, width - min(windows), 1, (width - side) // 2),
            "window": Stops("Side of the window", tuple(windows), side),
            "shown": Choice("Class", names, space.names[int(present[0])]),
            "temperature": Stops("Temperature tau", TEMPERATURES, 0.5),
            "labels": Choice("Pseudo labels", ("what the filter keeps", "every pixel"), "what the filter keeps"),
            "index": Slider("Image", 0, len(embedded) - 1, 1, 0),
        }
        super().__init__("Who pulls, who pushes?", figure, controls, sheet_columns=1)
