"""Colour jitter and Gaussian blur of float images with given choices, in torchvision's and in DAFormer's sense."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from udalib.core.lazy import LazyModule

tv = LazyModule("torchvision.transforms.v2.functional")

Factors = tuple[float, float, float, float]
"""Factors of brightness, contrast and saturation (1 changes nothing), and a hue shift in turns (0 changes nothing)."""

NEUTRAL: Factors = (1.0, 1.0, 1.0, 0.0)
Adjustments = tuple[Callable[[Tensor, float], Tensor], ...]


def add_brightness(image: Tensor, factor: float) -> Tensor:
    """Add ``factor - 1`` to an image in [0, 1] and clamp (kornia 0.5.8)."""
    return (image + (factor - 1)).clamp(0, 1)


def scale_contrast(image: Tensor, factor: float) -> Tensor:
    """Multiply an image in [0, 1] by ``factor`` and clamp; no mean is involved (kornia 0.5.8)."""
    return (image * factor).clamp(0, 1)


def scale_saturation(image: Tensor, factor: float) -> Tensor:
    """Multiply S of HSV by ``factor`` and clamp it to [0, 1], for RGB (..., 3, H, W) in [0, 1] (kornia 0.5.8).

    Hue and value stay, so each channel keeps its share of the distance to the largest one.
    """
    value, least = image.amax(-3, keepdim=True), image.amin(-3, keepdim=True)
    gain = torch.clamp(value / (value - least).clamp(min=1e-8), max=factor)  # S * gain <= 1
    return value - (value - image) * gain


def _adjust(name: str, image: Tensor, factor: float) -> Tensor:
    adjusted: Tensor = getattr(tv, name)(image, factor)
    return adjusted


NAMES = ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue")
TORCHVISION: Adjustments = tuple(partial(_adjust, name) for name in NAMES)
DAFORMER: Adjustments = (add_brightness, scale_contrast, scale_saturation, TORCHVISION[3])
"""What DAFormer's jitter does: that of kornia 0.5.8 (daformer sheet, section 6)."""


def jitter(image: Tensor, order: Sequence[int], factors: Factors, adjustments: Adjustments = TORCHVISION) -> Tensor:
    """Adjust float RGB (3, H, W) in [0, 1] in ``order``: 0 brightness, 1 contrast, 2 saturation, 3 hue.

    Adjustments with a neutral factor are left out.
    """
    for kind in order:
        if factors[kind] != NEUTRAL[kind]:
            image = adjustments[kind](image, factors[kind])
    return image


def kernel_length(side: int) -> int:
    """Odd kernel length for an image side: ceil(side / 10), less one if that is even.

    >>> kernel_length(512)
    51
    """
    length = math.ceil(0.1 * side)
    return length if length % 2 else length - 1


def blur(image: Tensor, sigma: Tensor, kernel: tuple[int, int] | None = None) -> Tensor:
    """Gaussian blur of float (B, C, H, W) with ``sigma`` (B,) in pixels, borders reflected.

    Weights exp(-x^2 / (2 sigma^2)) at integer offsets, normalised. ``kernel`` is the odd length along height and width;
    by default :func:`kernel_length` of each side, which cuts off what a sigma above a thirtieth of the side needs
    (daformer sheet, section 6).
    """
    batch, channels, height, width = image.shape
    flat = image.reshape(1, batch * channels, height, width)
    sigma = sigma.to(image.device, image.dtype, non_blocking=True)
    lengths = kernel or (kernel_length(height), kernel_length(width))
    for axis, length in zip((2, 3), lengths, strict=True):
        half = length // 2
        offsets = torch.arange(-half, half + 1, device=image.device, dtype=image.dtype)
        weights = torch.softmax(-(offsets**2) / (2 * sigma[:, None] ** 2), dim=1).repeat_interleave(channels, 0)
        shape = (batch * channels, 1, -1, 1) if axis == 2 else (batch * channels, 1, 1, -1)
        margins = [0, 0, half, half] if axis == 2 else [half, half, 0, 0]
        flat = F.conv2d(F.pad(flat, margins, mode="reflect"), weights.view(shape), groups=batch * channels)
    return flat.view_as(image)
