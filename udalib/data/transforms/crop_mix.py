"""CropMix of pictures with classes, in place of a plain resize (gkgnet sheet, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.core.types import Batch
from udalib.data.transforms import geometry
from udalib.data.transforms.spatial import PilResize
from udalib.ops.contrast_views import draw_boxes
from udalib.ops.crop_mix import crop_scales, mix_views

tv = LazyModule("torchvision.transforms.v2.functional")


@dataclass(frozen=True)
class CropMixup:
    """With probability ``p`` a mixture of crops of the picture, else the whole of it resized by Pillow; to ``size``.

    All crops come from one picture, so its classes stay as they are. Crops are resized bilinearly with antialiasing.
    In the published code a loader process keeps the first number of crops it draws for its whole life; here every
    picture draws its own.

    Attributes:
        size: (h, w).
        p: see above.
        least: smallest share of the picture's area that a crop has.
        ratio: the share of a view in a mixture of n is drawn from Beta(ratio / n, ratio / n): mostly near 0 or 1.
        numbers: how many crops there can be.
    """

    size: tuple[int, int]
    p: float = 0.5
    least: float = 0.01
    ratio: float = 0.4
    numbers: tuple[int, ...] = (2, 3, 4)

    def __post_init__(self) -> None:
        if self.ratio <= 0 or not self.numbers:
            raise ConfigError(f"ratio {self.ratio} must be positive, and numbers {self.numbers} must hold a number.")
        for number in self.numbers:
            crop_scales(number, self.least)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`CropMixup`."""
        geometry.refuse_maps(batch, "CropMixup")
        if batch["image"].dtype != torch.uint8:
            raise ConfigError("CropMixup works on uint8 images: use it in sample_transforms, not batch_transforms.")
        images = []
        for i, chosen in enumerate(draws.bernoulli(self.p).tolist()):
            one, whole = draws.select([i]), {"image": batch["image"][i : i + 1]}
            images.append(
                self._mixed(whole["image"][0], one) if chosen else PilResize(self.size)(whole, one)["image"][0]
            )
        return {**batch, "image": torch.stack(images)}

    def _mixed(self, image: Tensor, draws: Draws) -> Tensor:
        number = self.numbers[int(draws.integers(0, len(self.numbers) - 1))]
        views = [self._crop(image, scale, draws) for scale in crop_scales(number, self.least)]
        if number > 2:
            views = [views[i] for i in draws.permutation(number)[0].tolist()]
        shares = [float(draws.beta(self.ratio / number, self.ratio / number)) for _ in views[1:]]
        orders = [draws.permutation(3)[0].tolist() for _ in views[1:]]
        return mix_views(views, shares, orders).round().clamp(0, 255).to(torch.uint8)

    def _crop(self, image: Tensor, scale: tuple[float, float], draws: Draws) -> Tensor:
        x1, y1, x2, y2 = (int(v) for v in draw_boxes((image.shape[-2], image.shape[-1]), scale, draws)[0])
        bilinear = {"interpolation": tv.InterpolationMode.BILINEAR, "antialias": True}
        view: Tensor = tv.resized_crop(image, y1, x1, y2 - y1, x2 - x1, list(self.size), **bilinear)
        return view.float()
