"""An image under random masks, and what a model says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.metrics.segmentation import class_iou, confusion_matrix
from udalib.models import IMAGENET
from udalib.ops.masking import block_grid, block_mask, mask_images
from udalib.viz.explorer.inputs import Segment, as_float, run_model

FILL = tuple(value / 255 for value in IMAGENET.mean)
"""Colour of the holes in [0, 1]: the mean of ImageNet, 0 after normalisation, as the published code fills them."""


@dataclass(frozen=True)
class MaskedView:
    """One image under several random masks, and what a model says of each.

    Attributes:
        image: float (3, H, W) in [0, 1].
        kept: visible pixels, bool (D, H, W), one mask a draw.
        masked: the masked images, float (D, 3, H, W).
        whole: prediction on the image without holes, train ids (H, W).
        predictions: on the masked images, train ids (D, H, W).
        num_classes: C.
    """

    image: Tensor
    kept: Tensor
    masked: Tensor
    whole: Tensor
    predictions: Tensor
    num_classes: int

    def iou(self, reference: Tensor) -> Tensor:
        """IoU of each draw's prediction with ``reference`` (H, W): float64 (D, C) in [0, 1], NaN for absent classes."""
        counts = [confusion_matrix(each, reference, self.num_classes) for each in self.predictions]
        return torch.stack([class_iou(count) for count in counts])

    def agreement(self, where: Tensor) -> float:
        """Share of the pixels ``where``, bool (D, H, W), labelled as in the whole image; NaN without any."""
        same = self.predictions == self.whole
        return float((same & where).sum() / where.sum())


def draw_masks(size: tuple[int, int], block: int, ratio: float, draws: int, seed: int = 0) -> Tensor:
    """Visible pixels of ``draws`` random masks, bool (D, H, W); a larger ``ratio`` hides more of the same cells."""
    random = Draws.for_batch(seed, f"masks of {block}", 0, range(draws))
    return block_mask(random.noise(*block_grid(size, block)), size, ratio)[:, 0]


def view_masked(
    model: Segment,
    image: Any,
    kept: Tensor,
    *,
    fill: Sequence[float] = FILL,
    whole: Tensor | None = None,
) -> MaskedView:
    """Run ``model`` on an image (3, H, W) under the masks ``kept``, bool (D, H, W), in one batch.

    ``fill`` is the colour of the holes in [0, 1]; ``whole`` the prediction (H, W) without holes, if it is known.

    Raises:
        DataError: the model gives no logits (B, C, h, w).
    """
    picture = as_float(image)
    masked = mask_images(picture[None], kept[:, None], torch.tensor(tuple(fill)).view(3, 1, 1))
    logits = run_model(model, masked if whole is not None else torch.cat([masked, picture[None]]))
    labels = logits.argmax(1)
    plain = labels[-1] if whole is None else whole
    return MaskedView(picture, kept, masked, plain, labels[: len(kept)], logits.shape[1])
