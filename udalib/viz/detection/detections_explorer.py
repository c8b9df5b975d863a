"""The explorer of detections: where a threshold cuts, and which sizes it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.detection.detections import detections_figure
from udalib.viz.detection.judged import SIZES
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider


class DetectionsExplorer(Explorer):
    """Detections of several detectors on some pictures.

    Args:
        samples: pictures with ``image``, ``boxes``, ``box_labels``.
        detections: name of a detector -> its detections of every sample (``boxes``, ``labels``, ``scores``).
        space: of the labels.
        threshold: the score that it opens with.

    Controls: ``detector``, ``index`` of the picture, ``threshold`` of the score, ``size`` of the boxes that are drawn,
    ``iou`` of a hit.

    Raises:
        ConfigError: no picture, no detector, or not one entry of detections for every picture.
    """

    def __init__(
        self,
        samples: Sequence[Mapping[str, Any]],
        detections: Mapping[str, Sequence[Mapping[str, Tensor]]],
        space: LabelSpace,
        *,
        threshold: float = 0.3,
    ) -> None:
        counts = {name: len(found) for name, found in detections.items()}
        if not samples or not counts or set(counts.values()) != {len(samples)}:
            raise ConfigError(f"give detections of each of the {len(samples)} pictures; got {counts}.")

        def figure(detector: str, index: int, threshold: float, size: str, iou: float) -> Figure:
            found = detections[detector][index]
            title = f"{detector}, boxes: {size}, score from {threshold:.2f}, hit from IoU {iou:.1f}: "
            return detections_figure(samples[index], found, space, threshold=threshold, size=size, iou=iou, title=title)

        controls: dict[str, Control] = {
            "detector": Choice("Detector", tuple(counts), next(iter(counts))),
            "index": Slider("Picture", 0, len(samples) - 1, 1, 0),
            "threshold": Slider("Smallest score", 0.0, 0.95, 0.05, threshold),
            "size": Choice("Boxes of the size", tuple(SIZES), "all"),
            "iou": Slider("Smallest overlap (IoU) of a hit", 0.1, 0.9, 0.1, 0.5),
        }
        super().__init__("Where to cut the score?", figure, controls, sheet_columns=1)
