"""Augmentation of pictures with classes: random erasing and TrivialAugment (gkgnet sheet, 5.1). Images alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.types import Batch
from udalib.data.transforms import geometry
from udalib.ops.contrast_views import draw_boxes
from udalib.ops.trivial_augment import LEVELS, OPERATIONS, trivial_augment


@dataclass(frozen=True)
class RandomErasing:
    """With probability ``p`` put normal noise into one box of the image, float RGB in [0, 1], and clamp it.

    The published code erases before the jitter of colours, on whole numbers of 0 .. 255.

    Attributes:
        p: see above.
        area: of the box as a share of the image.
        aspect: width over height of the box. Our sources do not give it; this is torchvision's.
        mean, std: of the noise by channel, 0 .. 255, RGB: those that networks normalise with.
    """

    p: float = 0.5
    area: tuple[float, float] = (0.02, 1 / 3)
    aspect: tuple[float, float] = (0.3, 3.3)
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1 or not 0 < self.aspect[0] <= self.aspect[1]:
            raise ConfigError(
                f"areas {self.area} lie in (0, 1] and aspects {self.aspect} above 0, the smaller one first."
            )

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`RandomErasing`."""
        geometry.refuse_maps(batch, "RandomErasing")
        images = batch["image"].clone()
        boxes = draw_boxes(geometry.size_of(batch), self.area, draws, self.aspect).int().tolist()
        for i, chosen in enumerate(draws.bernoulli(self.p).tolist()):
            if chosen:
                x1, y1, x2, y2 = boxes[i]
                noise = self._noise(draws.select([i]), (y2 - y1, x2 - x1))
                images[i, :, y1:y2, x1:x2] = noise.to(images, non_blocking=True)
        return {**batch, "image": images}

    def _noise(self, draws: Draws, size: tuple[int, int]) -> Tensor:
        uniform = draws.noise(3, *size)[0].clamp(1e-6, 1 - 1e-6)
        mean, std = (torch.tensor(each).view(3, 1, 1) / 255 for each in (self.mean, self.std))
        noise: Tensor = mean + std * torch.special.ndtri(uniform)
        return noise.clamp(0, 1)


@dataclass(frozen=True)
class TrivialAugment:
    """One operation of 14 a picture, at a level of its own: :mod:`udalib.ops.trivial_augment`. Float RGB in [0, 1]."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`TrivialAugment`."""
        geometry.refuse_maps(batch, "TrivialAugment")
        kinds, levels = draws.integers(0, len(OPERATIONS) - 1).tolist(), draws.integers(0, LEVELS).tolist()
        signs, names = draws.bernoulli(0.5).tolist(), list(OPERATIONS)
        drawn = zip(batch["image"], kinds, levels, signs, strict=True)
        images = [trivial_augment(image, names[kind], level, 1 if up else -1) for image, kind, level, up in drawn]
        return {**batch, "image": torch.stack(images)}
