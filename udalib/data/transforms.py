"""Transforms of batches: frozen dataclasses ``transform(batch, draws) -> batch`` on any device.

As ``sample_transforms`` of a stream they see one decoded sample (B = 1, images uint8, possibly large); as
``batch_transforms`` the whole batch on its device (images float32 in [0, 1]). Geometry treats image, label, flow,
depth and boxes alike; photometric transforms touch ``image`` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tv

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Batch
from udalib.data import geometry
from udalib.data.draws import Draws
from udalib.data.labels import mapping


@dataclass(frozen=True)
class Resize:
    """Resize to ``size`` (h, w), or with ``keep_ratio`` to the largest size of the same shape that fits into it.

    The aspect-preserving rule and both interpolations are those of :mod:`udalib.data.geometry`.
    """

    size: tuple[int, int]
    keep_ratio: bool = False

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`Resize`; draws nothing."""
        old = geometry.size_of(batch)
        return geometry.resize(batch, geometry.fitted_size(old, self.size) if self.keep_ratio else self.size)


@dataclass(frozen=True)
class PilResize:
    """Resize uint8 CPU images with Pillow's bicubic filter and labels with its nearest, to ``size`` (h, w).

    This is what AdaptSegNet and its descendants do. Pillow's nearest takes pixel centres, unlike :class:`Resize`.
    """

    size: tuple[int, int]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`PilResize`; draws nothing."""
        if batch["image"].dtype != torch.uint8:
            raise ConfigError("PilResize works on uint8 images: use it in sample_transforms, not batch_transforms.")
        other = [k for k in (*geometry.FLOWS, *geometry.MAPS[1:], "frames", "boxes") if k in batch]
        if other:
            raise ConfigError(f"PilResize handles image and label only, the batch also has {', '.join(other)}.")
        result = dict(batch)
        result["image"] = torch.stack([_pil_image(x, self.size) for x in batch["image"]])
        if "label" in batch:
            result["label"] = torch.stack([_pil_label(x, self.size) for x in batch["label"]])
        return result


def _pil_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    resized = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).resize(size[::-1], Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)


def _pil_label(label: Tensor, size: tuple[int, int]) -> Tensor:
    resized = Image.fromarray(label.to(torch.uint8).numpy()).resize(size[::-1], Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(resized)).to(label.dtype)


@dataclass(frozen=True)
class Pad:
    """Pad bottom and right up to ``size`` (h, w): labels with 255, images with ``color`` (RGB, 0..255).

    The published pipelines pad with 0 AFTER normalising, which is the mean colour; so is the default here.
    """

    size: tuple[int, int]
    color: tuple[float, float, float] = (123.675, 116.28, 103.53)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`Pad`; draws nothing."""
        return geometry.pad(batch, self.size, self.color)


@dataclass(frozen=True)
class MapLabels:
    """Map the labels from one label space to another, e.g. ``MapLabels("cityscapes19", "camvid11")``."""

    src: str
    dst: str

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`MapLabels`; draws nothing."""
        table = torch.from_numpy(mapping(self.src, self.dst))
        labels: Batch = {k: _looked_up(table, batch[k]) for k in ("label", "frame_labels") if k in batch}
        return {**batch, **labels}


def _looked_up(table: Tensor, label: Tensor) -> Tensor:
    return table.to(label.device, label.dtype, non_blocking=True)[label.long()]


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror each sample with probability ``p``; negates the horizontal component of flow."""

    p: float = 0.5

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`HorizontalFlip`."""
        return geometry.hflip(batch, draws.bernoulli(self.p))


@dataclass(frozen=True)
class RandomCrop:
    """Cut a random window of ``size`` (h, w), or less where the image is smaller (follow with :class:`Pad`).

    Offsets are drawn y then x, uniform over 0 .. margin inclusive. With ``cat_max_ratio`` below 1 the window is drawn
    again, up to ``redraws`` times, until its label holds at least two valid classes and none covers that share of its
    valid pixels; the last draw is kept (daformer sheet, section 7). The rule reads the label on the host: use it in
    ``sample_transforms``.
    """

    size: tuple[int, int]
    cat_max_ratio: float = 1.0
    redraws: int = 10

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`RandomCrop`."""
        height, width = geometry.size_of(batch)
        window = (min(self.size[0], height), min(self.size[1], width))
        margins = (height - window[0], width - window[1])
        if self.cat_max_ratio < 1.0 and "label" not in batch:
            raise ConfigError("RandomCrop(cat_max_ratio < 1) needs labels; use cat_max_ratio=1 on unlabelled data.")
        corners = [self._corner(batch, draws.select([i]), i, window, margins) for i in range(len(draws))]
        return geometry.crop_each(batch, [c[0] for c in corners], [c[1] for c in corners], window)

    def _corner(
        self, batch: Batch, draws: Draws, sample: int, window: tuple[int, int], margins: tuple[int, int]
    ) -> tuple[int, int]:
        top, left = _drawn(draws, margins)
        if self.cat_max_ratio >= 1.0:
            return top, left
        for _ in range(self.redraws):
            cut = batch["label"][sample, top : top + window[0], left : left + window[1]]
            if varied(cut, self.cat_max_ratio):
                break
            top, left = _drawn(draws, margins)
        return top, left


def _drawn(draws: Draws, margins: tuple[int, int]) -> tuple[int, int]:
    """One window corner, y drawn before x."""
    return int(draws.integers(0, margins[0])), int(draws.integers(0, margins[1]))


def varied(label: Tensor, max_ratio: float) -> bool:
    """True if ``label`` has two or more valid classes, each with less than ``max_ratio`` of the valid pixels."""
    counts = torch.bincount(label.reshape(-1).long(), minlength=IGNORE_INDEX + 1)[:IGNORE_INDEX]
    return int((counts > 0).sum()) > 1 and float(counts.max() / counts.sum()) < max_ratio


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
