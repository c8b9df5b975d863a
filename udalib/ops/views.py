"""The second view of an unlabelled image: colour jitter and grey scale, nothing that moves a pixel (eln sheet, 5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.ops.photometric import TORCHVISION, jitter

tv = LazyModule("torchvision.transforms.v2.functional")


@dataclass(frozen=True)
class PhotometricView:
    """Torchvision's colour jitter, always, then grey scale with some probability; each sample draws its own.

    Attributes:
        brightness, contrast, saturation: factors are uniform in [max(0, 1 - x), 1 + x].
        hue: shift in [-hue, hue] turns.
        grey: probability of grey scale (three equal channels).

    Raises:
        ConfigError: a negative strength, a hue above 0.5 or a probability outside 0 .. 1.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    grey: float = 0.2

    def __post_init__(self) -> None:
        if min(self.brightness, self.contrast, self.saturation, self.hue) < 0 or self.hue > 0.5:
            raise ConfigError(f"{self}: strengths must be at least 0, the hue at most 0.5 (in turns).")
        if not 0 <= self.grey <= 1:
            raise ConfigError(f"grey is {self.grey}; a probability lies between 0 and 1.")

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Float RGB (B, 3, H, W) in [0, 1] -> the same pixels in other colours."""
        orders = draws.permutation(4).tolist()
        strengths = (self.brightness, self.contrast, self.saturation)
        factors = [draws.uniform(max(0.0, 1 - s), 1 + s).tolist() for s in strengths]
        drawn = zip(*factors, draws.uniform(-self.hue, self.hue).tolist(), strict=True)
        changed = [jitter(x, order, f, TORCHVISION) for x, order, f in zip(images, orders, drawn, strict=True)]
        grey = draws.bernoulli(self.grey).to(images.device, non_blocking=True)
        view = torch.stack(changed)
        return torch.where(grey[:, None, None, None], tv.rgb_to_grayscale(view, num_output_channels=3), view)
