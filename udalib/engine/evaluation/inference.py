"""Predicting whole images, or overlapping windows of them whose logits are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.windows import window_starts
from udalib.ops import resize

Predict = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) -> logits (B, C, h, w) of any size; the network is in eval mode already."""


class Inference(Protocol):
    """A way to apply ``predict`` to images of any size."""

    def __call__(self, predict: Predict, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> logits (B, C, h, w)."""


@dataclass(frozen=True)
class Whole:
    """The whole image at once; the logits come back as ``predict`` gives them."""

    def __call__(self, predict: Predict, images: Tensor) -> Tensor:
        """Return ``predict(images)``."""
        return predict(images)


@dataclass(frozen=True)
class Sliding:
    """Windows of ``crop`` every ``stride`` pixels; each pixel's logits are the mean over the windows that cover it.

    The last window of a row or column is shifted inside, so every window has the full crop; an image smaller than the
    crop along an axis is one window along it (daformer sheet, section 10; HRDA tests with crop 1024, stride 512).

    Attributes:
        crop, stride: (height, width) in pixels.
        max_batch: most windows, over all images, in one call of ``predict``.
        align_corners: how a window's logits are resized where ``predict`` returns them at a lower resolution.

    >>> image = torch.rand(1, 3, 6, 10)
    >>> logits = Sliding(crop=(4, 4), stride=(2, 3))(lambda x: 2 * x, image)
    >>> bool(torch.allclose(logits, 2 * image))
    True
    """

    crop: tuple[int, int]
    stride: tuple[int, int]
    max_batch: int = 8
    align_corners: bool = False

    def __post_init__(self) -> None:
        if self.max_batch < 1:
            raise ConfigError(f"max_batch is {self.max_batch}; at least one window must fit into a batch.")
        for crop, stride in zip(self.crop, self.stride, strict=True):
            if not 1 <= stride <= crop:
                raise ConfigError(
                    f"stride {self.stride} does not fit the crop {self.crop}: each stride must be between 1 and the "
                    "crop's side, or pixels between two windows would get no prediction."
                )

    def __call__(self, predict: Predict, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> logits (B, C, H, W), float32 or wider.

        Windows are batched window by window: the first window of all images, then the second of all.
        """
        tops, lefts = self.origins(images.shape[-2], images.shape[-1])
        size = (min(self.crop[0], images.shape[-2]), min(self.crop[1], images.shape[-1]))
        windows = [(top, left) for top in tops for left in lefts]
        total: Tensor | None = None
        for (top, left), logits in self._predict_windows(predict, images, windows, size):
            if total is None:
                total = logits.new_zeros(*logits.shape[:2], *images.shape[-2:])
            total[..., top : top + size[0], left : left + size[1]] += logits
        assert total is not None  # origins() never returns an empty list
        rows = _coverage(tops, size[0], images.shape[-2])
        columns = _coverage(lefts, size[1], images.shape[-1])
        return total / (rows[:, None] * columns[None, :]).to(total)

    def origins(self, height: int, width: int) -> tuple[list[int], list[int]]:
        """Top rows and left columns of the windows of a (height, width) image."""
        rows = window_starts(height, self.crop[0], self.stride[0])
        return rows, window_starts(width, self.crop[1], self.stride[1])

    def _predict_windows(
        self, predict: Predict, images: Tensor, windows: Sequence[tuple[int, int]], size: tuple[int, int]
    ) -> Iterator[tuple[tuple[int, int], Tensor]]:
        count = len(images)
        at_once = max(1, self.max_batch // max(count, 1))
        for start in range(0, len(windows), at_once):
            chunk = windows[start : start + at_once]
            crops = torch.cat([images[..., y : y + size[0], x : x + size[1]] for y, x in chunk])
            logits = resize_logits(predict(crops), size, self.align_corners)
            yield from zip(chunk, torch.split(logits, count), strict=True)


def _coverage(starts: Sequence[int], crop: int, side: int) -> Tensor:
    """How many windows cover each position of one axis, (side,)."""
    counts = torch.zeros(side)
    for start in starts:
        counts[start : start + crop] += 1
    return counts


def resize_logits(logits: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """Logits (B, C, h, w), 16-bit ones widened to float32 first, resized bilinearly to (B, C, *size)."""
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    if logits.device.type == "cpu":  # the maps are small, and resized by class they take three times as long
        logits = logits.contiguous(memory_format=torch.channels_last)
    return resize(logits, size, align_corners)
