"""Transforms of batches: frozen dataclasses ``transform(batch, draws) -> batch`` on any device.

As ``sample_transforms`` of a stream they see one decoded sample (B = 1, images uint8, possibly large); as
``batch_transforms`` the whole batch on its device (images float32 in [0, 1]). Geometry treats image, label, flow,
depth and boxes alike; the photometric ones are in :mod:`udalib.data.transforms.photometric`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Batch
from udalib.data.labels import id_counts, mapping
from udalib.data.transforms import geometry


@dataclass(frozen=True)
class Resize:
    """Resize to ``size`` (h, w), or with ``keep_ratio`` to the largest size of the same shape that fits into it.

    The aspect-preserving rule and both interpolations are those of :mod:`udalib.data.transforms.geometry`.
    """

    size: tuple[int, int]
    keep_ratio: bool = False

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`Resize`; draws nothing."""
        old = geometry.size_of(batch)
        return geometry.resize(batch, geometry.fitted_size(old, self.size) if self.keep_ratio else self.size)


@dataclass(frozen=True)
class SameArea:
    """Resize to the area of ``size`` (h, w), keeping the shape of the image; images that shrink are antialiased.

    For folders of unlike sizes: a crop of ``size``'s shorter side fits into every image that is at most twice as long
    as it is broad, if ``size`` is. Predictions of a run are made at this size as well.
    """

    size: tuple[int, int]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`SameArea`; draws nothing."""
        return geometry.resize(batch, geometry.same_area_size(geometry.size_of(batch), self.size), antialias=True)


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
class RandomScale:
    """Resize one sample by a factor uniform in ``low`` .. ``high``, the same for both sides, truncated to pixels.

    It changes the size of a sample, so use it in ``sample_transforms``, before a crop and a pad to one size.
    """

    low: float = 0.5
    high: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high:
            raise ConfigError(f"scales lie between {self.low} and {self.high}; give 0 < low <= high.")

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`RandomScale`."""
        if len(draws) != 1:
            raise ConfigError("RandomScale gives each sample another size: use it in sample_transforms.")
        factor = float(draws.uniform(self.low, self.high))
        height, width = (max(1, int(side * factor)) for side in geometry.size_of(batch))
        return geometry.resize(batch, (height, width))


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
class CutBottom:
    """Leave out the last ``rows`` of everything: SYNTHIA-Seq's 120 in the video settings (quadmix sheet, 4.3)."""

    rows: int

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`CutBottom`; draws nothing."""
        height, width = geometry.size_of(batch)
        if not 0 <= self.rows < height:
            raise ConfigError(f"cutting {self.rows} rows leaves nothing of an image of {height} x {width}.")
        return geometry.crop(batch, 0, 0, (height - self.rows, width))


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
    counts = [n for n in id_counts(label)[:IGNORE_INDEX] if n]
    return len(counts) > 1 and max(counts) / sum(counts) < max_ratio


@dataclass(frozen=True)
class ValidMargins:
    """Say which pixels of a target image may count as pseudo labels: none within ``margins`` of its borders.

    Adds ``valid`` uint8 (B, H, W), 1 inside and 0 in the margins, on the grid of the images as they come; what follows
    (resize, crop, flip, pad) moves it with them. So use it first. HRDA leaves out 30 rows at the top, 240 at the bottom
    and 30 columns at each side of Cityscapes' 1024 x 2048 (mic_hrda sheet, section 3).

    Attributes:
        margins: (top, bottom, left, right) in pixels.
    """

    margins: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        if len(self.margins) != 4 or min(self.margins) < 0:
            raise ConfigError(f"margins are (top, bottom, left, right), each at least 0, got {self.margins}.")

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`ValidMargins`; draws nothing."""
        image, (height, width) = batch["image"], geometry.size_of(batch)
        top, bottom, left, right = self.margins
        if top + bottom >= height or left + right >= width:
            raise ConfigError(f"margins {self.margins} leave nothing of an image of {height} x {width}.")
        valid = torch.zeros(len(image), height, width, dtype=torch.uint8, device=image.device)
        valid[:, top : height - bottom, left : width - right] = 1
        return {**batch, "valid": valid}
