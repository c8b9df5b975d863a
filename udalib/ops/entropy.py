"""Entropy of soft-max maps, and the class-ratio prior that keeps its minimisation from dropping classes.

Vu et al., "ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic Segmentation", CVPR 2019
(advent sheet, section 3).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32

_TINY = 1e-30  # inside the logarithm, as published: representable in float32, not in float16


def self_information(probabilities: Tensor) -> Tensor:
    """Weighted self-information ``I_c = -p_c log2(p_c + 1e-30) / log2(C)`` of every class and pixel.

    Args:
        probabilities: (B, C, H, W), sums to 1 over C; 16-bit input is computed in float32.

    Returns:
        (B, C, H, W) float, each channel in [0, 0.531 / log2 C] (0.125 for 19 classes): the map that AdvEnt's
        discriminator judges.

    >>> self_information(torch.full((1, 4, 1, 1), 0.25)).flatten().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    p = at_least_float32(probabilities)
    return -p * torch.log2(p + _TINY) / math.log2(p.shape[1])


def pixel_entropy(probabilities: Tensor) -> Tensor:
    """Normalised entropy of every pixel: (B, C, H, W) -> (B, H, W) in [0, 1], 1 for the uniform distribution."""
    return self_information(probabilities).sum(1)


def mean_entropy(probabilities: Tensor, entropy_range: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Mean normalised entropy, the MinEnt loss: (B, C, H, W) -> scalar in [0, 1].

    ``entropy_range`` keeps only pixels whose own entropy lies within (low, high); the default keeps all, as the
    released code does. The paper's variant trains on a range of the most uncertain pixels; which is not known. No pixel
    in range gives 0 with zero gradient.

    Raises:
        ConfigError: unless 0 <= low < high <= 1.
    """
    check_range(entropy_range)
    low, high = entropy_range
    entropy = pixel_entropy(probabilities)
    if (low, high) == (0.0, 1.0):
        return entropy.mean()
    kept = (entropy >= low) & (entropy <= high)
    return (entropy * kept).sum() / kept.sum().clamp(min=1)


def check_range(entropy_range: tuple[float, float]) -> None:
    """Raise :class:`ConfigError` unless 0 <= low < high <= 1."""
    low, high = entropy_range
    if not 0 <= low < high <= 1:
        raise ConfigError(f"entropy_range is {entropy_range}; give two numbers with 0 <= low < high <= 1.")


def class_ratio_loss(probabilities: Tensor, ratios: Tensor, mu: float = 1.0) -> Tensor:
    """Class-ratio prior ``sum_c relu(mu p_s(c) - mean_pixels P(c))``: a penalty for classes that disappear.

    One-sided on purpose: a class may grow, but is pulled back once its share of the batch falls below ``mu`` times its
    share of the source labels. Described in the paper, not in the released code; the published ``mu`` is not known.

    Args:
        probabilities: (B, C, H, W) of target images.
        ratios: (C,) share of each class in the source labels, summing to 1.
        mu: relaxation in [0, 1]; 0 switches the prior off.
    """
    share = probabilities.float().mean(dim=(0, 2, 3))
    return torch.relu(mu * ratios.to(share) - share).sum()
