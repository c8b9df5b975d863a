"""Photometric transforms of batches; they touch ``image`` only. See :mod:`udalib.data.transforms.spatial`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from udalib.core.draws import Draws
from udalib.core.types import Batch
from udalib.ops.photometric import blur, jitter


@dataclass(frozen=True)
class ColorJitter:
    """Torchvision's colour jitter: with probability ``p``, the four adjustments in a random order.

    Factors of brightness, contrast and saturation are uniform in [max(0, 1 - x), 1 + x], the hue shift in
    [-hue, hue] turns (at most 0.5); each sample has its own factors and order. (DAFormer's own jitter is another
    transform: :class:`udalib.ops.augmentation.StrongAugmentation`.)
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
