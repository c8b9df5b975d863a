"""Photometric transforms of batches; they touch ``image`` only. See :mod:`udalib.data.transforms`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tv

from udalib.core.types import Batch
from udalib.data.draws import Draws


@dataclass(frozen=True)
class ColorJitter:
    """Torchvision's colour jitter: with probability ``p``, the four adjustments in a random order.

    Factors of brightness, contrast and saturation are uniform in [max(0, 1 - x), 1 + x], the hue shift in
    [-hue, hue] turns (at most 0.5); each sample has its own factors and order. (DAFormer's kornia 0.5.8 ADDS
    brightness and scales contrast without a mean: another transform.)
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.2
    p: float = 1.0

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`ColorJitter`."""
        chosen, order = draws.bernoulli(self.p).tolist(), draws.permutation(4).tolist()
        strengths = (self.brightness, self.contrast, self.saturation)
        factors = [draws.uniform(max(0.0, 1.0 - s), 1.0 + s).tolist() for s in strengths]
        factors.append(draws.uniform(-self.hue, self.hue).tolist())
        images = [
            jitter(x, order[i], (factors[0][i], factors[1][i], factors[2][i], factors[3][i])) if chosen[i] else x
            for i, x in enumerate(batch["image"])
        ]
        return {**batch, "image": torch.stack(images)}


_ADJUST: tuple[Callable[[Tensor, float], Tensor], ...] = (
    tv.adjust_brightness,
    tv.adjust_contrast,
    tv.adjust_saturation,
    tv.adjust_hue,
)


def jitter(image: Tensor, order: list[int], factors: tuple[float, float, float, float]) -> Tensor:
    """Adjust an image (3, H, W) in ``order``: 0 brightness, 1 contrast, 2 saturation, 3 hue; neutral ones are left."""
    for kind in order:
        if factors[kind] != (0.0 if kind == 3 else 1.0):
            image = _ADJUST[kind](image, factors[kind])
    return image


@dataclass(frozen=True)
class GaussianBlur:
    """Blur float images with probability ``p``, sigma uniform in ``sigma`` pixels for each sample.

    The kernel has an odd length of about a tenth of each side, borders are reflected (daformer sheet, section 6).
    """

    sigma: tuple[float, float] = (0.15, 1.15)
    p: float = 0.5

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`GaussianBlur`."""
        image = batch["image"]
        chosen, sigmas = draws.bernoulli(self.p), draws.uniform(*self.sigma)
        if not bool(chosen.any()):
            return dict(batch)
        mask = chosen.to(image.device, non_blocking=True).view(-1, *[1] * (image.ndim - 1))
        return {**batch, "image": torch.where(mask, blur(image, sigmas), image)}


def kernel_length(side: int) -> int:
    """Odd kernel length for an image side: ceil(side / 10), less one if that is even.

    >>> kernel_length(512)
    51
    """
    length = math.ceil(0.1 * side)
    return length if length % 2 else length - 1


def blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of float (B, C, H, W) with ``sigma`` (B,): weights exp(-x^2 / (2 sigma^2)), normalised."""
    batch, channels, height, width = image.shape
    flat = image.reshape(1, batch * channels, height, width)
    sigma = sigma.to(image.device, image.dtype, non_blocking=True)
    for axis, side in ((2, height), (3, width)):
        half = kernel_length(side) // 2
        offsets = torch.arange(-half, half + 1, device=image.device, dtype=image.dtype)
        weights = torch.softmax(-(offsets**2) / (2 * sigma[:, None] ** 2), dim=1).repeat_interleave(channels, 0)
        shape = (batch * channels, 1, -1, 1) if axis == 2 else (batch * channels, 1, 1, -1)
        margins = [0, 0, half, half] if axis == 2 else [half, half, 0, 0]
        flat = F.conv2d(F.pad(flat, margins, mode="reflect"), weights.view(shape), groups=batch * channels)
    return flat.view_as(image)
