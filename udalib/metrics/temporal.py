"""Temporal consistency: whether a prediction goes with what moves, judged without any label.

The prediction of a frame is compared with that of the frame before, carried over by optical flow, on the pixels that
both frames show. In the manner of Liu et al., "Efficient Semantic Video Segmentation with Per-frame Inference", ECCV
2020. A network that always says the same is consistent: read it beside the mIoU, never alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.metrics.segmentation import ConfusionMatrix, class_iou, mean_iou, pixel_accuracy


class TemporalConsistency:
    """Counts how predictions of consecutive frames agree.

    >>> measure = TemporalConsistency(2)
    >>> now, carried = torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1, 0]])
    >>> measure.update(now, carried, torch.tensor([[True, True, False]]))
    >>> measure.scores(["a", "b"])["temporal_consistency"]
    1.0
    """

    def __init__(self, num_classes: int, device: torch.device | str = "cpu") -> None:
        self.matrix = ConfusionMatrix(num_classes, device=device)

    def update(self, predicted: Tensor, carried: Tensor, visible: Tensor) -> None:
        """Add frames: predicted ids (B, H, W), those of the frame before on this one's grid, and where it is seen."""
        self.matrix.update(predicted, carried.masked_fill(~visible, IGNORE_INDEX))

    def scores(self, names: Sequence[str]) -> dict[str, Any]:
        """``temporal_consistency``, the mean IoU of the two predictions, ``temporal_agreement``, the share of pixels.

        Also ``class_consistency`` {name: IoU}. Fractions in [0, 1]; None where nothing was counted.
        """
        iou = class_iou(self.matrix.counts)
        classes = {name: _value(x) for name, x in zip(names, iou, strict=True)}
        return {
            "temporal_consistency": _value(mean_iou(iou)),
            "temporal_agreement": _value(pixel_accuracy(self.matrix.counts)),
            "class_consistency": classes,
        }


def _value(x: Tensor) -> float | None:
    number = float(x)
    return None if number != number else number
