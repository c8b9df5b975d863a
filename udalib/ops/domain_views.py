"""The ordinary and the strong photometric view of Pin the Memory's source domains (pin_memory sheet, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.photometric import blur
from udalib.ops.views import PhotometricView

Strengths = tuple[float, float, float, float]
"""Of brightness, contrast, saturation and hue, see :class:`udalib.ops.views.PhotometricView`."""


@dataclass(frozen=True)
class DomainViews:
    """Colour jitter and blur of a batch; nothing that moves a pixel.

    Attributes:
        jitter: strengths of the ordinary view.
        probability: of the ordinary view's jitter; the strong view always has its own.
        strong: strengths of the strong view.
        sigma: range of the Gaussian blur in pixels, always applied; None = no blur.

    Raises:
        ConfigError: a probability outside 0 .. 1, or a strength that PhotometricView refuses.
    """

    jitter: Strengths = (0.4, 0.4, 0.4, 0.1)
    probability: float = 0.5
    strong: Strengths = (0.8, 0.8, 0.8, 0.3)
    sigma: tuple[float, float] | None = (0.15, 1.30)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ConfigError(f"jitter_probability is {self.probability}; it must lie between 0 and 1.")
        self._view(self.jitter)
        self._view(self.strong)

    def __call__(self, images: Tensor, draws: Draws, *, strong: bool = False) -> Tensor:
        """Float RGB (B, 3, H, W) in [0, 1] -> the view; each sample draws its own choices."""
        if strong:
            seen = self._view(self.strong)(images, draws)
        else:
            chosen = draws.bernoulli(self.probability).to(images.device, non_blocking=True)
            seen = torch.where(chosen[:, None, None, None], self._view(self.jitter)(images, draws), images)
        if self.sigma is None:
            return seen
        radius = int(4 * self.sigma[1] + 0.5)  # where the published blur cuts its kernel off
        return blur(seen, draws.uniform(*self.sigma), (2 * radius + 1, 2 * radius + 1))

    @staticmethod
    def _view(strengths: Strengths) -> PhotometricView:
        brightness, contrast, saturation, hue = strengths
        return PhotometricView(brightness, contrast, saturation, hue, grey=0.0)
