"""Views of contrastive learning: random crops, patches of a view, and the changes of colour between them.

What is drawn follows the published code (dscl sheet, section 4). Everything runs on the batch on its device: crops are
resized bilinearly without antialiasing, where the published code crops the original file with Pillow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.ops.photometric import blur
from udalib.ops.views import PhotometricView

tv = LazyModule("torchvision.transforms.v2.functional")

TRIES = 10


@dataclass(frozen=True)
class Views:
    """What a step of DSCL looks at.

    Attributes:
        query, key: (B, 3, h, w).
        patches: (L, B, 3, p, p), cut from the query view before its colours changed.
        boxes: float (L, B, 4), where they were cut: x1 y1 x2 y2 in pixels of the query view.
    """

    query: Tensor
    key: Tensor
    patches: Tensor
    boxes: Tensor


@dataclass(frozen=True)
class ViewMaker:
    """Draws :class:`Views` of a batch.

    Attributes:
        size: (height, width) of both views.
        patches: L.
        patch_size: side of a resized patch.
        crop_scale: area of a view's crop as a share of the picture.
        patch_scale: area of a patch as a share of the view.

    Raises:
        ConfigError: a size or number that is not positive, or a scale outside (0, 1].
    """

    size: tuple[int, int] = (224, 224)
    patches: int = 5
    patch_size: int = 64
    crop_scale: tuple[float, float] = (0.08, 1.0)
    patch_scale: tuple[float, float] = (0.05, 0.6)

    def __post_init__(self) -> None:
        if min(*self.size, self.patch_size) < 1 or self.patches < 0:
            raise ConfigError(f"{self}: sizes must be positive and the number of patches at least 0.")
        for low, high in (self.crop_scale, self.patch_scale):
            if not 0 < low <= high <= 1:
                raise ConfigError(f"a scale from {low} to {high} must lie in (0, 1], the smaller number first.")

    def __call__(self, images: Tensor, draws: Draws) -> Views:
        """Views of float RGB images (B, 3, H, W) in [0, 1]."""
        query, key = (self._cropped(images, draws) for _ in range(2))
        boxes = [
            draw_boxes(self.size, self.patch_scale, draws).to(images.device, non_blocking=True)
            for _ in range(self.patches)
        ]
        cuts = [crop_resize(query, b, (self.patch_size, self.patch_size)) for b in boxes]
        patches = [full_change(flipped(cut, draws), draws) for cut in cuts]
        shape = (self.patch_size, self.patch_size)
        return Views(
            full_change(query, draws),
            PhotometricView(0.4, 0.4, 0.4, hue=0.0, grey=0.0)(key, draws),
            torch.stack(patches) if patches else images.new_empty(0, len(images), 3, *shape),
            torch.stack(boxes) if boxes else images.new_empty(0, len(images), 4),
        )

    def _cropped(self, images: Tensor, draws: Draws) -> Tensor:
        size = (images.shape[-2], images.shape[-1])
        boxes = draw_boxes(size, self.crop_scale, draws)
        return flipped(crop_resize(images, boxes.to(images.device, non_blocking=True), self.size), draws)


def draw_boxes(
    size: tuple[int, int], scale: tuple[float, float], draws: Draws, aspect: tuple[float, float] = (3 / 4, 4 / 3)
) -> Tensor:
    """Boxes float (B, 4), x1 y1 x2 y2 in whole pixels: area uniform in ``scale``, ``aspect`` uniform in its logarithm.

    The first of ten tries that fits into ``size`` (h, w), else all of it (a view is not much wider than high).
    """
    height, width = size
    found = torch.tensor([0.0, 0.0, width, height]).repeat(len(draws), 1)
    open_ = torch.ones(len(draws), dtype=torch.bool)
    for _ in range(TRIES):
        area = draws.uniform(*scale) * height * width
        wide = draws.uniform(math.log(aspect[0]), math.log(aspect[1])).exp()
        w, h = (area * wide).sqrt().round().clamp(min=1), (area / wide).sqrt().round().clamp(min=1)
        x, y = ((draws.uniform() * (side - s + 1)).floor() for side, s in ((width, w), (height, h)))
        fits = open_ & (w <= width) & (h <= height)
        found[fits] = torch.stack([x, y, x + w, y + h], dim=1)[fits]
        open_ &= ~fits
    return found


def crop_resize(images: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Each image's box (B, 4), x1 y1 x2 y2 in pixels, resized bilinearly to ``size`` (h, w)."""
    height, width = images.shape[-2:]
    x1, y1, x2, y2 = boxes.to(images.dtype).unbind(1)
    theta = images.new_zeros(len(images), 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = (x2 - x1) / width, (x1 + x2) / width - 1
    theta[:, 1, 1], theta[:, 1, 2] = (y2 - y1) / height, (y1 + y2) / height - 1
    grid = F.affine_grid(theta, [len(images), 3, *size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def flipped(images: Tensor, draws: Draws) -> Tensor:
    """Mirror each image with probability 1/2."""
    return torch.where(_chosen(0.5, draws, images), images.flip(-1), images)


def full_change(images: Tensor, draws: Draws) -> Tensor:
    """Jitter (0.4, 0.4, 0.4, 0.1) with probability 0.8, grey 0.2, blur of 0.1 .. 2 pixels 0.5, each drawn by image."""
    jittered = PhotometricView(0.4, 0.4, 0.4, hue=0.1, grey=0.0)(images, draws)
    images = torch.where(_chosen(0.8, draws, images), jittered, images)
    grey = tv.rgb_to_grayscale(images, num_output_channels=3)
    images = torch.where(_chosen(0.2, draws, images), grey, images)
    side = min(13, (min(images.shape[-2:]) - 1) // 2 * 2 + 1)
    return torch.where(_chosen(0.5, draws, images), blur(images, draws.uniform(0.1, 2.0), (side, side)), images)


def _chosen(probability: float, draws: Draws, images: Tensor) -> Tensor:
    return draws.bernoulli(probability).to(images.device, non_blocking=True)[:, None, None, None]
