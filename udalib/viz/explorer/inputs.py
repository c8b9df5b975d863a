"""What explorers are given, checked at the door: images, samples, and models as functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from udalib.core.errors import ConfigError, DataError
from udalib.ops import resize

Segment = Callable[[Tensor], Tensor]
"""Images float (B, 3, H, W) in [0, 1] -> logits (B, C, h, w), as :meth:`udalib.methods.Method.predict` gives them."""


def check_images(images: Sequence[Tensor]) -> None:
    """Raise unless there is an image, and all share one shape (3, H, W)."""
    if not images:
        raise ConfigError("there is no image to explore; give at least one.")
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1 or len(next(iter(shapes))) != 3:
        raise DataError(f"the images of an explorer must share one shape (3, H, W), got {sorted(shapes)}.")


def as_float(image: Any) -> Tensor:
    """An image as a float tensor; integers in 0 .. 255 come to lie in [0, 1]."""
    tensor = torch.as_tensor(image)
    return tensor if tensor.is_floating_point() else tensor.float() / 255


def as_label(sample: Mapping[str, Any]) -> Tensor:
    """The label of a sample, int64 (H, W), of the size of its image."""
    if "label" not in sample:
        raise ConfigError(f"a sample without a label cannot be explored here; it has {sorted(sample)}.")
    label, size = torch.as_tensor(sample["label"]).long(), tuple(torch.as_tensor(sample["image"]).shape[-2:])
    if tuple(label.shape) != size:
        raise DataError(f"image {size} and label {tuple(label.shape)} of a sample differ in size; resize one of them.")
    return label


def run_model(model: Segment, images: Tensor) -> Tensor:
    """Logits (B, C, H, W) of ``images`` (B, 3, H, W), without gradients, at their size and on the CPU."""
    with torch.no_grad():
        logits = model(images)
    if logits.ndim != 4 or len(logits) != len(images):
        raise DataError(
            f"the model gave {tuple(logits.shape)} for images {tuple(images.shape)}; it must give logits (B, C, h, w)."
        )
    return resize(logits.detach().float().cpu(), images.shape[-2:])
