"""The strong augmentation of DACS and DAFormer: colour jitter and blur of mixed images (daformer sheet, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.photometric import DAFORMER, NEUTRAL, Factors, blur, jitter


@dataclass(frozen=True)
class Choices:
    """What was drawn for a batch.

    Attributes:
        orders: order of the four adjustments for each sample; empty for no jitter.
        factors: of each sample, see :data:`udalib.ops.photometric.Factors`.
        sigma: of the blur in pixels, float (B,); None for no blur.
    """

    orders: tuple[tuple[int, ...], ...] = ()
    factors: tuple[Factors, ...] = ()
    sigma: Tensor | None = None


@dataclass(frozen=True)
class StrongAugmentation:
    """Jitter and blur of a batch; whether each is done at all is one draw for the batch, how is one a sample.

    Attributes:
        strength: factors of brightness, contrast and saturation lie in [1 - s, 1 + s], the hue shift in [-s, s] turns.
        jitter_probability: of the jitter. The published code calls 0.2 a probability and jitters where a draw is
            GREATER than it, so in 80 % of the iterations.
        blur_probability: of the blur.
        sigma: range of the blur in pixels.

    Raises:
        ConfigError: a strength outside 0 .. 0.5 or a probability outside 0 .. 1.
    """

    strength: float = 0.2
    jitter_probability: float = 0.8
    blur_probability: float = 0.5
    sigma: tuple[float, float] = (0.15, 1.15)

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 0.5:
            raise ConfigError(f"jitter_strength is {self.strength}; it must lie between 0 and 0.5 (hue, in turns).")
        for name in ("jitter_probability", "blur_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1.")

    def draw(self, samples: Draws, batch: Draws, *, alike: bool = False) -> Choices:
        """Draw for a batch.

        Args:
            samples: one generator a sample.
            batch: one generator for the batch.
            alike: one order and one sigma for all samples, as where the published code augments them in one call.
        """
        jittered, blurred = batch.uniform().item(), batch.uniform().item()
        choices = Choices()
        count, each = len(samples), batch if alike else samples
        if jittered > 1 - self.jitter_probability and self.strength > 0:
            orders = each.permutation(4).tolist() * (count if alike else 1)
            choices = Choices(tuple(map(tuple, orders)), self._factors(samples))
        if blurred > 1 - self.blur_probability:
            sigma = each.uniform(*self.sigma).expand(count)
            choices = Choices(choices.orders, choices.factors, sigma)
        return choices

    def _factors(self, samples: Draws) -> tuple[Factors, ...]:
        shifts = [samples.uniform(-self.strength, self.strength).tolist() for _ in NEUTRAL]
        return tuple(
            (1 + brightness, 1 + contrast, 1 + saturation, hue)
            for brightness, contrast, saturation, hue in zip(*shifts, strict=True)
        )


def augment(images: Tensor, choices: Choices) -> Tensor:
    """Jitter, then blur float RGB (B, 3, H, W) in [0, 1] by ``choices``."""
    if choices.orders:
        drawn = zip(images, choices.orders, choices.factors, strict=True)
        images = torch.stack([jitter(image, order, factors, DAFORMER) for image, order, factors in drawn])
    return images if choices.sigma is None else blur(images, choices.sigma)
